// Where both sides are measured: a Redis, a PostgreSQL and a sandbox of this run's own, the two sides as processes, and what
// they cost, read from /proc.
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { Psql } from '../integration/publish/psql.mjs';
import {
	Postgres, Process, Redis, RedisServer, Sandbox, application, bucket, directory, freePort, request, root, storageKeys, until,
} from '../integration/publish/servers.mjs';

export const modules = process.env.BENCH_MODULES ?? `${root}/build/bench`;
export const load = createRequire(`${modules}/package.json`);
export const queueName = 'bench';
const here = `${root}/tests/bench`;

/** The servers, once for all measurements. */
export async function openStand() {
	const stand = new Stand();
	await stand.open();
	return stand;
}

class Stand {
	async open() {
		this.redisServer = new RedisServer('redis', await freePort());
		this.postgres = new Postgres('postgres', { keeps: false });
		this.sandbox = new Sandbox('sandbox');
		await Promise.all([this.redisServer.start(), this.postgres.start(), this.sandbox.start()]);
		await this.postgres.createDatabase('bench');
		this.psql = new Psql(this.postgres, 'bench');
		this.redis = new Redis(this.redisServer.socket, 0);
		this.healthPort = await freePort();
	}

	/** From now on Redis and PostgreSQL are so far from both sides; 0: as near as they are. */
	async moveServers(roundTripUs) {
		if (this.ways) await Promise.all(Object.values(this.ways).map((way) => way.process.stop('SIGKILL')));
		this.ways = null;
		if (roundTripUs === 0) return;
		const open = async (name, target) => {
			const file = path.join(directory, `${name}.distance`);
			rmSync(file, { force: true });
			const process = new Process(`distance to ${name}`, `${root}/build/release/tests/bench/distance`, [String(roundTripUs), file, String(target)], { log: `${file}.log` });
			const port = await until(() => `there is a way to ${name}: ${process.said()}`, () => existsSync(file) && Number(readFileSync(file, 'utf8')));
			return { process, port };
		};
		this.ways = { redis: await open('redis', this.redisServer.port), postgres: await open('postgres', `${this.postgres.directory}/.s.PGSQL.5432`) };
	}

	/** Settings that both sides take from their environment. */
	environment(more = {}) {
		const settings = {
			PATH: process.env.PATH,
			DATABASE_URL: this.ways ? `postgresql://isekai@127.0.0.1:${this.ways.postgres.port}/bench?schema=public` : this.postgres.url('bench'),
			REDIS_URL: `redis://127.0.0.1:${this.ways ? this.ways.redis.port : this.redisServer.port}/0`,
			QUEUE_NAME: queueName,
			DEVIANTART_CLIENT_ID: application.id,
			DEVIANTART_CLIENT_SECRET: application.secret,
			DEVIANTART_BASE_URL: this.sandbox.url,
			S3_ENDPOINT: this.sandbox.storageUrl,
			S3_ACCESS_KEY_ID: storageKeys.id,
			S3_SECRET_ACCESS_KEY: storageKeys.secret,
			S3_BUCKET_NAME: bucket,
			S3_FORCE_PATH_STYLE: 'true',
			PUBLISHER_CONCURRENCY: 5,
			RATE_LIMITER_ENABLED: 'false',
			CIRCUIT_BREAKER_ENABLED: 'false',
			HEALTH_CHECK_HOST: '127.0.0.1',
			HEALTH_CHECK_PORT: this.healthPort,
			LOG_LEVEL: 'warn',
			BENCH_MODULES: modules,
			...more,
		};
		return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
	}

	/** A side, once it is ready for jobs. side: one of `queueSides` or `publishSides`. */
	async start(side, settings) {
		const environment = this.environment({ ...settings, ...side.settings });
		const log = path.join(directory, `${side.name.replace(/\W/g, '_')}.log`);
		const begun = performance.now();
		const options = { env: environment, log, signal: 'SIGKILL', detached: true };
		if (side.script) {
			const one = new Process(side.name, process.execPath, [`${here}/${side.script}`], { ...options, ipc: true });
			await Promise.race([new Promise((done) => one.child.once('message', done)), one.ended]);
			if (one.end) throw new Error(`${side.name} ended: ${one.said()}`);
			one.readyMs = performance.now() - begun;
			return one;
		}
		const one = new Process(side.name, side.program, [], options);
		await until(() => `${side.name} is ready: ${one.said()}`, async () => {
			if (one.end) throw new Error(`${side.name} ended: ${one.said()}`);
			return (await request(`http://127.0.0.1:${this.healthPort}/ready`).catch(() => ({}))).status === 200;
		}, 60000, 1);
		one.readyMs = performance.now() - begun;
		return one;
	}

	/** µs of processor time that Redis has used. */
	redisCpuUs() {
		return cpuUs(this.redisServer.process.pid);
	}
}

// ---------------------------------------------------------------- the sides

/** The two of each comparison; `settings` come on top of those of the measurement. */
export const queueSides = {
	publisher: { name: 'publisher', program: `${root}/build/queue-bench` },
	bullmq5: { name: 'bullmq 5', script: 'node_queue.mjs', settings: { BENCH_BULLMQ: 'bullmq5' } },
	bullmq6: { name: 'bullmq 6', script: 'node_queue.mjs', settings: { BENCH_BULLMQ: 'bullmq6' } },
};

export const publishSides = {
	publisher: { name: 'publisher', program: `${root}/build/isekai-publisher` },
	bullmq5: { name: 'bullmq 5', script: 'node_publish.mjs', settings: { BENCH_BULLMQ: 'bullmq5' } },
	bullmq6: { name: 'bullmq 6', script: 'node_publish.mjs', settings: { BENCH_BULLMQ: 'bullmq6' } },
};

// ---------------------------------------------------------------- what a process costs

function stat(pid) {
	const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
	const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
	return { parent: Number(fields[1]), reapedTicks: Number(fields[13]) + Number(fields[14]) };
}

/** A process and everything under it. */
export function family(pid) {
	const parents = new Map();
	for (const name of readdirSync('/proc')) {
		if (!/^\d+$/.test(name)) continue;
		try {
			parents.set(Number(name), stat(name).parent);
		} catch { /* it has just ended */ }
	}
	const found = [pid];
	for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
	return found;
}

/** µs on a processor, of all threads of these processes (proc(5): schedstat). */
export function cpuUs(...pids) {
	let ns = 0;
	for (const pid of pids) {
		for (const task of readdirSync(`/proc/${pid}/task`)) ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
	}
	return ns / 1000;
}

/** KB of a process, as the kernel sums them: {pss, private}. */
export function memoryKb(pid) {
	const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
	const read = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
	return { pss: read('Pss'), private: read('Private_Clean') + read('Private_Dirty') };
}
