// Faults that once were, about a post's row: what a claim reads of it, what it leaves on it, and who may change it meanwhile.
import assert from 'node:assert/strict';

import { Psql } from './psql.mjs';
import { sql } from './servers.mjs';
import { afterwards, build, inTime, scenario, until } from './stage.mjs';

const home = build({ settings: { PUBLISHER_CONCURRENCY: 6 } });
const threshold = (seconds) => ({ status: 429, headers: { 'Retry-After': String(seconds) }, body: { status: 'error', error: 'user_api_threshold' } });
const long = () => Date.now() - 60000; // when a job was added that is no "publish now"

/** Lets a delayed job be due now. */
function hurry(house, work) {
	return house.redis.atomically([['ZADD', house.key('delayed'), 'XX', 0, work.job], ['ZADD', house.key('marker'), 0, '0']]);
}

scenario('a failed row without a date that is retried by hand and waits is found again when Redis comes back empty', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist(), { status: 'failed', actual_publish_at: null });
	await house.sandbox.fault('submit', { title: work.title }, 'status', threshold(60));
	await house.add(work);
	await house.jobIs(work, 'delayed');
	assert.equal((await house.row(work)).status, 'scheduled');
	await house.redis.run('FLUSHDB');
	house.leaves('too-soon', 'what DeviantArt asked for is forgotten with it');
	await house.published(work, 15000);
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a failed row with a later date that is retried by hand does not wait for that date', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'failed', actual_publish_at: inTime('1 hour') });
	await house.sandbox.fault('submit', { title: work.title }, 'status', threshold(1));
	await house.add(work);
	const { job } = await house.published(work, 10000);
	assert.equal(job.attempts, 1);
});

for (const [name, change, check] of [
	['an item that a neighbour leaves on it is adopted, and published once', "stash_item_id = '777'", async (house, work, row, seen) => {
		assert.equal(seen.submits.length, 0, 'not uploaded anew');
		assert.deepEqual([seen.posts.length, row.deviation_id], [1, seen.posts[0].deviationid]);
	}],
	['a title that its artist changes goes out as it is now', "title = 'Changed ' || left(id, 8)", async (house, work, row) => {
		const { submits } = await house.seen({ ...work, title: row.title });
		assert.deepEqual(submits.map(({ title }) => title), [row.title]);
	}],
]) {
	scenario(`a row that changes while a claim waits for it: ${name}`, async () => {
		const house = await home;
		const artist = await house.artist();
		const work = await house.deviation(artist, { status: 'publishing', execution_lock_id: 'node-1', execution_locked_at: inTime('-31 minutes') });
		const neighbour = new Psql(house.postgres, house.database);
		const [{ pid }] = await neighbour.rows('SELECT pg_backend_pid() AS pid');
		await neighbour.query('BEGIN');
		await neighbour.query(`UPDATE deviations SET ${change}, execution_lock_id = NULL, execution_locked_at = NULL WHERE id = ${sql(work.id)}`);
		// It was published before that neighbour died.
		if (change.startsWith('stash')) await house.sandbox.post('posts', [{ user: artist.username, title: work.title, age_s: 1, size_bytes: work.files[0].size }]);
		if (change.startsWith('stash')) for (const check of ['not-public', 'other-post']) house.leaves(check, 'a planted post has no item', work);
		await house.add(work);
		await until('the claim waits for the row', async () => (await house.psql.rows(`SELECT 1 FROM pg_stat_activity WHERE ${pid} = ANY (pg_blocking_pids(pid))`)).length > 0);
		await neighbour.query('COMMIT');
		neighbour.close();
		const { row } = await house.published(work);
		await check(house, work, row, await house.seen(work));
	});
}

scenario('a job that failed for an item that is gone, and whose failure Redis never heard of, makes no second post', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist());
	const { title } = work;
	await house.sandbox.fault('publish', { title }, 'reset_after');
	await house.sandbox.fault('publish', { title }, 'status', { status: 400, body: { status: 'error', error: 'invalid_request', error_code: 7 } });
	await house.sandbox.fault('gallery', {}, 'status', { status: 200, body: { results: [], has_more: false, next_offset: null }, count: 100 });
	await house.add(work);
	await until('the item is known to be gone', async () => (await house.journal(work))[0]?.item_gone, 10000);
	const { row } = await until('it has failed', async () => {
		await hurry(house, work);
		const { status, ...rest } = await house.row(work);
		return status === 'failed' && { row: rest };
	}, 15000, 200);
	await house.jobIs(work, 'failed');
	// The worker died after the row was written and before Redis was told.
	await house.redis.atomically([
		['ZREM', house.key('failed'), work.job], ['HDEL', house.key(work.job), 'finishedOn', 'failedReason'],
		['HSET', house.key(work.job), 'atm', 0], ['RPUSH', house.key('wait'), work.job], ['ZADD', house.key('marker'), 0, '0'],
	]);
	await house.jobIs(work, ['completed', 'failed']);
	const again = await house.row(work);
	assert.deepEqual([again.status, again.error_message], ['failed', row.error_message]);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length], [1, 1]);
});

scenario('a post that was taken back after its worker died keeps no lock of its job', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'draft' });
	await house.update(work, `execution_lock_id = 'isekai-publisher|000000000000001|dead|${work.job}', execution_locked_at = now() AT TIME ZONE 'UTC'`);
	await house.add(work, { timestamp: long() });
	const job = await house.jobIs(work, 'completed');
	const row = await house.row(work);
	assert.deepEqual([row.status, row.execution_lock_id, job.returned.skipped], ['draft', null, true]);
});

scenario('a row without files that somebody else has locked is waited for', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [], status: 'publishing', execution_lock_id: 'node-1', execution_locked_at: inTime('0 seconds') });
	await house.add(work);
	const job = await house.jobIs(work, ['delayed', 'failed', 'completed']);
	const row = await house.row(work);
	assert.deepEqual([job.state, job.attempts, row.status, row.execution_lock_id], ['delayed', 0, 'publishing', 'node-1']);
	await house.update(work, 'execution_lock_id = NULL, execution_locked_at = NULL');
	await hurry(house, work);
	await house.failed(work);
});

scenario('a publish that was surely refused, and a token that cannot be refreshed now: the waiting row is scheduled and free', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 401, body: { status: 'error', error: 'invalid_token' } });
	await house.sandbox.fault('token', {}, 'status', { status: 503 });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	const { status, execution_lock_id: lock } = await house.row(work);
	assert.deepEqual([status, lock], ['scheduled', null]);
	const { job } = await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([job.attempts, posts.length, submits.length], [1, 1, 1]);
});

scenario('a final refusal is not written over a post that its artist took back', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status',
		{ status: 400, answer_delay_ms: 700, body: { status: 'error', error: 'invalid_request', error_description: 'The file is not a picture' } });
	await house.add(work, { timestamp: long() });
	await house.inFlight('submit');
	await house.update(work, "status = 'draft'");
	const job = await house.jobIs(work, ['completed', 'failed']);
	const row = await house.row(work);
	assert.deepEqual([row.status, row.execution_lock_id, job.returned?.skipped], ['draft', null, true]);
});

scenario('claims that PostgreSQL could not be told the end of are no crashes of the post', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist());
	await house.psql.query(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left' USING ERRCODE = '53100'; END $$;
		CREATE TRIGGER disk_full BEFORE UPDATE ON deviations FOR EACH ROW WHEN (OLD.status = 'uploading' AND NEW.status = 'scheduled') EXECUTE FUNCTION disk_full()`);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 503, count: 12 });
	await house.add(work);
	await until('it was claimed a dozen times', async () => {
		await hurry(house, work);
		return (await house.job(work)).claims >= 12 || (await house.row(work)).status === 'failed';
	}, 20000, 20);
	await house.psql.query('DROP TRIGGER disk_full ON deviations');
	await until('it goes on', async () => {
		await hurry(house, work);
		return /published|failed/.test((await house.row(work)).status);
	}, 10000, 100);
	const { job } = await house.published(work, 1000);
	assert.equal(job.attempts, 1);
});

afterwards();
