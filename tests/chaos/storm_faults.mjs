// What strikes in a storm. A fault is {name, covers (faults.md), play(house, dice)}: it harms, waits as long as it is meant to, and mends.
// Everything that is chosen is drawn from `dice` before the first wait, so that a seed strikes the same blows again.
import { Psql } from '../integration/publish/psql.mjs';
import { sleep, until } from '../integration/publish/stage.mjs';
import { atMost, signal } from './storm_house.mjs';

/** A server is away from `harm` until `mend` is done; the watch is told, as /ready has to know it. */
async function away(house, who, harm, hold_ms, mend) {
	const outage = { who, from: Date.now() };
	house.outages.push(outage);
	await harm();
	outage.from = Date.now();
	await sleep(hold_ms);
	await mend();
	outage.to = Date.now();
	await house.afterOutage?.(outage);
}

const victim = (house, dice) => house.instances[dice.below(house.instances.length)];

/** Plays alone with this instance: two tracks that end and start it at once would take each other's successor for their own. */
function alone(instance, play) {
	const played = (instance.busy ?? Promise.resolve()).then(play);
	instance.busy = played.catch(() => {});
	return played;
}

// ---------------------------------------------------------------- processes

export const processes = [
	{
		name: 'a worker killed', covers: 'F1-F9', weight: 6,
		async play(house, dice) {
			const workers = victim(house, dice).workers();
			const chosen = dice.below(64);
			if (workers.length > 0) signal(workers[chosen % workers.length], 'SIGKILL');
		},
	},
	{
		name: 'all children of an instance killed', covers: 'F12',
		async play(house, dice) {
			for (const { pid } of victim(house, dice).children) signal(pid, 'SIGKILL');
		},
	},
	{
		name: 'a dispatcher killed', covers: 'F1', weight: 2,
		async play(house, dice) {
			const pid = victim(house, dice).dispatcher();
			if (pid) signal(pid, 'SIGKILL');
		},
	},
	{
		name: 'a supervisor killed, and a successor', covers: 'F13', weight: 2,
		async play(house, dice) {
			const instance = victim(house, dice), pause = dice.below(600);
			await alone(instance, async () => {
				await instance.process.stop('SIGKILL');
				await sleep(pause);
				await startAgain(instance);
			});
		},
	},
	{
		name: 'a worker stopped for longer than its lock', covers: 'F10 F11',
		async play(house, dice) {
			const workers = victim(house, dice).workers(), chosen = dice.below(64);
			if (workers.length === 0) return;
			const pid = workers[chosen % workers.length];
			signal(pid, 'SIGSTOP');
			await sleep(house.lock_ms * 1.3);
			signal(pid, 'SIGCONT');
		},
	},
	{
		name: 'a whole instance stopped for longer than its locks', covers: 'F10 F14',
		async play(house, dice) {
			const instance = victim(house, dice);
			await alone(instance, async () => {
				const pids = [instance.process.pid, ...instance.children.map(({ pid }) => pid)];
				instance.still = true;
				for (const pid of pids) signal(pid, 'SIGSTOP');
				await sleep(house.lock_ms * 1.3);
				for (const pid of pids.reverse()) signal(pid, 'SIGCONT');
				instance.still = false;
			});
		},
	},
	{
		name: 'a drain, and a new start', covers: 'F15 F17',
		async play(house, dice) {
			const instance = victim(house, dice), twice = dice.below(3) === 0;
			await alone(instance, async () => {
				const { process } = instance;
				process.kill('SIGTERM');
				if (twice) {
					await sleep(30);
					process.kill('SIGTERM');
				}
				const end = await Promise.race([process.ended, atMost(60000)]);
				if (!end || ![0, 143].includes(end.code)) house.complaints.push(`a drain ended with ${JSON.stringify(end)}`);
				await startAgain(instance);
			});
		},
	},
	{
		name: 'three HUPs', covers: 'F15',
		async play(house, dice) {
			const instance = victim(house, dice);
			await alone(instance, async () => {
				for (let i = 0; i < 3; i++) {
					instance.process.kill('SIGHUP');
					await sleep(40);
				}
			});
		},
	},
];

/** A start needs no server: it waits for those that are away. */
async function startAgain(instance) {
	await instance.start();
	// One that is gone at once has its reasons, and they are a finding.
	const end = await Promise.race([instance.process.ended, atMost(300)]);
	if (end) throw new Error(`the publisher ended at its start: ${JSON.stringify(end)}\n${instance.process.said(5)}`);
}

// ---------------------------------------------------------------- servers

async function redisSays(house, ...commands) {
	for (const words of commands) await until(`Redis takes ${words.join(' ')}`, () => house.redis.run(...words).then(() => true, () => false), 20000, 20);
}

export const redis = [
	{
		name: 'Redis killed and started again', covers: 'F18 F21', weight: 2,
		async play(house, dice) {
			const hold = 100 + dice.below(1500);
			await away(house, 'redis', () => house.redisServer.process.stop('SIGKILL'), hold, () => house.redisServer.start());
		},
	},
	{
		name: 'Redis killed, its last second lost', covers: 'F18', loses: true,
		async play(house, dice) {
			const age = 200 + dice.below(800), hold = dice.below(600);
			const back = house.redisServer.copy();
			await sleep(age);
			await away(house, 'redis', () => house.redisServer.process.stop('SIGKILL'), hold, async () => {
				back();
				await house.redisServer.start();
			});
		},
	},
	{
		name: 'Redis brought back to an older state', covers: 'F20', loses: true,
		async play(house, dice) {
			const age = 2000 + dice.below(3000);
			const back = house.redisServer.copy();
			await sleep(age);
			await away(house, 'redis', () => house.redisServer.process.stop('SIGKILL'), 200, async () => {
				back();
				await house.redisServer.start();
			});
		},
	},
	{ name: 'Redis emptied', covers: 'F19', loses: true, play: (house) => redisSays(house, ['FLUSHALL']) },
	{
		name: 'Redis stands still', covers: 'F24',
		async play(house, dice) {
			const { pid } = house.redisServer.process;
			await away(house, 'redis', () => signal(pid, 'SIGSTOP'), 500 + dice.below(2500), () => signal(pid, 'SIGCONT'));
		},
	},
	{
		name: 'Redis read-only, as a replica', covers: 'F21',
		async play(house, dice) {
			const stale = dice.below(2) === 0, hold = 500 + dice.below(1500);
			await redisSays(house, ['CONFIG', 'SET', 'replica-serve-stale-data', stale ? 'yes' : 'no'], ['REPLICAOF', '127.0.0.1', '1']);
			await sleep(hold);
			await redisSays(house, ['REPLICAOF', 'NO', 'ONE'], ['CONFIG', 'SET', 'replica-serve-stale-data', 'yes']);
		},
	},
	{
		name: 'Redis out of memory', covers: 'F22',
		async play(house, dice) {
			const hold = 500 + dice.below(1500);
			await redisSays(house, ['CONFIG', 'SET', 'maxmemory', '1mb']);
			await sleep(hold);
			await redisSays(house, ['CONFIG', 'SET', 'maxmemory', '0']);
		},
	},
	{
		name: 'Redis forgets all scripts', covers: 'F23',
		async play(house) {
			for (let i = 0; i < 5; i++) {
				await redisSays(house, ['SCRIPT', 'FLUSH']);
				await sleep(50);
			}
		},
	},
	{
		name: 'somebody\'s script keeps Redis busy', covers: 'F23',
		async play(house, dice) {
			const hold = 1 + dice.below(2);
			await redisSays(house, ['CONFIG', 'SET', 'busy-reply-threshold', '100']);
			// It ends by itself; a program that kills scripts of others would make it fail.
			const said = await house.redis.run('EVAL', `local function now() local t = redis.call('TIME') return t[1] + t[2] / 1e6 end
				local from = now() while now() < from + ${hold} do end return 'whole'`, 0).catch((error) => error.message);
			if (said !== 'whole') house.complaints.push(`a neighbour's script was ended: ${said}`);
		},
	},
	{
		name: 'Redis takes no more clients', covers: 'F27',
		async play(house, dice) {
			const hold = 500 + dice.below(1500);
			await redisSays(house, ['CONFIG', 'SET', 'maxclients', '4'], ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
			await sleep(hold);
			await redisSays(house, ['CONFIG', 'SET', 'maxclients', '1000']);
		},
	},
	{
		name: 'all connections to Redis ended by it', covers: 'F21',
		play: (house) => redisSays(house, ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'], ['CLIENT', 'KILL', 'TYPE', 'pubsub']),
	},
];

/** A session of its own: what it holds does not hold up those who count. */
async function psqlSession(house, play) {
	const session = new Psql(house.postgres, house.database);
	try {
		await play(session);
	} finally {
		session.close();
	}
}

export const postgres = [
	{
		name: 'PostgreSQL killed and started again', covers: 'F28 F29', weight: 2,
		async play(house, dice) {
			const hold = 100 + dice.below(1500);
			await away(house, 'postgres', () => house.postgres.crash(), hold, () => house.postgres.start());
		},
	},
	{
		name: 'all sessions of PostgreSQL terminated', covers: 'F29', weight: 2,
		async play(house) {
			for (let i = 0; i < 3; i++) {
				await house.psql.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'storm'");
				await sleep(120);
			}
		},
	},
	{
		name: 'PostgreSQL read-only', covers: 'F30',
		async play(house, dice) {
			const hold = 500 + dice.below(2000);
			await house.psql.query('ALTER ROLE storm SET default_transaction_read_only = on');
			await house.psql.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'storm'");
			await sleep(hold);
			await house.psql.query('ALTER ROLE storm RESET default_transaction_read_only');
			// Back on a primary: a session keeps what it began with.
			await house.psql.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'storm'");
		},
	},
	{
		name: 'PostgreSQL has too many connections', covers: 'F30',
		async play(house, dice) {
			const hold = 500 + dice.below(2000);
			await house.psql.query('ALTER ROLE storm CONNECTION LIMIT 2');
			await house.psql.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'storm'");
			await sleep(hold);
			await house.psql.query('ALTER ROLE storm CONNECTION LIMIT -1');
		},
	},
	{
		name: 'a table of PostgreSQL is locked', covers: 'F30',
		async play(house, dice) {
			const hold = (300 + dice.below(1500)) / 1000;
			await psqlSession(house, (session) => session.query(`BEGIN; LOCK TABLE deviations IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(${hold}); COMMIT`));
		},
	},
	{
		name: 'PostgreSQL stands still', covers: 'F31',
		async play(house, dice) {
			const hold = 500 + dice.below(2500);
			const pids = String(await house.psql.query("SELECT pid FROM pg_stat_activity WHERE usename = 'storm'")).split('\n').filter(Boolean).map(Number);
			// The postmaster, too: new connections are accepted by the kernel, and nobody greets them.
			pids.push(house.postgres.process.pid);
			await away(house, 'postgres', () => pids.forEach((pid) => signal(pid, 'SIGSTOP')), hold, () => pids.forEach((pid) => signal(pid, 'SIGCONT')));
		},
	},
];

// ---------------------------------------------------------------- the ways between

const way = (name, who, covers, harm, { range = [500, 2500], isAway = false } = {}) => ({
	name: `${name} ${who}`, covers,
	async play(house, dice) {
		const proxy = house.proxies[who], hold = range[0] + dice.below(range[1] - range[0] + 1), chosen = dice.below(2);
		if (isAway && (who === 'redis' || who === 'postgres')) {
			await away(house, who, () => harm(proxy, chosen), hold, () => proxy.heal());
		} else {
			await harm(proxy, chosen);
			await sleep(hold);
			await proxy.heal();
			// Who is back answers what he does not know with RST. Redis and PostgreSQL may never come back: silence for ever.
			proxy.buryDead();
		}
	},
});

/** Of each server: all ways in which the way to it goes wrong. */
export const ways = ['redis', 'postgres', 'site', 'storage'].flatMap((who) => [
	way('connections cut on the way to', who, 'F33 F34 F48', (proxy, chosen) => proxy.cut(chosen ? 'rst' : 'fin'), { range: [0, 200] }),
	way('refused by', who, 'F33 F42', (proxy) => proxy.refuse(), { range: [100, 2000], isAway: true }),
	way('half open to', who, 'F25 F48', (proxy) => proxy.deaden(), { range: [500, 3000], isAway: true }),
	way('200 ms and more to', who, 'F24 F36', (proxy) => { proxy.latency_ms = 100; }),
	way('a narrow way to', who, 'F24 F36', (proxy, chosen) => { proxy.bytes_per_s = chosen ? 20000 : 4000; }),
	way('in single bytes from and to', who, 'F26', (proxy) => { proxy.crumbs = true; }),
]);

// ---------------------------------------------------------------- DeviantArt and the storage

/** Posts a rule that strikes `count` times, and takes it away after `hold`. */
const site = (name, covers, endpoint, action, more = {}, { burns = false, settings } = {}) => ({
	name, covers, burns,
	async play(house, dice) {
		const count = 1 + dice.below(4), hold = 500 + dice.below(2000);
		if (settings) await house.sandbox.post('settings', settings.on);
		if (endpoint) await house.sandbox.fault(endpoint, {}, action, { name, count: more.most ? Math.min(count, more.most) : count, ...more.rule });
		await sleep(hold);
		if (settings) await house.sandbox.post('settings', settings.off);
	},
});
const refusal = (whose, seconds) => ({ status: 429, headers: { 'Retry-After': String(seconds) }, body: { status: 'error', error: `${whose}_api_threshold`, error_description: 'Request limit reached.' } });

export const peers = [
	site('429 with Retry-After at the upload', 'F39', 'submit', 'status', { rule: refusal('user', 1) }),
	site('429 with Retry-After at the publish', 'F39', 'publish', 'status', { rule: refusal('user', 1) }),
	site('429 for the whole application', 'F39', 'submit', 'status', { most: 1, rule: refusal('application', 1) }),
	site('503 at the upload', 'F39', 'submit', 'status', { rule: { status: 503 } }),
	site('503 at the publish that took effect', 'F34', 'publish', 'status', { rule: { status: 503, effect: true } }),
	site('publishes reset, with effect', 'F34', 'publish', 'reset_after', { rule: { effect: true } }),
	site('publishes reset, without effect', 'F34', 'publish', 'reset_after', { rule: { effect: false } }),
	site('publish answers cut', 'F35', 'publish', 'truncate'),
	site('publish answers cut in their headers', 'F35', 'publish', 'truncate_headers'),
	site('empty publish answers', 'F34', 'publish', 'empty'),
	site('500 at the publish that took effect', 'F34', 'publish', 'error_500_but_published'),
	site('pages instead of publish answers', 'F37', 'publish', 'status', { rule: { status: 502, body: '<html>maintenance</html>', effect: true } }),
	site('garbage instead of publish answers', 'F37', 'publish', 'garbage', { rule: { bytes: 2000 } }),
	site('slow answers', 'F36', 'publish', 'slow', { rule: { bytes: 20, every_ms: 30 } }),
	site('a gallery that shows posts late', 'F34', null, null, {}, { settings: { on: { gallery_delay_ms: 2500 }, off: { gallery_delay_ms: 0 } } }),
	site('storage 503', 'F43', 's3', 'status', { rule: { status: 503 } }),
	site('storage SlowDown', 'F43', 's3', 'status', { rule: { status: 503, body: '<Error><Code>SlowDown</Code></Error>' } }),
	site('storage objects cut short', 'F43', 's3', 'truncate'),
	site('storage reset', 'F43', 's3', 'reset_after'),
	{
		name: 'DeviantArt and the storage stand still', covers: 'F36',
		async play(house, dice) {
			const { pid } = house.sandbox.process, hold = 300 + dice.below(1500);
			signal(pid, 'SIGSTOP');
			await sleep(hold);
			signal(pid, 'SIGCONT');
		},
	},
	// By contract these are failed attempts: something was sent, and no answer came or one that says so.
	site('500 at the upload', 'F38', 'submit', 'status', { most: 2, rule: { status: 500 } }, { burns: true }),
	site('uploads reset in the middle', 'F33', 'submit', 'reset_middle', { most: 2 }, { burns: true }),
	site('upload answers lost', 'F33', 'submit', 'reset_after', { most: 2 }, { burns: true }),
	site('garbage instead of upload answers', 'F37', 'submit', 'garbage', { most: 2, rule: { bytes: 500 } }, { burns: true }),
];
