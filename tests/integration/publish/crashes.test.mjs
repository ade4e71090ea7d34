// Processes that are killed, stopped and drained: the job is back in work at once, one post, no attempt burned.
import assert from 'node:assert/strict';

import { afterwards, build, childrenOf, inTime, isAlive, scenario, sleep, until } from './stage.mjs';

const single = { PUBLISHER_CONCURRENCY: 1 };

/** One deviation, in the middle of a request that will not be answered for now. */
async function inTheMiddle(house, endpoint, action, fault, { artist, files } = {}) {
	const work = await house.deviation(artist ?? await house.artist(), { files: files ?? [{}] });
	await house.sandbox.fault(endpoint, endpoint === 'token' ? {} : { title: work.title }, action, fault);
	await house.add(work);
	await house.inFlight(endpoint);
	return work;
}

/** Published once, and the claim that died burned nothing. */
async function endsOnce(house, work, claims = 2) {
	const { row, job } = await house.published(work);
	const { posts } = await house.seen(work);
	assert.equal(posts.length, work.files.length);
	assert.deepEqual([job.attempts, row.retry_count, row.error_message, row.execution_lock_id], [1, 0, null, null]);
	if (claims) assert.ok(job.claims >= claims, `${job.claims} claims`);
	assert.equal(Number(job.stc ?? 0), 0, 'handed back, not stalled');
	return { row, job };
}

async function killed(house) {
	const pid = await house.worker();
	process.kill(pid, 'SIGKILL');
	return Date.now();
}

scenario('a worker killed in an upload: its job runs again within 2 s', async () => {
	const house = await build({ settings: single });
	const work = await inTheMiddle(house, 'submit', 'hang', {});
	const at = await killed(house);
	await endsOnce(house, work);
	const [, second] = (await house.seen(work)).requests.filter(({ endpoint }) => endpoint === 'submit').sort((a, b) => a.started_ms - b.started_ms);
	assert.ok(second.started_ms - at < 2000, `again after ${second.started_ms - at} ms`);
});

scenario('a worker killed after an upload whose answer never came: uploaded again, the unknown item never published', async () => {
	const house = await build({ settings: single });
	const work = await inTheMiddle(house, 'submit', 'hang', { effect: true });
	await killed(house);
	const { row } = await endsOnce(house, work);
	const { submits, publishes } = await house.seen(work);
	assert.equal(submits.length, 2);
	assert.deepEqual(publishes.map(({ itemid }) => itemid), [submits[1].itemid]);
	assert.equal(row.stash_item_id, submits[1].itemid);
});

for (const [name, effect, requests] of [['without effect: the same item is published', false, 2], ['that took effect: it is found in the gallery', true, 1]]) {
	scenario(`a worker killed in a publish ${name}`, async () => {
		const house = await build({ settings: single });
		const work = await inTheMiddle(house, 'publish', 'hang', { effect });
		assert.equal((await house.row(work)).status, 'publishing');
		const at = await killed(house);
		const back = await until('the job is claimed again', async () => {
			const job = await house.job(work);
			return (job.claims > 1 || job.state === 'delayed') && Date.now();
		});
		assert.ok(back - at < 2000, `back after ${back - at} ms`);
		await endsOnce(house, work);
		const seen = await house.seen(work);
		assert.deepEqual([seen.submits.length, seen.publishes.length], [1, 1]);
		assert.equal(seen.requests.filter(({ endpoint }) => endpoint === 'publish').length, requests);
	});
}

scenario('a worker killed between two files goes on with the second', async () => {
	const house = await build({ settings: single });
	const work = await inTheMiddle(house, 'submit', 'hang', { skip: 1 }, { files: [{}, {}] });
	await killed(house);
	await endsOnce(house, work);
	const { submits, publishes } = await house.seen(work);
	assert.deepEqual([submits.length, publishes.length], [2, 2]);
});

scenario('a worker killed in a refresh that never happened: the stored token serves', async () => {
	const house = await build({ settings: single });
	house.mayPresentTwice = true;
	const work = await inTheMiddle(house, 'token', 'hang', {}, { artist: await house.artist({ token_expires_at: inTime('-1 hour') }) });
	await killed(house);
	await endsOnce(house, work);
});

scenario('a worker killed in a refresh whose answer is lost with it: the artist has to connect again', async () => {
	const house = await build({ settings: single });
	house.mayPresentTwice = true;
	const work = await inTheMiddle(house, 'token', 'hang', { effect: true }, { artist: await house.artist({ token_expires_at: inTime('-1 hour') }) });
	await killed(house);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /connect/i);
	assert.equal((await house.sandbox.get('ledger')).refreshes.length, 2, 'asked once more, no more');
});

scenario('a post that kills its worker again and again fails in the end, others go on', async () => {
	const house = await build({ settings: single });
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'hang', { count: 100 });
	await house.add(work);
	let crashes = 0;
	await until('it has failed', async () => {
		const call = (await house.sandbox.get('state')).inflight.find(({ endpoint, step }) => endpoint === 'submit' && step === 'hanging');
		if (call) {
			await killed(house);
			crashes++;
			await until('the request is gone', async () => (await house.sandbox.get('state')).inflight.every(({ id }) => id !== call.id));
		}
		return (await house.row(work)).status === 'failed';
	}, 30000);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /crash/);
	assert.equal(crashes, 10);
	const other = await house.deviation(artist);
	await house.add(other);
	await house.published(other);
});

scenario('a PUBLISHER_MAX_STALLED_COUNT above ten is the limit of crashes: at ten a post goes on, and it fails with that count', async () => {
	const house = await build({ settings: { ...single, PUBLISHER_MAX_STALLED_COUNT: 12 } });
	const work = await house.deviation(await house.artist());
	await until('the journal is there', async () => (await house.psql.rows("SELECT to_regclass('publisher.steps') AS there"))[0].there);
	await house.psql.query(`INSERT INTO publisher.posts (deviation_id, crashes) VALUES ('${work.id}', 10)`);
	await house.sandbox.fault('submit', { title: work.title }, 'hang', { count: 100 });
	await house.add(work);
	for (let crashes = 11; crashes <= 12; crashes++) {
		const { id } = await house.inFlight('submit');
		await killed(house);
		await until('the request is gone', async () => (await house.sandbox.get('state')).inflight.every((call) => call.id !== id));
	}
	const { row, job } = await house.failed(work);
	assert.match(row.error_message, /crashed 12 times in a row/);
	assert.match(job.failedReason, /crashed 12 times in a row/);
	assert.equal((await house.seen(work)).requests.filter(({ endpoint }) => endpoint === 'submit').length, 2);
});

scenario('a post that takes its whole host with it again and again fails in the end: the queue tells of the deaths', async () => {
	const house = await build({ settings: { PUBLISHER_STALE_CHECK_INTERVAL_MS: 200, PUBLISHER_MAX_STALLED_COUNT: 12 } });
	const work = await house.deviation(await house.artist());
	await until('the journal is there', async () => (await house.psql.rows("SELECT to_regclass('publisher.steps') AS there"))[0].there);
	// A claim of a publisher of another host that never ended, the twelfth; its job is still active, without a lock.
	await house.psql.query(`INSERT INTO publisher.posts (deviation_id, open_claim, crashes, stalls)
		VALUES ('${work.id}', 'isekai-publisher|000000000000001|elsewhere|${work.job}', 11, 0)`);
	await house.update(work, `status = 'uploading', execution_lock_id = 'isekai-publisher|000000000000001|elsewhere|${work.job}', execution_locked_at = now() AT TIME ZONE 'UTC'`);
	await house.redis.atomically([
		['HSET', house.key(work.job), 'name', 'publish-deviation', 'data', JSON.stringify({ deviationId: work.id, userId: work.artist.id }), 'opts', '{"attempts":7}',
			'timestamp', Date.now(), 'delay', 0, 'priority', 0, 'processedOn', Date.now(), 'ats', 1],
		['LPUSH', house.key('active'), work.job],
	]);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /crashed 12 times in a row/);
	assert.equal((await house.seen(work)).submits.length, 0);
});

scenario('a worker killed while idle is replaced', async () => {
	const house = await build({ settings: single });
	const first = await house.worker();
	process.kill(first, 'SIGKILL');
	await until('another worker', async () => house.children().some(({ pid, title }) => title.includes('worker') && pid !== first), 2000);
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await endsOnce(house, work, 1);
});

scenario('a dispatcher killed over and over: locks hold, jobs go on, nobody notices', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2, PUBLISHER_LOCK_DURATION_MS: 2000, PUBLISHER_STALE_CHECK_INTERVAL_MS: 500 } });
	const artist = await house.artist();
	const long = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: long.title }, 'delay', { answer_delay_ms: 4500 });
	await house.add(long);
	await house.inFlight('submit');
	const others = [];
	for (let i = 0; i < 8; i++) {
		const [dispatcher] = await until('a dispatcher', () => {
			const found = house.children().filter(({ title }) => title.includes('dispatcher'));
			return found.length > 0 && found;
		});
		process.kill(dispatcher.pid, 'SIGKILL');
		const work = await house.deviation(artist);
		others.push(work);
		await house.add(work);
		await sleep(300);
	}
	for (const work of others) await house.published(work, 6000);
	const { job } = await house.published(long);
	assert.equal(job.claims, 1);
	for (const work of [long, ...others]) assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a supervisor killed: its children are gone within 5 s, and its successor takes the job back at once', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2 }, health: true });
	const work = await inTheMiddle(house, 'publish', 'hang', { effect: true });
	const children = childrenOf(house.publisher.pid).map(({ pid }) => pid);
	assert.equal(children.length, 3);
	house.publisher.kill('SIGKILL');
	await until('the children are gone', () => !children.some(isAlive), 5000);
	await house.start();
	const at = Date.now();
	await house.published(work, 5000);
	assert.ok(Date.now() - at < 3000, `after ${Date.now() - at} ms`);
	const { posts, submits, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length, publishes.length], [1, 1, 1]);
	assert.equal((await house.job(work)).attempts, 1);
});

scenario('a publisher that stood still longer than its locks live changes nothing when it goes on', async () => {
	const house = await build({ settings: { ...single, PUBLISHER_LOCK_DURATION_MS: 1500, PUBLISHER_STALE_CHECK_INTERVAL_MS: 400 } });
	const sleeper = house.publisher;
	const work = await inTheMiddle(house, 'submit', 'hang', { effect: true });
	const still = [sleeper.pid, ...childrenOf(sleeper.pid).map(({ pid }) => pid)];
	for (const pid of still) process.kill(pid, 'SIGSTOP');
	await house.sandbox.post('release', {});
	await house.start();
	await house.published(work);
	const before = await house.row(work);
	for (const pid of still.reverse()) process.kill(pid, 'SIGCONT');
	await until('it works again, or another in its place', () => childrenOf(sleeper.pid).length === 2);
	await sleep(1500);
	const { posts, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, publishes.length], [1, 1]);
	assert.deepEqual(await house.row(work), before);
	assert.equal((await house.job(work)).attempts, 1);
});

// ---------------------------------------------------------------- asked to stop

scenario('TERM in an upload: it is finished and published, exit status 0', async () => {
	const house = await build({ settings: single });
	const work = await inTheMiddle(house, 'submit', 'hang', { effect: true });
	const next = await house.deviation(work.artist);
	await house.add(next);
	house.publisher.kill('SIGTERM');
	await until('it drains', () => house.said('drain begun') !== '');
	await house.sandbox.post('release', {});
	const end = await house.publisher.ended;
	assert.deepEqual([end.code, end.signal], [0, null]);
	await endsOnce(house, work, 1);
	assert.equal((await house.job(next)).state, 'wait', 'no new job is taken');
	assert.equal((await house.row(next)).status, 'scheduled');
});

for (const [name, signal, code, settings] of [
	['TERM and the drain deadline', 'SIGTERM', 0, { PUBLISHER_DRAIN_TIMEOUT_MS: 700 }],
	['QUIT', 'SIGQUIT', 131, {}],
]) {
	scenario(`${name} in an upload: the job is given back, exit status ${code}, nothing burned`, async () => {
		const house = await build({ settings: { ...single, ...settings } });
		const work = await inTheMiddle(house, 'submit', 'hang', {});
		const end = await house.publisher.stop(signal, 15000);
		assert.deepEqual([end.code, end.signal], [code, null]);
		const [row, job] = [await house.row(work), await house.job(work)];
		assert.deepEqual([row.status, row.retry_count, row.execution_lock_id, row.error_message], ['scheduled', 0, null, null]);
		assert.deepEqual([job.state, job.attempts, job.lock], ['wait', 0, null]);
		await house.start();
		await endsOnce(house, work);
	});
}

scenario('the drain deadline in a publish: the outcome is unknown, and found out by the next publisher', async () => {
	const house = await build({ settings: { ...single, PUBLISHER_DRAIN_TIMEOUT_MS: 500 } });
	const work = await inTheMiddle(house, 'publish', 'hang', { effect: true });
	const end = await house.publisher.stop('SIGTERM', 15000);
	assert.deepEqual([end.code, end.signal], [0, null]);
	const row = await house.row(work);
	assert.equal(row.status, 'publishing');
	assert.equal((await house.job(work)).attempts, 0);
	await house.start();
	await endsOnce(house, work);
	const { submits, publishes } = await house.seen(work);
	assert.deepEqual([submits.length, publishes.length], [1, 1]);
});

scenario('HUP in an upload interrupts nothing, and the worker is replaced afterwards', async () => {
	const house = await build({ settings: single });
	const work = await inTheMiddle(house, 'submit', 'delay', { answer_delay_ms: 1500 });
	const worker = await house.worker();
	house.publisher.kill('SIGHUP');
	const { job } = await endsOnce(house, work, 1);
	assert.equal(job.claims, 1);
	await until('the worker is another', () => !isAlive(worker) && house.children().some(({ title }) => title.includes('worker')), 5000);
	const next = await house.deviation(work.artist);
	await house.add(next);
	await house.published(next);
});

afterwards();
