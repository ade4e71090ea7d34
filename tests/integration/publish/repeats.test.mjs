// A site that publishes the same item again when it is asked to (deviantart-api.md 9.1: code 9 was never seen live): then nothing but
// the gallery prevents the second post. Whoever dies, and whatever is shown late, no item is asked for a second time.
import assert from 'node:assert/strict';

import { afterwards, build, childrenOf, isAlive, scenario, until } from './stage.mjs';

const house_of = (settings = {}, site = {}) => build({ settings: { PUBLISHER_CONCURRENCY: 1, ...settings }, site: { accept_repeats: true, ...site } });

/** Each file is public once, asked for once, and the row says where; no attempt burned. */
async function onceEach(house, work, { stalls = 0 } = {}) {
	const { row, job } = await house.published(work, 30000);
	const { posts, publishes, submits } = await house.seen(work);
	const each = work.files.length;
	assert.deepEqual([posts.length, publishes.length, submits.length], [each, each, each]);
	assert.deepEqual([row.deviation_url, row.retry_count, row.error_message, row.execution_lock_id], [publishes[0].url, 0, null, null]);
	assert.deepEqual([job.attempts, Number(job.stc ?? 0)], [1, stalls]);
	assert.deepEqual(job.returned.results.map(({ url }) => url), publishes.map(({ url }) => url));
}

for (const [name, action, fault] of [
	['reset', 'reset_after', {}],
	['closed instead of', 'close', { effect: true }],
	['of blanks', 'empty', {}],
	['with status 500', 'error_500_but_published', {}],
	['with error_code 6', 'status', { status: 400, body: { status: 'error', error: 'invalid_request', error_code: 6, error_description: 'Publication failed' }, effect: true }],
]) {
	scenario(`an answer ${name}: the gallery alone prevents the second post`, async () => {
		const house = await house_of();
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('publish', { title: work.title }, action, fault);
		await house.add(work);
		await onceEach(house, work);
	});
}

scenario('a post that the gallery shows late, yet within the time that an unknown outcome is left alone', async () => {
	const house = await house_of({ PUBLISHER_UNKNOWN_WAIT_MS: 2500 }, { gallery_delay_ms: 1500 });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await house.add(work);
	await onceEach(house, work);
});

scenario('an effect that comes while an unknown outcome is left alone', async () => {
	const house = await house_of({ PUBLISHER_UNKNOWN_WAIT_MS: 2000 });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 504, effect: true, effect_delay_ms: 1000 });
	await house.add(work);
	await onceEach(house, work);
});

scenario('the answers for the first and the last file of three', async () => {
	const house = await house_of();
	const work = await house.deviation(await house.artist(), { files: [{ size: 12000 }, { size: 34000 }, { size: 56000 }] });
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after', { skip: 1 });
	await house.add(work);
	await onceEach(house, work);
});

for (const [name, sizes, faults] of [
	['told apart by size, and both answers', [10000, 90000], [{ count: 2 }]],
	['of one size, and both answers', [10000, 10000], [{ count: 2 }]],
	['of one size, and both answers, the second public only after the first was looked for', [10000, 10000], [{}, { delay_ms: 2000 }]],
]) {
	scenario(`two posts with one title, ${name}`, async () => {
		const house = await house_of({ PUBLISHER_CONCURRENCY: 2 });
		const artist = await house.artist();
		const works = [];
		for (const size of sizes) works.push(await house.deviation(artist, { title: 'Twins', files: [{ size }] }));
		for (const fault of faults) await house.sandbox.fault('publish', { title: 'Twins' }, 'reset_after', fault);
		for (const work of works) await house.add(work);
		const rows = [];
		for (const work of works) rows.push((await house.published(work, 30000)).row);
		const { posts, publishes } = await house.seen(works[0]);
		assert.deepEqual([posts.length, publishes.length], [2, 2]);
		assert.deepEqual(rows.map(({ deviation_id: id }) => id).sort(), posts.map(({ deviationid: id }) => id).sort());
	});
}

scenario('a twin that does not look holds nobody up for ever: the other one is not asked for at once, and is asked for in the end', async () => {
	const house = await house_of({ PUBLISHER_CONCURRENCY: 2, PUBLISHER_UNKNOWN_WAIT_MS: 3000 });
	const artist = await house.artist();
	const unknown = async (action) => {
		const work = await house.deviation(artist, { title: 'Twins', files: [{ size: 10000 }] });
		await house.sandbox.fault('publish', { title: 'Twins' }, action);
		await house.add(work);
		await house.rowWas(work, ({ error_message: message, status }) => message && status === 'publishing');
		return work;
	};
	const due = (work, score) => house.redis.atomically([['ZADD', house.key('delayed'), 'XX', score, work.job], ['ZADD', house.key('marker'), 0, '0']]);
	const publishes = async () => (await house.seen({ title: 'Twins', artist })).requests.filter(({ endpoint }) => endpoint === 'publish').length;
	const twin = await unknown('reset_after');
	await house.jobIs(twin, 'delayed');
	await due(twin, (Date.now() + 3600000) * 4096);
	const work = await unknown('close');
	await until('it has looked, and waits', async () => (await house.journal(work))[0].looks > 0);
	await house.jobIs(work, 'delayed');
	assert.equal(await publishes(), 2);
	await house.psql.query(`UPDATE publisher.files SET looks = 6 WHERE deviation_id = '${work.id}'`);
	await due(work, 0);
	await house.published(work);
	await due(twin, 0);
	await house.published(twin);
	assert.equal(await publishes(), 3);
	assert.equal((await house.seen(work)).posts.length, 2);
});

/** Its publish has taken effect, and nobody knows. */
async function inPublish(house, files = [{}]) {
	const work = await house.deviation(await house.artist(), { files });
	await house.sandbox.fault('publish', { title: work.title }, 'hang', { effect: true });
	await house.add(work);
	await house.inFlight('publish');
	return work;
}

scenario('its worker is killed', async () => {
	const house = await house_of();
	const work = await inPublish(house);
	process.kill(await house.worker(), 'SIGKILL');
	await onceEach(house, work);
});

scenario('its worker is killed at the first of two files', async () => {
	const house = await house_of();
	const work = await inPublish(house, [{ size: 5000 }, { size: 7000 }]);
	process.kill(await house.worker(), 'SIGKILL');
	await onceEach(house, work);
});

/** Everything of a publisher at once. */
async function wipeOut(house) {
	const children = childrenOf(house.publisher.pid).map(({ pid }) => pid);
	for (const pid of [house.publisher.pid, ...children]) process.kill(pid, 'SIGKILL');
	await until('they are gone', () => !children.some(isAlive));
}

scenario('its supervisor and all processes are killed, and a successor starts', async () => {
	const house = await house_of();
	const work = await inPublish(house);
	await wipeOut(house);
	await house.start();
	await onceEach(house, work);
});

scenario('its whole host is lost, and another one finds the job stalled', async () => {
	const house = await house_of({ PUBLISHER_LOCK_DURATION_MS: 1500, PUBLISHER_STALE_CHECK_INTERVAL_MS: 300 });
	const work = await inPublish(house);
	await wipeOut(house);
	// What it left, as another host sees it: the same names with another boot.
	const lock = await house.redis.run('GET', house.key(`${work.job}:lock`));
	const [, boot] = /ip\.([0-9a-f]{8})\./.exec(lock);
	const elsewhere = 'e'.repeat(boot.length);
	await house.redis.run('SET', house.key(`${work.job}:lock`), lock.replaceAll(boot, elsewhere), 'PX', 1500);
	await house.psql.query(`UPDATE deviations SET execution_lock_id = replace(execution_lock_id, '${boot}', '${elsewhere}') WHERE id = '${work.id}'`);
	await house.psql.query(`UPDATE publisher.posts SET open_claim = replace(open_claim, '${boot}', '${elsewhere}') WHERE deviation_id = '${work.id}'`);
	await house.start();
	await onceEach(house, work, { stalls: 1 });
});

afterwards();
