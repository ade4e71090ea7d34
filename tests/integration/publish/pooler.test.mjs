// What connections a pool opens; and PostgreSQL behind PgBouncer: in transaction mode nothing of a session is ours, and a few server
// connections serve many workers.
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { Process, directory } from './servers.mjs';
import { afterwards, build, scenario, sleep, until } from './stage.mjs';
import { allOnce, underWay, works } from './works.mjs';

const sessions = (house) => house.psql.rows(`SELECT application_name AS name, state FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'psql'`);

let poolers = 0;

/** PgBouncer before a house's PostgreSQL, on a socket of its own. */
async function pooler(house, mode, size) {
	const own = path.join(directory, `pooler-${++poolers}`);
	const file = path.join(own, 'pgbouncer.ini');
	mkdirSync(own, { mode: 0o755 });
	writeFileSync(path.join(own, 'users'), '"isekai" ""\n');
	writeFileSync(file, `
[databases]
* = host=${house.postgres.directory}
[pgbouncer]
listen_port = 6432
listen_addr =
unix_socket_dir = ${own}
auth_type = trust
auth_file = ${own}/users
pool_mode = ${mode}
default_pool_size = ${size}
max_client_conn = 200
server_reset_query = DISCARD ALL
`);
	const { user } = house.postgres;
	if (user.uid) chownSync(own, user.uid, user.gid);
	const start = () => new Process('pgbouncer', 'pgbouncer', [file], { cwd: own, log: path.join(own, 'log'), signal: 'SIGINT', env: { PATH: `${process.env.PATH}:/usr/sbin` }, ...user });
	return { start, url: `postgresql://isekai@localhost:6432/${house.database}?host=${own}&schema=public` };
}

async function behind(mode, size, parameters = '') {
	const house = await build({ start: false, own: ['postgres'], health: true, settings: { PUBLISHER_CONCURRENCY: 8 }, site: { latency_ms: 30 } });
	const { start, url } = await pooler(house, mode, size);
	const process = start();
	house.changed.DATABASE_URL = url + parameters;
	await house.start();
	await house.ready();
	return { house, start, process };
}

/** Every kind of step: several files, a retry, a lost answer, a refresh. */
async function allSteps(house) {
	const stale = await house.artist({ token_expires_at: "sql:now() AT TIME ZONE 'UTC' + interval '1 minute'" });
	const all = [...await works(house, 20), await house.deviation(stale), await house.deviation(stale)];
	await house.sandbox.fault('publish', { title: all[3].title }, 'reset_after');
	await house.sandbox.fault('submit', { title: all[4].title }, 'status', { status: 503 });
	for (const work of all) await house.add(work);
	return all;
}

scenario('transaction mode, pgbouncer=true: eight workers work by three server connections, every kind of step', async () => {
	const { house } = await behind('transaction', 3, '&pgbouncer=true');
	const all = await allSteps(house);
	let most = 0;
	await until('all are published', async () => {
		most = Math.max(most, (await sessions(house)).length);
		const [{ count }] = await house.psql.rows("SELECT count(*) FROM deviations WHERE status = 'published'");
		return count === all.length;
	}, 60000);
	await allOnce(house, all);
	assert.ok(most >= 1 && most <= 3, `${most} server connections`);
});

scenario('transaction mode: the pooler killed and started again, and a worker killed: everything once', async () => {
	const { house, start, process } = await behind('transaction', 3, '&pgbouncer=true');
	const all = await allSteps(house);
	await underWay(house, all);
	await process.stop('SIGKILL');
	await until('/ready says so', async () => (await house.ask('/ready')).status === 503, 4000);
	await sleep(500);
	start();
	await house.ready();
	globalThis.process.kill(await house.worker(), 'SIGKILL');
	await allOnce(house, all);
});

scenario('transaction mode, one server connection for all: they wait for each other, and none for ever', async () => {
	const { house } = await behind('transaction', 1, '&pgbouncer=true');
	await allOnce(house, await allSteps(house));
});

scenario('transaction mode without the parameter: what is prepared is mixed up; it is not prepared any more, and everything goes out once', async () => {
	const { house } = await behind('transaction', 3);
	await allOnce(house, await allSteps(house));
});

/** How many connections to the house's Redis and PostgreSQL a publisher has, by what they are for. */
async function connections(house) {
	const count = (names) => names.reduce((all, name) => ({ ...all, [name]: (all[name] ?? 0) + 1 }), {});
	const own = await house.redis.run('CLIENT', 'ID');
	const clients = (await house.redis.run('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(` db=${house.redis.database} `) && !line.startsWith(`id=${own} `));
	return {
		redis: clients.length,
		postgres: count((await sessions(house)).map(({ name }) => name.replace('isekai-publisher ', ''))),
	};
}

scenario('the connection budget of scripts/deploy/SCALING.md: N + 3 to Redis, 2 to PostgreSQL and one for each worker that has work; one more in a reload', async () => {
	const workers = 8;
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: workers }, site: { latency_ms: 60 } });
	const budget = ({ redis, postgres }) => redis <= workers + 3 && Object.values(postgres).reduce((sum, n) => sum + n, 0) <= workers + 2;
	await until('an idle pool has its connections', async () => (await connections(house)).redis === workers + 3);
	assert.deepEqual((await connections(house)).postgres.worker, undefined, 'who has had no job is not connected');
	const seen = { redis: 0, worker: 0, broken: [] };
	const all = await works(house, 60);
	await house.addTogether(all);
	await until('all are published', async () => {
		const now = await connections(house);
		if (!budget(now)) seen.broken.push(now);
		seen.redis = Math.max(seen.redis, now.redis);
		seen.worker = Math.max(seen.worker, now.postgres.worker ?? 0);
		const [{ count }] = await house.psql.rows("SELECT count(*) FROM deviations WHERE status = 'published'");
		return count === all.length;
	}, 60000);
	assert.deepEqual(seen, { redis: workers + 3, worker: workers, broken: [] });
	const { postgres } = await connections(house);
	assert.deepEqual(postgres, { worker: workers, dispatcher: 1, pulse: 1 });
	await allOnce(house, all);
	// A reload replaces one process after the other; each may meet its predecessor's connections.
	const old = house.children().map(({ pid }) => pid);
	let most = 0;
	house.publisher.kill('SIGHUP');
	await until('every process is a new one, and has its connections', async () => {
		const { redis } = await connections(house);
		most = Math.max(most, redis);
		return redis === workers + 3 && house.children().length === old.length && house.children().every(({ pid }) => !old.includes(pid));
	}, 20000, 5);
	assert.ok(most <= workers + 3 + 1, `${most} connections to Redis in a reload`);
});

scenario('session mode without the parameter, a connection for each', async () => {
	const { house } = await behind('session', 20);
	await allOnce(house, await allSteps(house));
});

afterwards();
