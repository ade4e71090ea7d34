// Servers that are there and do not work: a Redis that became a replica, is full, busy, wants a password; a PostgreSQL that takes no
// writes. Each says so when it is asked to, which is a wait and never a failure: nothing is lost, no attempt is burned, /ready says so, and
// work goes on by itself when it is over.
import assert from 'node:assert/strict';

import { Redis } from './servers.mjs';
import { afterwards, build, scenario, sleep, until } from './stage.mjs';
import { allOnce, underWay, works } from './works.mjs';

const config = (...pairs) => [['CONFIG', 'SET', ...pairs]];
const out = ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'];

/** [what, commands that bring it about, commands that end it, what /ready quotes]. */
const moods = [
	['is a replica of a lost master and takes no writes', [['REPLICAOF', '127.0.0.1', '1']], [['REPLICAOF', 'NO', 'ONE']], /READONLY/],
	['is a replica that does not even tell old data', [...config('replica-serve-stale-data', 'no'), ['REPLICAOF', '127.0.0.1', '1']],
		[['REPLICAOF', 'NO', 'ONE'], ...config('replica-serve-stale-data', 'yes')], /MASTERDOWN|READONLY/],
	['has too few replicas', config('min-replicas-to-write', '1'), config('min-replicas-to-write', '0'), /NOREPLICAS/],
	['is full', config('maxmemory', '1'), config('maxmemory', '0'), /OOM/],
	['allows us no scripts', [['ACL', 'SETUSER', 'default', '-evalsha', '-eval']], [['ACL', 'SETUSER', 'default', '+@all']], /NOPERM/],
	['wants a password that we were not told', [...config('requirepass', 'new'), out], config('requirepass', ''), /NOAUTH/],
	['lets no more clients in', [...config('maxclients', '1'), out], config('maxclients', '1000'), /max number of clients/],
];

/** Jobs are in hand and waiting when `begin` is called; all must be as before some time after `end` is. */
async function through(begin, end, said) {
	const house = await build({ own: ['redis', 'postgres'], health: true, settings: { PUBLISHER_CONCURRENCY: 3 } });
	await house.sandbox.post('settings', { latency_ms: 60 });
	const all = await works(house, 16);
	for (const work of all) await house.add(work);
	await underWay(house, all);
	await begin(house);
	if (said) {
		const told = await until('/ready says so', async () => {
			const { status, text } = await house.ask('/ready');
			return status === 503 && said.test(text) && text;
		}, 4000);
		assert.match(told, said);
	}
	await sleep(1000);
	await end(house);
	await until('it works again within 5 s', async () => (await house.ask('/ready')).status === 200, 5000);
	await allOnce(house, all);
}

for (const [name, begin, end, said] of moods) {
	scenario(`Redis that ${name}, for a while`, () => through(
		async (house) => { for (const command of begin) await house.redis.run(...command); },
		async (house) => { for (const command of end) await house.redis.run(...command); }, said));
}

scenario('Redis that is busy with somebody\'s endless script', () => {
	let other;
	return through(async (house) => {
		await house.redis.run('CONFIG', 'SET', 'busy-reply-threshold', '20');
		other = new Redis(house.redisServer.socket, 0);
		other.run('EVAL', 'while true do end', 0).catch(() => {});
	}, async (house) => {
		await house.redis.run('SCRIPT', 'KILL');
		other.close();
	}, /BUSY|no answer|timed out/);
});

scenario('Redis that forgets its scripts again and again', () => through(async (house) => {
	for (let i = 0; i < 40; i++) {
		await house.redis.run('SCRIPT', 'FLUSH');
		await sleep(10);
	}
}, () => {}));

scenario('Redis that keeps every client waiting', () => through(
	(house) => house.redis.run('CLIENT', 'PAUSE', 2500, 'ALL'), () => sleep(2000), /Redis|redis/));

scenario('PostgreSQL that is read-only, for a while', () => {
	const readOnly = async (house, yes) => {
		await house.psql.query('SET default_transaction_read_only = off');
		await house.psql.query(`ALTER SYSTEM SET default_transaction_read_only = ${yes}`);
		await house.psql.query('SELECT pg_reload_conf()');
	};
	return through((house) => readOnly(house, 'on'), (house) => readOnly(house, 'off'), /takes no writes|read-only/);
});

afterwards();
