// Jobs that ask for nothing, for something odd, too early, or for a row that somebody else holds.
import assert from 'node:assert/strict';

import { afterwards, build, inTime, scenario, sleep, until } from './stage.mjs';

const home = build();
const unknownId = '00000000-0000-4000-8000-00000000dead';

/** The row is as it was; what a test may not change is every column. */
async function unchanged(house, work, before) {
	assert.deepEqual(await house.row(work), before);
	assert.equal((await house.seen(work)).requests.length, 0);
}

for (const [name, job, reason] of [
	['data that are not JSON', { data: '{"deviationId": ' }, /JSON/],
	['data that are a list', { data: [] }, /JSON object/],
	['data that are null', { data: 'null' }, /JSON object/],
	['no deviationId', { data: { userId: 'u', uploadMode: 'single' } }, /deviationId/],
	['a deviationId that is a number', { data: { deviationId: 7, userId: 'u', uploadMode: 'single' } }, /deviationId/],
	['an empty userId', { data: { deviationId: unknownId, userId: '', uploadMode: 'single' } }, /userId/],
	['an unknown uploadMode', { data: { deviationId: unknownId, userId: 'u', uploadMode: 'triple' } }, /uploadMode/],
	['a deviationId of a million bytes', { data: { deviationId: 'x'.repeat(1e6), userId: 'u', uploadMode: 'single' } }, /larger|bytes/],
	['data nested ten thousand deep', { data: `${'['.repeat(10000)}${']'.repeat(10000)}` }, /deeper|JSON/],
	['a name that is not ours', { name: 'send-mail', data: { deviationId: unknownId, userId: 'u', uploadMode: 'single' } }, /send-mail/],
	['a deviation that does not exist', { data: { deviationId: unknownId, userId: 'u', uploadMode: 'single' } }, /no such deviation/],
]) {
	scenario(`a job with ${name} fails at once, with the reason`, async () => {
		const house = await home;
		const id = `odd-${name.replaceAll(' ', '-')}`;
		await house.addJob({ id, ...job });
		const ended = await house.jobIs(id, 'failed');
		assert.match(ended.failedReason, reason);
		assert.equal(ended.claims, 1);
		assert.ok(!('returnvalue' in ended));
	});
}

scenario('a job whose options are broken runs with the defaults', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.redis.run('HSET', house.key(work.job), 'name', 'publish-deviation', 'opts', '{"attempts": ', 'timestamp', Date.now(), 'delay', 0, 'priority', 0,
		'data', JSON.stringify({ deviationId: work.id, userId: work.artist.id, uploadMode: 'single' }));
	await house.redis.run('LPUSH', house.key('wait'), work.job);
	await house.redis.run('ZADD', house.key('marker'), 0, '0');
	await house.published(work);
});

scenario('a job of another user leaves the row untouched', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'publishing' });
	const before = await house.row(work);
	await house.add(work, { data: { userId: (await house.artist()).id } });
	const job = await house.jobIs(work, 'failed');
	assert.match(job.failedReason, /user/);
	assert.equal(job.claims, 1);
	await unchanged(house, work, before);
});

scenario('a deviation without files fails with that reason', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [] });
	await house.add(work);
	const { row, job } = await house.failed(work);
	assert.match(row.error_message, /files/);
	assert.match(job.failedReason, /files/);
	assert.equal(job.claims, 1);
});

scenario('a draft whose job is young is looked at again, holding no worker, and published once it is told to', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'draft', actual_publish_at: null });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	await sleep(700);
	assert.equal((await house.seen(work)).requests.length, 0);
	await house.update(work, "status = 'publishing'");
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1, 'looking again burned no attempt');
	assert.equal((await house.seen(work)).posts.length, 1);
});

for (const status of ['draft', 'review']) {
	scenario(`a ${status} whose job is older than ten seconds was taken back: skipped`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), { status });
		const before = await house.row(work);
		const timestamp = Date.now() - 6000;
		await house.add(work, { timestamp });
		await house.jobIs(work, 'delayed', 3500);
		const job = await house.jobIs(work, 'completed');
		assert.equal(job.returned.success, true);
		assert.equal(job.returned.skipped, true);
		assert.ok(Number(job.finishedOn) >= timestamp + 10000, 'looked at again until then');
		await unchanged(house, work, before);
	});
}

scenario('a scheduled deviation that is not due yet is delayed until it is', async () => {
	const house = await home;
	const artist = await house.artist();
	const [soon, far] = [await house.deviation(artist, { actual_publish_at: inTime('3 seconds') }), await house.deviation(artist, { actual_publish_at: inTime('1 hour') })];
	const due = Date.parse(`${(await house.row(soon)).actual_publish_at}Z`);
	const farDue = Date.parse(`${(await house.row(far)).actual_publish_at}Z`);
	for (const work of [soon, far]) await house.add(work, { timestamp: Date.now() - 60000 });
	const job = await house.jobIs(far, 'delayed');
	assert.ok(Math.abs(job.due - farDue) < 1000, `due ${job.due - farDue} ms after the row`);
	const { job: ended } = await house.published(soon);
	assert.equal(ended.attempts, 1);
	const [first] = (await house.seen(soon)).requests;
	assert.ok(first.started_ms >= due - 2, `started ${due - first.started_ms} ms early`);
	assert.ok(first.started_ms < due + 1500, `started ${first.started_ms - due} ms late`);
	assert.equal((await house.row(far)).execution_version, 0);
});

scenario('publish now: a scheduled row of the future that becomes publishing a moment later goes out at once', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { actual_publish_at: inTime('1 day') });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	await house.update(work, "status = 'publishing'");
	await house.published(work, 5000);
});

scenario('what is published already completes with its link, and its clean-up job is made sure of', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'published', deviation_id: 'AAAA-1', deviation_url: 'https://www.deviantart.com/x/art/y-1' });
	const before = await house.row(work);
	await house.add(work);
	const job = await house.jobIs(work, 'completed');
	assert.deepEqual(job.returned, { success: true, results: [{ deviationId: 'AAAA-1', url: 'https://www.deviantart.com/x/art/y-1' }], alreadyPublished: true });
	await until('the clean-up job is there', async () => (await house.job(`storage-cleanup-${work.id}`, 'storage-cleanup')).state === 'wait');
	await unchanged(house, work, before);
});

scenario('a failed row is run again', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'failed', error_message: 'it was too large', retry_count: 3, actual_publish_at: inTime('1 day') });
	await house.add(work);
	const { row } = await house.published(work);
	assert.equal(row.error_message, null);
});

scenario('a row that the API server set to publishing after it was published is put right, nothing is sent', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.add(work);
	const { row: before } = await house.published(work);
	await house.redis.run('ZREM', house.key('completed'), work.job);
	await house.redis.run('DEL', house.key(work.job));
	await house.update(work, "status = 'publishing', deviation_id = NULL, deviation_url = NULL");
	await house.add(work);
	const { row, job } = await house.published(work);
	assert.deepEqual([row.deviation_id, row.deviation_url], [before.deviation_id, before.deviation_url]);
	assert.equal(job.returned.results[0].url, before.deviation_url);
	assert.equal((await house.seen(work)).requests.length, 2);
});

scenario('a job whose own attempts are used up fails after its last one', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500, count: 5 });
	await house.add(work, { opts: { attempts: 2, backoff: { type: 'fixed', delay: 200 } } });
	const { row, job } = await house.failed(work);
	assert.equal(job.attempts, 2);
	assert.equal((await house.seen(work)).requests.length, 2);
	assert.equal(row.retry_count, 2);
	assert.ok(row.error_message.length > 10);
	assert.equal(row.execution_lock_id, null);
});

// ---------------------------------------------------------------- execution locks

const oldToken = 'ip.00000000.1.1.1.0.1';

for (const [name, lock, age] of [
	['a Node worker', 'worker-1234-abcd', '1 minute'],
	['a Node worker, 29 minutes old', 'worker-1234-abcd', '29 minutes'],
	['a claim of ours of another job', `isekai-publisher|001000000000000|${oldToken}|deviation-other`, '1 minute'],
	['a newer claim of the same job', null, '0 seconds'],
]) {
	scenario(`the execution lock of ${name} is respected: the job waits, the row stays`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), { status: 'uploading', execution_lock_id: lock, execution_locked_at: inTime(`-${age}`), execution_version: 4 });
		if (!lock) await house.update(work, `execution_lock_id = 'isekai-publisher|999999999999999|${oldToken}|${work.job}'`);
		const before = await house.row(work);
		await house.add(work);
		const job = await house.jobIs(work, 'delayed');
		assert.ok(job.due - Date.now() > 5000, `it is looked at again in ${job.due - Date.now()} ms`);
		assert.ok(job.due - Date.now() < 61000, `it is looked at again in ${job.due - Date.now()} ms`);
		assert.equal(job.attempts, 0);
		await unchanged(house, work, before);
	});
}

for (const [name, lock, age] of [
	['a foreign lock that is 31 minutes old', 'worker-1234-abcd', '31 minutes'],
	['an older claim of ours of the same job', null, '5 seconds'],
]) {
	scenario(`${name} is taken over`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), { status: 'uploading', execution_lock_id: lock, execution_locked_at: inTime(`-${age}`), execution_version: 4 });
		if (!lock) await house.update(work, `execution_lock_id = 'isekai-publisher|001000000000000|${oldToken}|${work.job}'`);
		await house.add(work);
		const { row } = await house.published(work);
		assert.equal(row.execution_version, 5);
		assert.equal((await house.seen(work)).posts.length, 1);
	});
}

// ---------------------------------------------------------------- what happens to the row in the middle

/** In the middle of its upload, which lasts a second. */
async function uploading(house) {
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 1000 });
	await house.add(work, { timestamp: Date.now() - 9500 });
	await until('it uploads', async () => (await house.sandbox.get('state')).inflight.some(({ title, step }) => title === work.title && step === 'answer_delayed'));
	return work;
}

scenario('an execution lock that was taken away during the upload: nothing is published, the row is its new holder\'s', async () => {
	const house = await home;
	const work = await uploading(house);
	await house.update(work, "execution_lock_id = 'worker-1234-abcd', execution_locked_at = now() AT TIME ZONE 'UTC', execution_version = 9");
	const before = await house.row(work);
	await sleep(2500);
	assert.equal((await house.seen(work)).publishes.length, 0);
	assert.deepEqual(await house.row(work), before);
	assert.equal((await house.jobIs(work, ['delayed', 'wait', 'active'])).attempts, 0);
});

scenario('a post that its artist takes back during the upload is not published', async () => {
	const house = await home;
	const work = await uploading(house);
	await house.update(work, "status = 'draft'");
	const job = await house.jobIs(work, 'completed');
	assert.equal(job.returned.skipped, true);
	assert.equal((await house.seen(work)).publishes.length, 0);
	assert.equal((await house.row(work)).status, 'draft');
});

scenario('a deviation that is deleted during the upload is not published', async () => {
	const house = await home;
	const work = await uploading(house);
	await house.psql.query(`DELETE FROM deviations WHERE id = '${work.id}'`);
	const job = await house.jobIs(work, 'failed');
	assert.match(job.failedReason, /no such deviation/);
	assert.equal((await house.seen(work)).publishes.length, 0);
});

// ---------------------------------------------------------------- what other workers left

scenario('a stash item on the row that the journal does not know is adopted: asked for, never uploaded anew', async () => {
	const house = await home;
	const artist = await house.artist();
	const work = await house.deviation(artist, { status: 'scheduled' });
	// The item that a Node worker uploaded, published, and died: made here by a first run whose traces are removed.
	await house.add(work);
	const { row: first } = await house.published(work);
	await house.psql.query(`DELETE FROM publisher.files WHERE deviation_id = '${work.id}'; DELETE FROM publisher.posts WHERE deviation_id = '${work.id}'`);
	await house.update(work, `status = 'scheduled', deviation_id = NULL, deviation_url = NULL, published_at = NULL, stash_item_id = '${first.stash_item_id}'`);
	await house.redis.run('ZREM', house.key('completed'), work.job);
	await house.redis.run('DEL', house.key(work.job));
	await house.add(work);
	const { row } = await house.published(work);
	assert.equal(row.deviation_id, first.deviation_id);
	const { submits, posts } = await house.seen(work);
	assert.deepEqual([submits.length, posts.length], [1, 1]);
});

scenario('a stash item on the row that was uploaded but never published is published, not uploaded anew', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 400, body: { status: 'error', error: 'invalid_request', error_code: 1 } });
	await house.add(work);
	await house.failed(work);
	await house.psql.query(`DELETE FROM publisher.files WHERE deviation_id = '${work.id}'`);
	await house.update(work, "status = 'scheduled', error_message = NULL");
	assert.equal(await house.enqueue(work), 0);
	await house.published(work);
	const { submits, posts } = await house.seen(work);
	assert.deepEqual([submits.length, posts.length], [1, 1]);
});

afterwards();
