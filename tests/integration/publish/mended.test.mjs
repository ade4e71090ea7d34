// What once went wrong at the seams between the row, the journal, the queue and DeviantArt.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { afterwards, build, inTime, scenario, sleep, until } from './stage.mjs';

const home = build({ settings: { PUBLISHER_CONCURRENCY: 4 } });

/** The job as if its worker had died after the row was written and before Redis heard of it. */
async function forgetTheEnd(house, work, attempts) {
	await house.redis.run('ZREM', house.key('failed'), work.job);
	await house.redis.run('HDEL', house.key(work.job), 'finishedOn', 'failedReason');
	await house.redis.run('HSET', house.key(work.job), 'atm', attempts);
	await house.redis.run('RPUSH', house.key('wait'), work.job);
	await house.redis.run('ZADD', house.key('marker'), 0, '0');
}

scenario('a row with an unknown outcome stays locked, and no attempt is burned, while the gallery cannot be read', async () => {
	const house = await home;
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after', {});
	await house.sandbox.fault('gallery', { user: artist.username }, 'status', { status: 500, count: 2 });
	await house.add(work);
	await house.rowIs(work, 'publishing');
	let row;
	do {
		row = await house.row(work);
		if (row.status === 'publishing') assert.match(row.execution_lock_id ?? 'free', /^isekai-publisher\|/);
		else assert.equal(row.status, 'published');
		await sleep(10);
	} while (row.status === 'publishing');
	const { job } = await house.published(work);
	const { posts, submits, publishes } = await house.seen(work);
	assert.deepEqual([job.attempts, posts.length, submits.length, publishes.length], [1, 1, 1, 1]);
});

scenario('the widest range of prices does not undo a publish', async () => {
	const house = await home;
	const artist = await house.artist();
	await house.insert('price_presets', { id: 'widest', user_id: artist.id, name: 'any', price: 1, min_price: 0, max_price: 2147483647 });
	await house.insert('automations', { id: 'widest', user_id: artist.id, name: 'any', auto_add_to_sale_queue: true, sale_queue_preset_id: 'widest' });
	const work = await house.deviation(artist, { automation_id: 'widest' });
	await house.add(work);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	const [sale] = await house.psql.rows(`SELECT price, status FROM sale_queue WHERE deviation_id = '${work.id}'`);
	assert.ok(sale.price >= 0 && sale.status === 'pending');
});

scenario('a table of the API server that refuses the sale does not undo a publish', async () => {
	const house = await build();
	const artist = await house.artist();
	await house.insert('price_presets', { id: 'p', user_id: artist.id, name: 'p', price: 5 });
	await house.insert('automations', { id: 'a', user_id: artist.id, name: 'a', auto_add_to_sale_queue: true, sale_queue_preset_id: 'p' });
	await house.psql.query('ALTER TABLE sale_queue ADD CHECK (price > 5)');
	const work = await house.deviation(artist, { automation_id: 'a' });
	await house.add(work);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a job whose failure Redis never heard of does not run again; a retry by hand does', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 400, body: { status: 'error', error: 'invalid_request', error_code: 4, error_description: 'Invalid licence options' } });
	await house.add(work);
	const { row } = await house.failed(work);
	const before = (await house.seen(work)).requests.length;
	await forgetTheEnd(house, work, 0);
	const { row: again, job } = await house.failed(work);
	assert.deepEqual([again.error_message, again.updated_at, job.failedReason], [row.error_message, row.updated_at, row.error_message]);
	assert.equal((await house.seen(work)).requests.length, before, 'nothing was asked');
	await forgetTheEnd(house, work, 1); // as BullMQ's own retry leaves it
	await house.published(work);
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a post that its artist takes back during the upload is skipped, and no lock stays', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'delay', { delay_ms: 1000 });
	await house.add(work, { timestamp: Date.now() - 20000 });
	await house.inFlight('submit');
	await house.update(work, "status = 'draft'");
	const job = await house.jobIs(work, 'completed');
	const row = await house.row(work);
	assert.deepEqual([row.status, row.execution_lock_id, job.returned.skipped], ['draft', null, true]);
	assert.equal((await house.seen(work)).publishes.length, 0);
});

scenario('a row without files and with an old lock of its own job fails with a reason', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [], status: 'publishing' });
	await house.update(work, `execution_lock_id = 'isekai-publisher|000000000000001|ip.dead|${work.job}', execution_locked_at = now() AT TIME ZONE 'UTC' - interval '1 minute'`);
	await house.add(work);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /no files/);
	assert.equal(row.execution_lock_id, null);
});

scenario('an error_code beside a 500 proves nothing: the item is not taken for gone, and published once', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'close', {});
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 500, body: { status: 'error', error_code: 7 }, effect: true });
	await house.add(work);
	const { job } = await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([job.attempts, posts.length, submits.length], [1, 1, 1]);
});

scenario('after a sure refusal of the publish the waiting row is scheduled and free', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 429, headers: { 'Retry-After': '2' }, body: { status: 'error', error: 'user_api_threshold' } });
	await house.add(work);
	const row = await house.rowWas(work, ({ error_message: message, status }) => message && status === 'scheduled');
	assert.equal(row.execution_lock_id, null);
	const { job } = await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([job.attempts, posts.length, submits.length], [1, 1, 1]);
});

scenario('a stop during a token request lets its answer come: the new pair is kept', async () => {
	const house = await build();
	const artist = await house.artist({ token_expires_at: inTime('1 minute') });
	const work = await house.deviation(artist);
	await house.sandbox.fault('token', {}, 'delay', { answer_delay_ms: 1500 });
	await house.add(work);
	await house.inFlight('token');
	process.kill(house.publisher.pid, 'SIGQUIT');
	await house.publisher.ended;
	await house.start();
	await house.published(work);
	const user = await house.user(artist);
	assert.notEqual(user.refresh_token, artist.refresh);
	assert.deepEqual((await house.sandbox.get('ledger/summary')).tokens_presented_twice, []);
});

scenario('a dispatcher whose Redis is gone waits for it without spinning', async () => {
	const house = await build({ own: ['redis'], health: true });
	const dispatcher = await until('there is a dispatcher', () => house.children().find(({ title }) => title.includes('dispatcher'))?.pid);
	const ticks = () => readFileSync(`/proc/${dispatcher}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0);
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await house.published(work);
	for (let round = 0; round < 3; round++) {
		// Frozen first: so it is the probe that misses it, while the marker's connection still listens.
		house.redisServer.process.kill('SIGSTOP');
		await until('it is missed', async () => (await house.ask('/ready')).status === 503, 10000);
		await house.redisServer.process.stop('SIGKILL');
		const before = ticks();
		await sleep(2000);
		// A loop takes all that it can get, some 100 of the 200; a try now and then takes a few.
		assert.ok(ticks() - before < 40, `${ticks() - before} ticks of 200`);
		await house.redisServer.start();
		const again = await house.deviation(await house.artist());
		await house.add(again);
		await house.published(again);
	}
});

scenario('a job that fails while PostgreSQL is compared with the queue is not put there again', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1, PUBLISHER_RECONCILE_INTERVAL_MS: 200 } });
	// The comparison reads the row as it waits, and hears of it only when its job has failed.
	await house.psql.query(`
		CREATE TABLE held (id text);
		ALTER TABLE deviations RENAME TO deviations_table;
		CREATE FUNCTION hold(deviation text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
		BEGIN
			WHILE current_query() LIKE '%Deviations that ought to have a job%' AND EXISTS (SELECT 1 FROM held WHERE id = deviation) LOOP
				PERFORM pg_sleep(0.05);
			END LOOP;
			RETURN true;
		END $$;
		CREATE VIEW deviations AS SELECT * FROM deviations_table WHERE hold(id);`);
	const artist = await house.artist();
	const work = await house.deviation(artist, { actual_publish_at: inTime('-1 minute') });
	const refuse = (status, body, headers = {}) => house.sandbox.fault('submit', { title: work.title }, 'status', { status, headers, body: { status: 'error', ...body } });
	await refuse(429, { error: 'user_api_threshold' }, { 'Retry-After': '60' });
	await refuse(400, { error: 'invalid_request', error_description: 'The file is not a picture' });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	// The worker takes the job when it is done with another one: the dispatcher, who waits for PostgreSQL, cannot wake it.
	const busy = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: busy.title }, 'delay', { delay_ms: 1500 });
	await house.add(busy);
	await house.inFlight('submit');
	await house.psql.query(`INSERT INTO held VALUES ('${work.id}')`);
	await until('the comparison reads the row', async () => (await house.psql.rows("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length > 0);
	await house.redis.run('DEL', `rate-limit:${artist.id}:state`, `circuit:deviantart:publish:${artist.id}`);
	house.leaves('too-soon', 'what DeviantArt asked for was just forgotten', artist.username);
	await house.redis.run('ZADD', house.key('delayed'), 'XX', 0, work.job);
	await house.failed(work);
	await house.psql.query('DELETE FROM held');
	// A later round has been when it has found this one.
	const other = await house.deviation(await house.artist(), { actual_publish_at: inTime('-1 minute') });
	await house.published(other);
	await house.failed(work);
	assert.equal((await house.seen(work)).requests.filter(({ endpoint }) => endpoint === 'submit').length, 2);
});

afterwards();
