// /ready tells the truth within two seconds of any server going or coming, and /health lives as long as the supervisor turns.
import assert from 'node:assert/strict';
import net from 'node:net';
import { rmSync } from 'node:fs';

import { Psql } from './psql.mjs';
import { dispatcher, frozen, metric, ready, repeatedly, withoutChildren, workers } from './pool.mjs';
import { afterwards, build, childrenOf, inTime, isAlive, scenario, sleep, until } from './stage.mjs';

const promised = 2000;
/** A machine that is busy with other tests may take its time; for ever it may not. */
const patience = 6000;

/**
 * The usual is judged, where there are enough samples for a median, and by `patience` that nothing was left waiting: the program itself
 * needs 1.5 s at most, but nobody knows what else has the processors.
 */
function isPrompt(what, times, ms, enough) {
	const sorted = [...times].sort((a, b) => a - b);
	assert.ok(sorted.length < enough || sorted[Math.floor((sorted.length - 1) / 2)] <= ms, `${what} within ${ms} ms: ${sorted}`);
}

/** Probes all the time until the end: every answer comes, is of its form, and /health is always well. Gives what was seen. */
function watch(house) {
	const seen = { times: [], unhealthy: 0, refusals: 0, odd: [] };
	house.noticed = [];
	const stop = repeatedly(60, async () => {
		const began = Date.now();
		const [ready, health] = await Promise.all([house.ask('/ready'), house.ask('/health')]);
		seen.times.push(Date.now() - began);
		if (health.status !== 200 || JSON.parse(health.text).status !== 'healthy') seen.unhealthy++;
		if (!isTrue(ready)) seen.odd.push(ready);
		if (ready.status !== 200) seen.refusals++;
	});
	return async () => {
		await stop();
		assert.ok(seen.times.length > 0);
		assert.deepEqual([seen.unhealthy, seen.odd], [0, []]);
		isPrompt('probes are answered', seen.times, 500, 40);
		isPrompt('it was noticed', house.noticed, promised, 5);
		return seen;
	};
}

/** Nothing was away, and /ready did not say so; a dispatcher that gets no processor for two seconds is no news about the servers. */
function isSteady({ times, refusals }) {
	assert.ok(refusals <= times.length / 10, `${refusals} of ${times.length} answers are 503`);
}

/** The status, the words and the parts of an answer say the same. */
function isTrue({ status: code, text }) {
	if (code !== 200 && code !== 503) return false;
	const { status, service, timestamp, error, redis, postgres, worker } = JSON.parse(text);
	const well = redis.connected && postgres.connected && worker.running;
	if (service !== 'isekai-publisher' || !(Math.abs(Date.parse(timestamp) - Date.now()) < 10000) || !Number.isInteger(worker.activeJobs)) return false;
	return code === 200 ? status === 'ready' && error === undefined && well : status === 'not_ready' && error.length > 5;
}

/** Waits until /ready answers so, and takes the time. */
async function says(house, what, isSo) {
	const began = Date.now();
	const said = await until(async () => `/ready says ${what}; it says ${JSON.stringify(await ready(house))}`, async () => {
		const answer = await ready(house);
		return isSo(answer) && answer;
	}, patience, 30);
	(house.noticed ??= []).push(Date.now() - began);
	return said;
}

const away = (house, who) => says(house, who, ({ status, error }) => status === 503 && who.test(error));
const back = (house) => says(house, 'ready', ({ status }) => status === 200);

/** It does what it says: the next job is published. */
async function works(house) {
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await house.published(work, 15000);
}

const postgres = /PostgreSQL/;
const redis = /Redis/;
const whole = (server) => [...childrenOf(server.process.pid).map(({ pid }) => pid), server.process.pid];

scenario('PostgreSQL killed and started: named within 2 s, and back within 2 s; Redis is not blamed', async () => {
	const house = await build({ own: ['postgres'], health: true });
	const stop = watch(house);
	await works(house);
	for (const signal of ['SIGQUIT', 'SIGINT', 'SIGKILL']) {
		await house.postgres.process.stop(signal);
		const said = await away(house, postgres);
		assert.deepEqual([said.postgres.connected, said.redis.connected], [false, true]);
		assert.deepEqual([await metric(house, 'publisher_postgres_up'), await metric(house, 'publisher_redis_up'), await metric(house, 'publisher_ready')], [0, 1, 0]);
		rmSync(`${house.postgres.directory}/data/postmaster.pid`, { force: true }); // what a killed one left
		await house.postgres.start();
		await back(house);
		assert.deepEqual([await metric(house, 'publisher_postgres_up'), await metric(house, 'publisher_ready')], [1, 1]);
		await works(house);
	}
	await stop();
});

scenario('PostgreSQL frozen and thawed, again and again: each time noticed within 2 s; Redis is not blamed', async () => {
	const house = await build({ own: ['postgres'], health: true, settings: { PUBLISHER_RECONCILE_INTERVAL_MS: 100 } }); // the dispatcher is in the middle of statements
	const stop = watch(house);
	for (let round = 0; round < 4; round++) {
		await frozen(whole(house.postgres), async () => {
			const said = await away(house, postgres);
			assert.deepEqual([said.postgres.connected, said.redis.connected], [false, true]);
		});
		await back(house);
	}
	await works(house);
	await stop();
});

scenario('PostgreSQL that refuses us, and then does not: noticed within 2 s', async () => {
	const house = await build({ own: ['postgres'], health: true });
	const stop = watch(house);
	house.psql.close(); // its session ends below; the next query opens another
	const operator = new Psql(house.postgres, 'postgres');
	await operator.query(`ALTER DATABASE ${house.database} ALLOW_CONNECTIONS false`);
	await operator.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${house.database}'`);
	await away(house, postgres);
	await operator.query(`ALTER DATABASE ${house.database} ALLOW_CONNECTIONS true`);
	await back(house);
	// It goes on with one of our connections and has none for the other: nothing can be published, so nobody is ready.
	await operator.query(`ALTER DATABASE ${house.database} ALLOW_CONNECTIONS false`);
	await operator.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'isekai-publisher dispatcher'");
	await until('/ready says so when the dispatcher has found it out', async () => {
		const { status, error } = await ready(house);
		return status === 503 && postgres.test(error);
	}, 10000);
	await operator.query(`ALTER DATABASE ${house.database} ALLOW_CONNECTIONS true`);
	await back(house);
	operator.close();
	await works(house);
	await stop();
});

scenario('Redis killed and started: named within 2 s, and back within 2 s; PostgreSQL is not blamed', async () => {
	const house = await build({ own: ['redis'], health: true });
	const stop = watch(house);
	await works(house);
	for (let round = 0; round < 3; round++) {
		await house.redisServer.process.stop('SIGKILL');
		const said = await away(house, redis);
		assert.deepEqual([said.redis.connected, said.postgres.connected], [false, true]);
		assert.deepEqual([await metric(house, 'publisher_redis_up'), await metric(house, 'publisher_postgres_up'), await metric(house, 'publisher_ready')], [0, 1, 0]);
		await house.redisServer.start();
		await back(house);
		assert.deepEqual([await metric(house, 'publisher_redis_up'), await metric(house, 'publisher_ready')], [1, 1]);
		await works(house);
	}
	await stop();
});

scenario('Redis frozen and thawed, again and again: each time noticed within 2 s; PostgreSQL is not blamed', async () => {
	const house = await build({ own: ['redis'], health: true });
	const stop = watch(house);
	for (let round = 0; round < 4; round++) {
		await frozen([house.redisServer.process.pid], async () => {
			const said = await away(house, redis);
			assert.deepEqual([said.redis.connected, said.postgres.connected], [false, true]);
		});
		await back(house);
	}
	await works(house);
	await stop();
});

scenario('Redis that refuses us, and then does not: noticed within 2 s', async () => {
	const house = await build({ own: ['redis'], health: true });
	const stop = watch(house);
	await house.redis.run('ACL', 'SETUSER', 'default', 'resetpass', '>nobody-knows', 'on');
	await house.redis.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
	await away(house, redis);
	await house.redis.run('ACL', 'SETUSER', 'default', 'nopass');
	await back(house);
	await works(house);
	await stop();
});

scenario('both away: both are named, whichever goes or comes first, and 200 comes only when both are back', async () => {
	const house = await build({ own: ['postgres', 'redis'], health: true });
	const stop = watch(house);
	await frozen(whole(house.postgres), async () => {
		await away(house, postgres);
		// The one that stands still delays no notice of the other.
		await house.redisServer.process.stop('SIGKILL');
		const said = await away(house, /Redis.*PostgreSQL/);
		assert.deepEqual([said.redis.connected, said.postgres.connected], [false, false]);
		await house.redisServer.start();
		await says(house, 'that Redis is back', (answer) => answer.redis?.connected);
		assert.equal((await ready(house)).status, 503);
	});
	await back(house);
	await Promise.all([house.postgres.process.stop('SIGQUIT'), house.redisServer.process.stop('SIGKILL')]);
	await away(house, /Redis.*PostgreSQL/);
	await house.redisServer.start();
	await says(house, 'that Redis is back', (answer) => answer.redis?.connected);
	await away(house, /^PostgreSQL/);
	await house.postgres.start();
	await back(house);
	await works(house);
	await stop();
});

scenario('servers that are slow are not away: no flapping while a table is locked, connections are cut and answers take 0.6 s', async () => {
	const house = await build({ own: ['postgres', 'redis'], health: true, settings: { PUBLISHER_RECONCILE_INTERVAL_MS: 100 } });
	const stop = watch(house);
	const locked = new Psql(house.postgres, house.database);
	// The dispatcher's own statement waits for this for seconds; PostgreSQL answers all the same.
	await locked.query('BEGIN');
	await locked.query('LOCK TABLE deviations IN ACCESS EXCLUSIVE MODE');
	await until('the dispatcher waits for the lock', async () => Number(await locked.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'isekai-publisher dispatcher' AND wait_event_type = 'Lock'")) > 0, 5000);
	await sleep(4500);
	await locked.query('COMMIT');
	locked.close();
	// A connection that somebody closes is made anew at once.
	for (let round = 0; round < 5; round++) {
		await house.redis.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
		await house.psql.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'isekai-publisher%'");
		await sleep(300);
	}
	for (let round = 0; round < 3; round++) {
		await frozen([house.redisServer.process.pid, ...whole(house.postgres)], () => sleep(600));
		await sleep(200);
	}
	isSteady(await stop());
	await works(house);
});

scenario('started while nothing is there: alive at once, not ready, ready within two seconds of the last to come', async () => {
	const house = await build({ own: ['postgres', 'redis'], start: false, health: true });
	await Promise.all([house.postgres.process.stop('SIGQUIT'), house.redisServer.process.stop('SIGKILL')]);
	const started = house.start();
	started.catch(() => {});
	await until('/health answers', async () => (await house.ask('/health')).status === 200, patience, 10);
	await away(house, /Redis.*PostgreSQL/);
	await house.postgres.start();
	await away(house, /^Redis[^;]*$/);
	await house.redisServer.start();
	await back(house);
	await started;
	await works(house);
});

scenario('something else answers in the place of Redis: not ready, whatever it says', async () => {
	const house = await build({ own: ['redis'], health: true });
	await house.redisServer.process.stop('SIGKILL');
	rmSync(house.redisServer.socket, { force: true });
	for (const [answer, every] of [['HTTP/1.1 400 Bad Request\r\n\r\n', false], ['$99999999999999\r\n', true], ['', true], ['-LOADING Redis is loading the dataset in memory\r\n', true], ['-READONLY You can\'t write against a read only replica.\r\n', true], ['*-7\r\n*2147483647\r\n', true]]) {
		const sockets = new Set();
		const server = net.createServer((socket) => {
			sockets.add(socket);
			socket.on('error', () => {});
			socket.on('data', () => {
				if (answer) socket.write(answer);
				if (!every) socket.end();
			});
		});
		await new Promise((done) => server.listen(house.redisServer.socket, done));
		await away(house, redis);
		// Each is asked two times more.
		for (const deadline = Date.now() + 1200; Date.now() < deadline; await sleep(50)) {
			assert.equal((await ready(house)).status, 503, `ready with ${JSON.stringify(answer)}`);
		}
		for (const socket of sockets) socket.destroy();
		await new Promise((done) => server.close(done));
		rmSync(house.redisServer.socket, { force: true });
	}
	await house.redisServer.start();
	await back(house);
	await works(house);
});

scenario('no worker is up: not ready as long as it is so, alive, and ready again with the first', async () => {
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: 1 } });
	await withoutChildren(house, 2, async () => {
		process.kill(workers(house)[0], 'SIGKILL');
		const said = await away(house, /no worker/);
		assert.deepEqual([said.worker.running, said.worker.activeJobs, said.redis.connected, said.postgres.connected], [false, 0, true, true]);
		assert.equal(await metric(house, 'publisher_workers_ready'), 0);
		for (let i = 0; i < 10; i++) assert.deepEqual([(await house.ask('/health')).status, (await ready(house)).status], [200, 503]);
	});
	await until('ready again', async () => (await ready(house)).status === 200, 45000); // after the pause that repeated failure earned, 30 s at most
	await works(house);
});

scenario('a worker or a dispatcher that is killed makes no difference to /ready: the next one is there in time', async () => {
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: 3 } });
	const stop = watch(house);
	for (let round = 0; round < 4; round++) {
		const [dead, other] = [dispatcher(house), workers(house)[0]];
		process.kill(other, 'SIGKILL');
		process.kill(dead, 'SIGKILL');
		await until('there are others', () => workers(house).length === 3 && !isAlive(other) && (dispatcher(house) ?? dead) !== dead);
		await sleep(500);
	}
	isSteady(await stop());
	await works(house);
});

scenario('a dispatcher that stands still: nothing is known, so not ready within 2 s; its successor puts it right', async () => {
	const house = await build({ health: true });
	const stop = watch(house);
	const pid = dispatcher(house);
	process.kill(pid, 'SIGSTOP');
	const said = await away(house, /dispatcher is silent/);
	assert.deepEqual([said.dispatcher.running, said.redis.connected, said.postgres.connected], [false, false, false]);
	await until('it was replaced', () => (dispatcher(house) ?? pid) !== pid, 20000);
	await back(house);
	assert.equal(await metric(house, 'publisher_dispatcher_restarts_total'), 1);
	await works(house);
	await stop();
});

scenario('a draining pool is not ready from the first moment on; alive until the end', async () => {
	const house = await build({ health: true });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'hang', { effect: true });
	await house.add(work);
	await house.inFlight('submit');
	assert.equal((await ready(house)).status, 200);
	house.publisher.kill('SIGTERM');
	const { worker } = await away(house, /drain/);
	assert.equal(worker.activeJobs, 1);
	assert.equal(await metric(house, 'publisher_draining'), 1);
	for (let i = 0; i < 5; i++) assert.deepEqual([(await house.ask('/health')).status, (await ready(house)).status], [200, 503]);
	await house.sandbox.post('release');
	assert.equal((await house.publisher.ended).code, 0);
	await house.published(work);
});

scenario("the operator's fault, a refused application, is on /ready and /metrics, without the secret; the jobs wait", async () => {
	const house = await build({ health: true, settings: { DEVIANTART_CLIENT_SECRET: 'not-the-right-secret' } });
	house.mayPresentTwice = true; // a refused application does not spend it
	assert.equal((await ready(house)).operatorFault, undefined);
	assert.equal(await metric(house, 'publisher_operator_fault'), 0);
	const work = await house.deviation(await house.artist({ token_expires_at: inTime('-1 hour') }));
	await house.add(work);
	const said = await until('/ready tells it', async () => {
		const answer = await ready(house);
		return answer.operatorFault && answer;
	});
	assert.match(said.operatorFault, /invalid_client|client_id|CLIENT_ID/);
	assert.ok(!JSON.stringify(said).includes('not-the-right-secret'));
	assert.equal(await metric(house, 'publisher_operator_fault'), 1);
	const job = await house.jobIs(work, 'delayed');
	assert.equal(job.attempts, 0);
	assert.equal((await house.row(work)).status, 'scheduled');
});

scenario('/metrics counts the queue as it is within two seconds, and tells no old number when nobody can count', async () => {
	const house = await build({ own: ['redis'], health: true, settings: { PUBLISHER_CONCURRENCY: 1 } });
	const artist = await house.artist();
	const first = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: first.title }, 'hang', { effect: true });
	await house.add(first);
	await house.inFlight('submit');
	const waiting = await Promise.all([1, 2, 3].map(() => house.deviation(artist)));
	for (const work of waiting) await house.add(work);
	await house.add(await house.deviation(artist, { actual_publish_at: inTime('1 hour') }), { delay: 3600000 });
	const state = (name) => metric(house, `publisher_queue_jobs{state="${name}"}`);
	await until('it counts them', async () => (await state('waiting')) === 3 && (await state('active')) === 1 && (await state('delayed')) === 1, patience);
	assert.equal(await metric(house, 'publisher_active_jobs'), 1);
	assert.equal((await ready(house)).worker.activeJobs, 1);
	await frozen([house.redisServer.process.pid], async () => {
		await until('an old count is not told', async () => await state('waiting') === undefined, patience);
	});
	await house.sandbox.post('release');
	for (const work of [first, ...waiting]) await house.published(work);
	await until('it counts them again', async () => (await state('waiting')) === 0 && (await state('active')) === 0 && (await state('completed')) === 4, patience);
});

afterwards();
