// A publish whose answer is lost. The item may be public: it is found out, never guessed, and never published or uploaded twice.
import assert from 'node:assert/strict';

import { afterwards, build, gaps, isWait, scenario, until } from './stage.mjs';

// Long enough for a look at what waits, on a slow machine, too.
const unknownMs = 2000;
const home = build({ settings: { PUBLISHER_CONCURRENCY: 4, PUBLISHER_UNKNOWN_WAIT_MS: unknownMs }, health: true });

/** Adds the deviation's job and gives row, journal and job as they are while the outcome is unknown. */
async function lose(house, work, job) {
	await house.add(work, job);
	await house.rowIs(work, ({ error_message: message, status }) => message && status === 'publishing');
	const waiting = await house.jobIs(work, 'delayed');
	return { waiting, row: await house.row(work), journal: (await house.journal(work)).at(-1) };
}

/** Lets a delayed job be due now. */
const hurry = (house, work) => house.redis.atomically([['ZADD', house.key('delayed'), 'XX', 0, work.job], ['ZADD', house.key('marker'), 0, '0']]);

/** What publisher_reconciled_total counts: outcomes that came at all, and how often. */
async function reconciled(house) {
	const { text } = await house.ask('/metrics');
	const samples = [...text.matchAll(/^publisher_reconciled_total\{outcome="(\w+)"\} (\d+)$/gm)];
	assert.ok(samples.length > 0, text);
	return Object.fromEntries(samples.filter(([, , n]) => n !== '0').map(([, outcome, n]) => [outcome, Number(n)]));
}

for (const [name, action, fault] of [
	['reset', 'reset_after', {}],
	['closed instead of', 'close', { effect: true }],
	['cut in its body', 'truncate', {}],
	['cut in its headers', 'truncate_headers', {}],
	['of blanks', 'empty', {}],
	['that is no JSON', 'garbage', { effect: true }],
	['with status 500', 'error_500_but_published', {}],
	['with status 504 and HTML', 'status', { status: 504, body: '<html>Gateway time-out</html>', effect: true }],
	['with error_code 6', 'status', { status: 400, body: { status: 'error', error: 'invalid_request', error_code: 6, error_description: 'Publication failed' }, effect: true }],
]) {
	scenario(`a publish with an answer ${name} that took effect is found in the gallery`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('publish', { title: work.title }, action, fault);
		const { waiting, row, journal } = await lose(house, work);
		assert.match(row.execution_lock_id, /^isekai-publisher\|/);
		assert.deepEqual([row.retry_count, waiting.attempts, journal.state], [0, 0, 'publishing']);

		const { row: end, job } = await house.published(work);
		const { posts, submits, publishes } = await house.seen(work);
		assert.deepEqual([posts.length, submits.length, publishes.length], [1, 1, 1]);
		assert.deepEqual([end.deviation_id, end.deviation_url], [posts[0].deviationid, posts[0].url]);
		assert.deepEqual([end.error_message, end.execution_lock_id, end.retry_count], [null, null, 0]);
		assert.equal(job.attempts, 1, 'no attempt burned');
		assert.deepEqual(job.returned.results, [{ deviationId: posts[0].deviationid, url: posts[0].url }]);
	});
}

for (const [name, action, fault] of [
	['reset', 'reset_after', { effect: false }],
	['closed instead of', 'close', {}],
	['cut in its body', 'truncate', { effect: false }],
	['of blanks', 'empty', { effect: false }],
	['that is no JSON', 'garbage', {}],
	['with status 500', 'status', { status: 500 }],
	['with status 503', 'status', { status: 503, body: '<html>Maintenance</html>' }],
]) {
	scenario(`a publish with an answer ${name} that took no effect is asked for again with the same item`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('publish', { title: work.title }, action, fault);
		const { waiting } = await lose(house, work);
		assert.equal(waiting.attempts, 0);
		const { job } = await house.published(work);
		const { posts, submits, publishes, requests } = await house.seen(work);
		assert.deepEqual([job.attempts, posts.length, submits.length], [1, 1, 1]);
		assert.deepEqual(publishes.map(({ itemid, accepted }) => [itemid, accepted]), [[submits[0].itemid, false], [submits[0].itemid, true]]);
		const [first, second] = requests.filter(({ endpoint }) => endpoint === 'publish').map(({ started_ms: ms }) => ms);
		isWait(second - first, unknownMs, { less: 0.02 });
	});
}

scenario('an effect that comes after the answer was lost is not asked for too early', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 504, effect: true, effect_delay_ms: 300 });
	await house.add(work);
	await house.published(work);
	const { posts, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, publishes.length], [1, 1]);
});

scenario('what the gallery shows late is asked for again: error_code 9 proves it public, its link is found later', async () => {
	const house = await build({ site: { gallery_delay_ms: 4000 } });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await house.add(work);
	const { row, job } = await house.published(work, 30000);
	const { posts, submits, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length, publishes.length], [1, 1, 2]);
	assert.deepEqual([publishes[1].accepted, publishes[1].repeat], [false, true]);
	assert.deepEqual([row.deviation_id, row.deviation_url], [posts[0].deviationid, posts[0].url]);
	assert.equal(job.attempts, 1);
});

scenario('an answer lost for the second file of three is found out, then the third goes out', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [{ size: 12000 }, { size: 34000 }, { size: 56000 }] });
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after', { skip: 1 });
	await house.add(work);
	const { row, job } = await house.published(work);
	const { posts, submits, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length, publishes.length], [3, 3, 3]);
	assert.deepEqual(job.returned.results.map(({ url }) => url), publishes.map(({ url }) => url));
	assert.equal(row.deviation_url, publishes[0].url);
});

scenario('two deviations with the same title get a post each, told apart by size', async () => {
	const house = await home;
	const artist = await house.artist();
	const works = [await house.deviation(artist, { title: 'Twins & <co>', files: [{ size: 10000 }] }), await house.deviation(artist, { title: 'Twins & <co>', files: [{ size: 90000 }] })];
	await house.sandbox.fault('publish', { title: 'Twins', user: artist.username }, 'reset_after', { count: 2 });
	for (const work of works) await house.add(work);
	const ends = await Promise.all(works.map((work) => house.published(work)));
	const { posts, submits } = await house.seen(works[0]);
	assert.deepEqual([posts.length, submits.length], [2, 2]);
	for (const [i, { row }] of ends.entries()) {
		const submit = submits.find(({ size_bytes: size }) => size === works[i].files[0].size);
		assert.equal(row.stash_item_id, submit.itemid);
		assert.equal(row.deviation_id, posts.find(({ itemid }) => String(itemid) === submit.itemid).deviationid);
	}
});

scenario('two deviations with the same title and size get a post each', async () => {
	const house = await home;
	const artist = await house.artist();
	const works = [await house.deviation(artist, { title: 'Same' }), await house.deviation(artist, { title: 'Same' })];
	await house.sandbox.fault('publish', { title: 'Same', user: artist.username }, 'reset_after', { count: 2 });
	// Both have read the gallery before either says which post it takes.
	await house.sandbox.fault('metadata', { user: artist.username }, 'delay', { answer_delay_ms: 400, count: 2 });
	for (const work of works) await house.add(work);
	const ends = await Promise.all(works.map((work) => house.published(work)));
	const { posts, publishes } = await house.seen(works[0]);
	assert.equal(posts.length, 2);
	assert.ok(publishes.every(({ repeat }) => !repeat) || publishes.length > 2);
	assert.deepEqual(ends.map(({ row }) => row.deviation_id).sort(), posts.map(({ deviationid: id }) => id).sort());
});

scenario('an older post with the same title is not taken for ours', async () => {
	const house = await home;
	const artist = await house.artist();
	const work = await house.deviation(artist, { title: 'Seen before' });
	await house.sandbox.post('posts', [{ user: artist.username, title: 'Seen before', age_s: 3600, size_bytes: work.files[0].size }]);
	await house.sandbox.fault('publish', { title: work.title, user: artist.username }, 'close');
	await house.add(work);
	const { row } = await house.published(work);
	const { posts, publishes } = await house.seen(work);
	const [accepted] = publishes.filter((one) => one.accepted);
	assert.equal(posts.length, 2);
	assert.equal(row.deviation_id, accepted.deviationid);
});

scenario('of two posts with the same title and size at that time, the one that our application submitted is ours', async () => {
	const house = await home;
	const artist = await house.artist();
	const earlier = await house.deviation(artist);
	await house.add(earlier);
	await house.published(earlier);
	const work = await house.deviation(artist, { title: 'Echo' });
	await house.sandbox.post('posts', [{ user: artist.username, title: 'Echo', age_s: 30, size_bytes: work.files[0].size }]);
	await house.sandbox.fault('publish', { title: work.title, user: artist.username }, 'error_500_but_published');
	await house.add(work);
	const { row } = await house.published(work);
	const { posts, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, publishes.length], [2, 1], 'it is found, not asked for again');
	assert.equal(row.deviation_id, publishes[0].deviationid);
});

scenario('a post with the same title that does not tell its time is not taken for ours', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1 }, site: { hidden_times: true } });
	const artist = await house.artist();
	const work = await house.deviation(artist, { title: 'Timeless' });
	await house.sandbox.post('posts', [{ user: artist.username, title: 'Timeless', age_s: 3600, size_bytes: work.files[0].size }]);
	await house.sandbox.fault('publish', { title: work.title, user: artist.username }, 'close');
	await house.add(work);
	const { row } = await house.published(work);
	const [accepted] = (await house.seen(work)).publishes.filter((one) => one.accepted);
	assert.equal(row.deviation_id, accepted?.deviationid);
});

scenario('an item that is gone fails with that reason; scheduled again, it is uploaded anew', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status',
		{ status: 400, body: { status: 'error', error: 'invalid_request', error_code: 7, error_description: 'Deviation not found' } });
	await house.add(work);
	const { row } = await house.failed(work, 30000);
	assert.match(row.error_message, /Sta\.sh|item/);
	assert.equal((await house.seen(work)).posts.length, 0);
	await house.update(work, "status = 'scheduled'");
	assert.equal(await house.enqueue(work), 0);
	await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length], [1, 2]);
});

scenario('a publish without effect that is refused for good the second time fails with that reason', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'close');
	await house.sandbox.fault('publish', { title: work.title }, 'status',
		{ status: 400, body: { status: 'error', error: 'invalid_request', error_code: 1, error_description: 'Terms of service' } });
	await house.add(work);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /terms of service/i);
	assert.equal(row.execution_lock_id, null);
	assert.equal((await house.seen(work)).posts.length, 0);
});

scenario('a publish whose answer is lost over and over fails in the end, and asks the artist to look', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'close', { count: 50 });
	await house.add(work);
	const { row, job } = await house.failed(work, 30000);
	assert.match(row.error_message, /look/i);
	const { publishes, submits, posts } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length], [0, 1]);
	assert.ok(publishes.length >= 2 && publishes.length <= 10, `asked ${publishes.length} times`);
	assert.ok(job.attempts <= 1, `${job.attempts} attempts`);
});

scenario('a row that its artist took back while its publish is unknown still learns what became of it', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await lose(house, work);
	// The queue forgets the job, as a neighbour that completes it would make it.
	await house.redis.atomically([['ZREM', house.key('delayed'), work.job], ['DEL', house.key(work.job)]]);
	await house.update(work, "updated_at = now() AT TIME ZONE 'UTC' - interval '40 seconds'");
	await house.rowIs(work, 'published', 10000);
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a link that no gallery shows is looked for with growing pauses, 2 s doubling, for half an hour; then it is published without one', async () => {
	const house = await build({ site: { gallery_delay_ms: 3600000 }, health: true });
	const work = await house.deviation(await house.artist());
	const looks = async () => (await house.sandbox.requests(`?user=${work.artist.username}`)).filter(({ endpoint }) => endpoint === 'gallery');
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await house.add(work);
	// The first look is before it is asked for again, the second when error_code 9 has come.
	const times = await until('it was looked for five times', async () => (await looks()).length >= 5 && looks(), 40000, 100);
	for (const [i, ms] of gaps(times.slice(1, 5)).entries()) isWait(ms, 2000 * 2 ** i, { less: 0 });
	const waiting = await house.jobIs(work, 'delayed');
	assert.deepEqual([waiting.attempts, (await house.row(work)).status, await reconciled(house)], [0, 'publishing', {}]);

	// One more look after the half hour, and none before it is over: 29 minutes are not enough.
	for (const minutes of [29, 31]) {
		const before = (await looks()).length;
		await house.psql.query(`UPDATE publisher.files SET public_since = now() - interval '${minutes} minutes' WHERE deviation_id = '${work.id}'`);
		await hurry(house, work);
		await until('it was looked for again', async () => (await looks()).length > before);
		if (minutes === 29) await house.jobIs(work, 'delayed');
	}
	const { row, job } = await house.published(work);
	assert.deepEqual([row.deviation_id, row.deviation_url, row.error_message, row.execution_lock_id, row.retry_count], [null, null, null, null, 0]);
	assert.deepEqual([job.returned, job.attempts], [{ success: true, results: [{ deviationId: null, url: null }] }, 1]);
	const { posts, submits, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length, publishes.map(({ accepted, repeat }) => [accepted, repeat])], [1, 1, [[true, false], [false, true]]]);
	assert.equal((await looks()).length, times.length + 2);
	assert.deepEqual(await reconciled(house), { no_link: 1 });
});

scenario('what was found out is counted', async () => {
	const house = await build({ health: true });
	const [found, again] = [await house.deviation(await house.artist()), await house.deviation(await house.artist())];
	await house.sandbox.fault('publish', { title: found.title }, 'reset_after');
	await house.sandbox.fault('publish', { title: again.title }, 'close');
	for (const work of [found, again]) await house.add(work);
	for (const work of [found, again]) await house.published(work);
	assert.deepEqual(await reconciled(house), { published: 1, published_now: 1 });
	assert.match((await house.ask('/metrics')).text, /^publisher_step_duration_seconds_count\{step="publish"\} 1$/m, 'the second request of the one was accepted, none of the other');
});

afterwards();
