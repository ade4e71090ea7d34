// Promises of the contract that concern every job: the row comes first, every write tells when, a database that cannot now is nobody's failure.
import assert from 'node:assert/strict';

import { Psql } from './psql.mjs';
import { sql } from './servers.mjs';
import { afterwards, build, scenario, sleep, until } from './stage.mjs';

const home = build();
const refusal = (status, more = {}) => ({ status, body: { status: 'error', error: 'invalid_request', error_description: 'No' }, ...more });

for (const [name, endpoint, action, answer, ends] of [
	['a published post', 'publish', 'delay', { answer_delay_ms: 1500 }, 'completed'],
	['a post that failed for good', 'submit', 'status', refusal(400, { answer_delay_ms: 1500 }), 'failed'],
	['an attempt that is retried', 'submit', 'status', refusal(500, { answer_delay_ms: 1500 }), 'delayed'],
	['a post that has to wait', 'submit', 'status', refusal(503, { answer_delay_ms: 1500, headers: { 'Retry-After': '60' } }), 'delayed'],
]) {
	scenario(`the row is written before the job moves: ${name}`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault(endpoint, { title: work.title }, action, answer);
		// Ready to lock the row as soon as the request is out: its answer does not wait for us.
		const other = new Psql(house.postgres, house.database);
		const [{ pid }] = await other.rows('SELECT pg_backend_pid() AS pid');
		await house.add(work);
		await house.inFlight(endpoint);
		await other.query('BEGIN');
		await other.query(`SELECT 1 FROM deviations WHERE id = ${sql(work.id)} FOR UPDATE`);
		await until('the worker waits for the row', async () => (await house.psql.rows(`SELECT 1 FROM pg_stat_activity WHERE ${pid} = ANY (pg_blocking_pids(pid))
			AND application_name LIKE '%worker'`)).length > 0);
		assert.equal((await house.job(work)).state, 'active');
		await sleep(300);
		assert.equal((await house.job(work)).state, 'active');
		await other.query('COMMIT');
		other.close();
		await house.jobIs(work, ends);
	});
}

scenario('every write of a row tells when it was', async () => {
	const house = await build({ start: false });
	await house.psql.query(`
		CREATE TABLE written (id text, what text);
		CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF current_setting('application_name') LIKE 'isekai-publisher%' THEN
				INSERT INTO written VALUES (NEW.id, CASE WHEN abs(extract(epoch FROM NEW.updated_at - now() AT TIME ZONE 'UTC')) > 0.001
					THEN left(current_query(), 200) ELSE '' END); -- the column keeps milliseconds
			END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER look BEFORE UPDATE ON deviations FOR EACH ROW EXECUTE FUNCTION look();
		CREATE TRIGGER look BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION look();
		UPDATE deviations SET updated_at = '2020-01-01'; UPDATE users SET updated_at = '2020-01-01';`);
	await house.start();
	const artist = await house.artist({ token_expires_at: 'sql:now()' }, { access_expires_in_s: -1 });
	const dead = await house.artist({ token_expires_at: 'sql:now()', refresh_token: 'another' }, { access_expires_in_s: -1 });
	const [good, retried, refused, waits, taken, lost, paused] = [
		await house.deviation(artist, { files: [{}, {}] }), await house.deviation(artist), await house.deviation(artist), await house.deviation(artist),
		await house.deviation(artist, { status: 'draft' }), await house.deviation(dead), await house.deviation(dead, { actual_publish_at: "sql:now() + interval '1 day'" }),
	];
	await house.sandbox.fault('submit', { title: retried.title }, 'status', refusal(500));
	await house.sandbox.fault('submit', { title: refused.title }, 'status', refusal(400));
	await house.sandbox.fault('submit', { title: waits.title }, 'status', refusal(503));
	await house.sandbox.fault('publish', { title: good.title }, 'reset_after');
	for (const work of [good, retried, refused, waits, lost]) await house.add(work, { opts: { backoff: { type: 'fixed', delay: 100 } } });
	await house.add(taken, { timestamp: Date.now() - 60000 });
	for (const work of [good, retried, waits]) await house.published(work);
	for (const work of [refused, lost]) await house.failed(work);
	await house.rowIs(paused, 'draft');
	const written = await house.psql.rows('SELECT * FROM written');
	for (const { id } of [good, retried, refused, waits, lost, paused]) assert.ok(written.some((one) => one.id === id));
	assert.deepEqual(written.filter(({ what }) => what !== ''), []);
});

for (const state of ['08006', '53100', '53300', '57014', '57P01', '25006']) {
	scenario(`PostgreSQL that answers with SQLSTATE ${state} is nobody's failure: the job waits, no attempt is burned`, async () => {
		const house = await build();
		await house.psql.query(`
			CREATE SEQUENCE refusals;
			CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN
				IF current_setting('application_name') LIKE 'isekai-publisher%' AND nextval('refusals') <= 4 THEN
					RAISE EXCEPTION 'not now' USING ERRCODE = '${state}';
				END IF;
				RETURN NEW;
			END $$;
			CREATE TRIGGER refuse BEFORE UPDATE ON deviations FOR EACH ROW EXECUTE FUNCTION refuse();`);
		const work = await house.deviation(await house.artist());
		await house.add(work);
		const { row, job } = await house.published(work);
		assert.deepEqual([job.attempts, row.retry_count, (await house.seen(work)).posts.length], [1, 0, 1]);
		const [{ n }] = await house.psql.rows('SELECT last_value AS n FROM refusals');
		assert.ok(n > 4, `${n} writes`);
	});
}

scenario('PostgreSQL that has no connection left is waited for: no attempt burned, everything goes out', async () => {
	const house = await build({ start: false, settings: { PUBLISHER_CONCURRENCY: 6 } });
	const role = `limited_${house.number}`;
	await house.psql.query(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT 3; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
		GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}; GRANT USAGE ON SCHEMA public TO ${role}; GRANT CREATE ON DATABASE ${house.database} TO ${role}`);
	await house.start({ DATABASE_URL: house.environment().DATABASE_URL.replace('isekai@', `${role}@`) });
	await house.sandbox.post('settings', { latency_ms: 60 });
	const works = [];
	for (let i = 0; i < 12; i++) works.push(await house.deviation(await house.artist()));
	for (const work of works) await house.add(work);
	for (const work of works) {
		const { row, job } = await house.published(work, 40000);
		assert.deepEqual([job.attempts, row.retry_count, (await house.seen(work)).posts.length], [1, 0, 1]);
	}
	assert.match(house.said('too many connections'), /too many connections/);
});

scenario('circuits and pace are written as every process of the site reads them, and every key expires', async () => {
	const house = await build({ settings: { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 2, CIRCUIT_BREAKER_OPEN_DURATION_MS: 60000, RATE_LIMITER_ENABLED: 'true',
		RATE_LIMITER_BASE_DELAY_MS: 50, RATE_LIMITER_MAX_DELAY_MS: 100 } });
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, count: 9, body: { status: 'error', error: 'slow_down' } });
	await house.add(work);
	const key = `circuit:deviantart:publish:${artist.id}`;
	const circuit = await until('the circuit is open', async () => {
		const value = JSON.parse(await house.redis.run('GET', key) ?? '{}');
		return value.state === 'OPEN' && value;
	});
	assert.deepEqual([circuit.failures, circuit.halfOpenAttempts, circuit.config], [2, 0, { openDuration: 60000 }]);
	assert.ok(Math.abs(circuit.lastFailureTime - Date.now()) < 5000);
	const all = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: all.title }, 'status', { status: 429, headers: { 'Retry-After': '30' }, body: { status: 'error', error: 'application_api_threshold' } });
	await house.add(all);
	await until('everybody\'s gate is shut', async () => JSON.parse(await house.redis.run('GET', 'circuit:deviantart:application') ?? '{}').state === 'OPEN');
	const keys = [...await house.redis.run('KEYS', 'circuit:*'), ...await house.redis.run('KEYS', 'rate-limit:*')];
	for (const one of [key, 'circuit:deviantart:application', `rate-limit:${artist.id}:state`]) assert.ok(keys.includes(one), `${one} is in ${keys}`);
	for (const one of keys) assert.ok(await house.redis.run('PTTL', one) > 0, `${one} expires`);
});

afterwards();
