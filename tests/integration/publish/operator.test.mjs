// What an operator sees: counters that tell the truth, what only he can mend, lines of every job, probes that never wait, a silent standard error.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';

import { dispatcher, frozen, metric, ready, workers } from './pool.mjs';
import { Process, root, storageKeys } from './servers.mjs';
import { afterwards, build, childrenOf, freePort, inTime, isAlive, scenario, until } from './stage.mjs';

const program = process.env.PUBLISHER ?? `${root}/build/isekai-publisher`;
const lines = (house) => readFileSync(house.log, 'utf8').split('\n').filter(Boolean);
/** The log's lines with this message, parsed. */
const said = (house, message) => lines(house).filter((line) => line.includes(`"message":"${message}`)).map((line) => JSON.parse(line));
const jobs = (house, result) => metric(house, `publisher_jobs_total{result="${result}"}`);

scenario('a journal that is gone while the pool runs is told in the log, never on standard error', async () => {
	const house = await build({ start: false });
	const role = `low_${house.number}`;
	await house.start();
	const first = await house.deviation(await house.artist());
	await house.add(first);
	await house.published(first);
	await house.publisher.stop('SIGTERM');
	await house.psql.query(`CREATE ROLE ${role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}; GRANT ALL ON SCHEMA publisher TO ${role};
		GRANT ALL ON ALL TABLES IN SCHEMA publisher TO ${role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA publisher TO ${role}`);
	await house.start({ DATABASE_URL: house.environment().DATABASE_URL.replace('isekai@', `${role}@`) });
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await house.published(work);
	await house.psql.query('DROP SCHEMA publisher CASCADE');
	process.kill(dispatcher(house), 'SIGKILL');
	// Standard error goes to the same file: inspect() finds every line that is none of the log.
	await until('its successor has said it and left', () => said(house, "The journal's schema is missing").length > 0
		&& said(house, 'child died').some(({ role, how }) => role === 'dispatcher' && how === 'status 78 (misconfigured)'), 15000);
	assert.deepEqual(lines(house).filter((line) => !line.startsWith('{')), []);
	assert.ok(isAlive(house.publisher.pid), 'it is an outage, and the pool goes on');
});

scenario('a line of a job that cannot be run has the context of every other: correlationId, jobId, attempts', async () => {
	const house = await build();
	await house.addJob({ id: 'deviation-nonsense', data: '{"deviationId": 7}' });
	await house.jobIs({ job: 'deviation-nonsense' }, 'failed');
	const [line, more] = said(house, 'The job cannot be run');
	assert.equal(more, undefined);
	assert.deepEqual([line.correlationId, line.jobId, line.attemptNumber, line.maxAttempts, line.errorCategory],
		['job-deviation-nonsense', 'deviation-nonsense', 1, 7, 'VALIDATION_ERROR']);
});

scenario('each step of a job is a line of its log: loading, uploading, publishing, published', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await house.published(work);
	const steps = await house.redis.run('LRANGE', house.key(`${work.job}:logs`), 0, -1);
	assert.deepEqual(steps.map((step) => step.split(/[ :]/)[0]), ['loading', 'uploading', 'publishing', 'published']);
});

scenario('a job that was lost before its end is neither counted nor logged as completed', async () => {
	const house = await build({ health: true, settings: { PUBLISHER_STALE_CHECK_INTERVAL_MS: 500 } });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'hang', { effect: true });
	await house.add(work);
	await house.inFlight('publish');
	await house.redis.run('SET', house.key(`${work.job}:lock`), 'somebody', 'PX', 60000);
	await house.sandbox.post('release');
	await until('its end is not heard', () => said(house, 'The job was not ours any more when it ended').length > 0);
	const other = await house.deviation(await house.artist());
	await house.add(other);
	await house.published(other);
	await until('the other is counted', async () => await jobs(house, 'completed') >= 1);
	assert.equal(await jobs(house, 'completed'), 1, 'the other alone');
	assert.deepEqual(said(house, 'Job completed').map(({ jobId }) => jobId), [other.job]);
	await house.redis.run('DEL', house.key(`${work.job}:lock`));
});

scenario('a publish that is not sent because the row is somebody else\'s is counted as fenced', async () => {
	const house = await build({ health: true });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'hang', { effect: true });
	await house.add(work);
	await house.inFlight('submit');
	await house.update(work, `execution_lock_id = 'worker-1', execution_locked_at = ${inTime('0 seconds').slice(4)}`);
	await house.sandbox.post('release');
	await until('it was fenced', async () => await metric(house, 'publisher_fenced_publishes_total') === 1);
	assert.equal((await house.seen(work)).publishes.length, 0);
});

scenario('storage credentials that are wrong are the operator\'s fault: /ready and /metrics say so, the job waits, and HUP with the right ones ends it', async () => {
	const secret = 'wrong-storage-secret';
	const house = await build({ start: false, health: true });
	const file = `${house.log}.secret`;
	writeFileSync(file, secret);
	await house.start({ S3_SECRET_ACCESS_KEY: undefined, S3_SECRET_ACCESS_KEY_FILE: file });
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.add(work);
	await until('/metrics shows a fault', async () => await metric(house, 'publisher_operator_fault') === 1);
	const answer = await ready(house);
	assert.equal(answer.status, 200);
	assert.match(answer.operatorFault, /storage refuses us.*S3_SECRET_ACCESS_KEY/);
	assert.ok(said(house, 'The job waits').some(({ level, error }) => level === 'error' && error.includes('S3_SECRET_ACCESS_KEY')));
	const { attempts } = await house.jobIs(work, 'delayed');
	assert.equal(attempts, 0);
	// A token that was refreshed says nothing about the storage.
	const other = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
	const refreshing = await house.deviation(other);
	await house.add(refreshing);
	await until('the token was refreshed', async () => await metric(house, 'publisher_token_refreshes_total') === 1);
	assert.equal(await metric(house, 'publisher_operator_fault'), 1);
	writeFileSync(file, storageKeys.secret);
	house.publisher.kill('SIGHUP');
	await until('reloaded', () => said(house, 'reload done').length === 1, 15000);
	for (const one of [work, refreshing]) {
		const published = await house.published(one, 30000);
		assert.equal(published.job.attempts, 1, 'the one that went through');
	}
	assert.equal(await metric(house, 'publisher_operator_fault'), 0);
});

scenario('connections that are lost are counted when they are made anew, and only then', async () => {
	const house = await build({ own: ['redis', 'postgres'], health: true, settings: { PUBLISHER_CONCURRENCY: 2 } });
	const artist = await house.artist();
	const counted = async () => [await metric(house, 'publisher_redis_reconnects_total'), await metric(house, 'publisher_postgres_reconnects_total')];
	const works = [await house.deviation(artist), await house.deviation(artist)];
	for (const work of works) await house.add(work);
	for (const work of works) await house.published(work);
	assert.deepEqual(await counted(), [0, 0], 'nothing was lost yet');
	await house.redis.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
	await house.psql.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^isekai-publisher (worker|dispatcher)'");
	await until('both are made anew', async () => {
		const [redis, postgres] = await counted();
		return redis >= 3 && postgres >= 1; // two workers and the dispatcher; the workers ask PostgreSQL when there is a job
	});
	const away = await counted();
	const { redisServer: server } = house;
	await server.process.stop('SIGKILL');
	await until('/ready says that Redis is away', async () => (await ready(house)).status === 503);
	assert.ok((await counted())[0] <= away[0] + 3, 'tries that fail are no connections');
	await server.start();
	await house.ready();
	await until('counted', async () => (await counted())[0] >= away[0] + 3);
});

scenario('lines that an output will not take are counted for every process, also those of workers', async () => {
	const house = await build({ start: false, health: true });
	house.publisher = new Process('publisher', '/bin/sh', ['-c', 'exec "$0" >/dev/full', program], { env: house.environment(), detached: true });
	house.publishers.push(house.publisher);
	await house.ready();
	const artist = await house.artist();
	const before = await metric(house, 'publisher_log_dropped_total');
	const works = [];
	for (let i = 0; i < 4; i++) works.push(await house.deviation(artist));
	for (const work of works) await house.add(work);
	for (const work of works) await house.published(work);
	// Starting, uploaded, published, completed: workers' lines all.
	await until('their lines are counted', async () => await metric(house, 'publisher_log_dropped_total') >= before + 4 * works.length);
});

scenario('publisher_circuits: open, then half open when its time is over, then gone after the probe', async () => {
	const house = await build({ health: true, settings: { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 1, CIRCUIT_BREAKER_OPEN_DURATION_MS: 3000 } });
	const work = await house.deviation(await house.artist());
	const counted = async (open, halfOpen) => await metric(house, 'publisher_circuits{state="open"}') === open && await metric(house, 'publisher_circuits{state="half_open"}') === halfOpen;
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, count: 1 });
	await house.sandbox.fault('submit', { title: work.title }, 'hang', { effect: true });
	await house.add(work);
	await until('it is open', () => counted(1, 0), 5000);
	await until('it is half open', () => counted(0, 1), 15000);
	await house.inFlight('submit');
	await house.sandbox.post('release');
	await house.published(work);
	await until('it is gone', () => counted(0, 0), 5000);
});

scenario('no probe waits for Redis, PostgreSQL or a worker: answered while every child and both servers stand still', async () => {
	const house = await build({ own: ['redis', 'postgres'], health: true, settings: { PUBLISHER_CONCURRENCY: 4 } });
	const { pid } = house.postgres.process;
	const pids = [...house.children().map((child) => child.pid), house.redisServer.process.pid, ...childrenOf(pid).map((child) => child.pid), pid];
	const times = { '/health': [], '/ready': [], '/metrics': [] };
	await frozen(pids, async () => {
		// Until each was answered promptly, as the machine may be busy; the watchdog would replace who stands still after 5 s.
		const end = Date.now() + 4000;
		for (let round = 0; round < 5 || (Date.now() < end && Object.values(times).some((took) => Math.min(...took) >= 50)); round++) {
			for (const [path, statuses] of [['/health', [200]], ['/ready', [200, 503]], ['/metrics', [200]]]) {
				const began = performance.now();
				const { status } = await house.ask(path);
				times[path].push(performance.now() - began);
				assert.ok(statuses.includes(status), `${path}: ${status}`);
			}
		}
	});
	for (const [path, took] of Object.entries(times)) assert.ok(Math.min(...took) < 50, `${path} within 50 ms: ${took.map(Math.round)}`);
	await house.ready();
});

for (const [what, changed, settings] of [
	['QUEUE_NAME', '[queue]\nname = other\n', { QUEUE_NAME: undefined }],
	['QUEUE_PREFIX', '[queue]\nprefix = other\n', { QUEUE_PREFIX: undefined }],
	['REDIS_URL', '[redis]\nurl = redis://127.0.0.1:1\n', { REDIS_URL: undefined }],
]) {
	scenario(`a reload that changes ${what} is refused and says that it takes a restart; the old configuration stays`, async () => {
		const house = await build({ start: false, health: true });
		const { REDIS_URL: url } = house.environment();
		writeFileSync(`${house.log}.ini`, `[redis]\nurl = ${url}\n`);
		await house.start(settings, ['-c', `${house.log}.ini`]);
		const held = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: held.title }, 'hang', { effect: true });
		await house.add(held);
		await house.inFlight('submit');
		const before = house.children().map(({ pid }) => pid).sort();
		writeFileSync(`${house.log}.ini`, changed.includes('[redis]') ? changed : `[redis]\nurl = ${url}\n${changed}`);
		house.publisher.kill('SIGHUP');
		const [refused] = await until('it is refused', () => said(house, 'reload refused; the old configuration stays').length && said(house, 'reload refused'));
		assert.match(refused.why, new RegExp(`${what}.*restart`));
		assert.equal(await metric(house, 'publisher_reloads_total{result="refused"}'), 1);
		assert.deepEqual(house.children().map(({ pid }) => pid).sort(), before);
		// Whoever works on a job of the queue is still watched over: killed, its job is handed back at once.
		const { lock } = await house.job(held);
		process.kill(workers(house).find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === `publisher-w${slotOf(lock)}`), 'SIGKILL');
		await house.published(held, 15000);
	});
}

/** The slot whose worker holds the lock: a token ends with slot and generation. */
function slotOf(lock) {
	return lock.split('.').at(-2);
}

scenario('a reload that changes another user of the same Redis is taken', async () => {
	const house = await build({ start: false, health: true, own: ['redis'] });
	const { REDIS_URL: url } = house.environment();
	const as = (user) => url.replace('unix://', `unix://${user}:pass-word@`);
	for (const user of ['first', 'second']) await house.redis.run('ACL', 'SETUSER', user, 'on', '>pass-word', '~*', '&*', '+@all');
	writeFileSync(`${house.log}.ini`, `[redis]\nurl = ${as('first')}\n`);
	await house.start({ REDIS_URL: undefined }, ['-c', `${house.log}.ini`]);
	writeFileSync(`${house.log}.ini`, `[redis]\nurl = ${as('second')}\n`);
	house.publisher.kill('SIGHUP');
	await until('it is taken', () => said(house, 'reload done').length === 1, 15000);
	assert.ok((await house.redis.run('CLIENT', 'LIST')).includes('user=second'));
});

scenario('a reload that changes HEALTH_CHECK_PORT says that it takes a restart; the listener stays, and everything else is taken', async () => {
	const house = await build({ start: false, health: true });
	const ini = (port, concurrency) => writeFileSync(`${house.log}.ini`, `[health]\nport = ${port}\n[publisher]\nconcurrency = ${concurrency}\n`);
	ini(house.port, 2);
	await house.start({ HEALTH_CHECK_PORT: undefined, PUBLISHER_CONCURRENCY: undefined }, ['-c', `${house.log}.ini`]);
	ini(await freePort(), 4);
	house.publisher.kill('SIGHUP');
	await until('it is taken', () => said(house, 'reload done').length === 1, 15000);
	assert.equal(said(house, 'HEALTH_CHECK_ENABLED, _HOST and _PORT change with the next start').length, 1);
	assert.equal(await metric(house, 'publisher_workers_limit'), 4, 'asked on the old port');
});

scenario('intervals below half a second are kept', async () => {
	const house = await build({ own: ['redis'], settings: { PUBLISHER_STALE_CHECK_INTERVAL_MS: 50, PUBLISHER_RECONCILE_INTERVAL_MS: 50, PUBLISHER_CONCURRENCY: 1 } });
	// The clock is the dispatcher's own: each second it counts the circuits by two ZCOUNT.
	const calls = async (command) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await house.redis.run('INFO', 'commandstats'))?.[1] ?? 0);
	await until('it has begun', async () => await calls('zcount') >= 2);
	const before = [await calls('zcount'), await calls('evalsha')];
	await until('four seconds later', async () => await calls('zcount') >= before[0] + 8, 30000);
	const scripts = await calls('evalsha') - before[1];
	assert.ok(scripts > 30, `${scripts} scripts while the stalled check was due 80 times`);
});

scenario('the stalled check runs once an interval, not every other one', async () => {
	const interval = 1000;
	const house = await build({ own: ['redis'], settings: { PUBLISHER_STALE_CHECK_INTERVAL_MS: interval, PUBLISHER_CONCURRENCY: 1 } });
	const times = new Set(); // its key holds when it ran
	await until('it ran ten times', async () => {
		const time = await house.redis.run('GET', house.key('stalled-check'));
		if (time) times.add(Number(time));
		return times.size > 10;
	}, 40000, 20);
	const waits = [...times].slice(1).map((time, i) => time - [...times][i]).sort((a, b) => a - b);
	assert.ok(waits[0] >= interval, `${waits}`);
	assert.ok(waits[5] < 1.5 * interval, `the middle one is the program's own, a busy machine makes some longer: ${waits}`);
});

scenario('status tells what each slot does, since when, and how long the oldest has waited; --watch again and again', async () => {
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: 1 } });
	const artist = await house.artist();
	const works = [await house.deviation(artist), await house.deviation(artist), await house.deviation(artist)];
	await house.sandbox.fault('submit', { title: works[0].title }, 'hang', { count: 1 });
	await house.add(works[0]);
	await house.inFlight('submit');
	for (const work of works.slice(1)) await house.add(work, { timestamp: Date.now() - 60000 });
	let told;
	await until(() => `it is told; the last was ${JSON.stringify(told)}`, async () => {
		told = await house.command(['status']);
		return /queue +2 waiting, 0 prioritized, 0 delayed, 1 active\n +oldest due 1 min/.test(told.output);
	});
	assert.deepEqual([told.code, told.errors], [0, '']);
	assert.match(told.output, /^publisher +ready, version /);
	assert.match(told.output, /pool +serving, 1 of 1 workers up, 1 busy\n/);
	assert.match(told.output, new RegExp(`\\n +1  uploading +[0-9.]+ s  ${works[0].job}, attempt 1, for `));
	assert.ok(await metric(house, 'publisher_queue_oldest_due_seconds') >= 60);

	const json = await house.command(['status', '--json']);
	const status = JSON.parse(json.output);
	assert.equal(json.code, 0);
	assert.deepEqual(status.slots.map(({ role }) => role), ['dispatcher', 'worker']);
	assert.deepEqual([status.slots[1].job.id, status.slots[1].job.deviationId], [works[0].job, works[0].id]);
	assert.ok(!json.output.includes(artist.username) && works.every(({ title }) => !json.output.includes(title)), 'ids only');

	const log = `${house.log}.watch`;
	const watching = new Process('status', program, ['status', '--watch'], { env: house.environment(), log });
	const frames = () => readFileSync(log, 'utf8').match(/^publisher /gm)?.length ?? 0;
	await until('it has looked twice', () => frames() >= 2);
	process.kill(await house.worker(), 'SIGKILL');
	for (const work of works) await house.published(work);
	await until('it is told how many were done', () => /; [0-9.]+ completed\/s\n/.test(readFileSync(log, 'utf8')));
	await watching.stop('SIGTERM');
});

scenario('status says why there is nothing to tell, and ends with 69', async () => {
	const house = await build({ start: false, health: true });
	for (const [settings, said] of [[{}, /no publisher answers: 127\.0\.0\.1 port [0-9]+: Connection refused/], [{ HEALTH_CHECK_ENABLED: 'false' }, /HEALTH_CHECK_ENABLED is off/],
		[{ HEALTH_CHECK_PORT: new URL(house.sandbox.url).port }, /\/status answers "HTTP\/1\.1 4/]]) {
		for (const more of [[], ['--watch'], ['--json']]) {
			const { code, output, errors } = await house.command(['status', ...more], settings);
			assert.deepEqual([code, output], [69, '']);
			assert.match(errors, said);
		}
	}
	assert.equal((await house.command(['status'], { HEALTH_CHECK_PORT: 'x' })).code, 78);
});

afterwards();
