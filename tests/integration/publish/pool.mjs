// What the suites about the pool itself share: its processes, its numbers, a load that never ends, servers that stand still.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { after } from 'node:test';

import { isAlive, sleep, until } from './stage.mjs';

const stops = new Set();
after(() => {
	for (const stop of stops) stop(); // of a scenario that failed
});

/**
 * Does `step` again and again, `every` ms apart, until the function that this gives is called; that one waits for the last step and
 * tells what went wrong in any.
 */
export function repeatedly(every, step) {
	let stopped = false;
	const stop = async () => {
		stopped = true;
		stops.delete(stop);
		await running;
	};
	const running = (async () => {
		for (; !stopped; await sleep(every)) await step();
	})();
	running.catch(() => {});
	stops.add(stop);
	return stop;
}

export const workers = (house) => house.children().filter(({ title }) => title.includes('worker')).map(({ pid }) => pid);
export const dispatcher = (house) => house.children().find(({ title }) => title.includes('dispatcher'))?.pid;
export const descriptors = (house) => readdirSync(`/proc/${house.publisher.pid}/fd`).length;

/** One series of /metrics, its labels as they are printed. */
export async function metric(house, name) {
	const { text } = await house.ask('/metrics');
	const line = text.split('\n').find((one) => one.startsWith(`${name} `));
	return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

/** /ready, parsed; `status` is HTTP's. */
export async function ready(house) {
	const { status, text } = await house.ask('/ready');
	return { ...JSON.parse(text || '{}'), status };
}

/** Adds posts, `ahead` of them always waiting, until `stop()`; that gives them all. */
export async function load(house, ahead) {
	const artists = [await house.artist(), await house.artist()];
	const works = [];
	const end = repeatedly(15, async () => {
		while (await house.redis.run('LLEN', house.key('wait')) < ahead) {
			const work = await house.deviation(artists[works.length % 2]);
			works.push(work);
			await house.add(work);
		}
	});
	const stop = async () => {
		await end();
		return works;
	};
	stop.works = works;
	return stop;
}

/** Jobs are in hand, and more have been added and begun since. */
export async function underLoad(house, stop, more = 8) {
	const wanted = stop.works.length + more;
	await until(`${more} more posts were added`, () => stop.works.length >= wanted, 15000, 5);
	await until('jobs are in hand', async () => await house.redis.run('LLEN', house.key('active')) > 0, 5000, 5);
}

/** Each claimed once, published once: no job noticed anything. */
export async function unnoticed(house, works) {
	for (const work of works) {
		const { row, job } = await house.published(work, 30000);
		assert.deepEqual([job.claims, job.attempts, row.retry_count, row.execution_version, job.stc], [1, 1, 0, 1, undefined], work.id);
	}
	const { posts, submits } = await house.sandbox.get('ledger');
	assert.deepEqual([posts.length, submits.length], [works.length, works.length]);
}

/** Processes stand still as long as `play` takes. */
export async function frozen(pids, play) {
	for (const pid of pids) process.kill(pid, 'SIGSTOP');
	try {
		return await play();
	} finally {
		for (const pid of [...pids].reverse()) if (isAlive(pid)) process.kill(pid, 'SIGCONT');
	}
}

/**
 * While `play` runs the supervisor can open `spare` descriptors more: enough to read a file or to answer, too few for the four ends of
 * a child's pipes.
 */
export async function withoutChildren(house, spare, play) {
	const { pid } = house.publisher;
	const used = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
	let most = 0;
	for (let free = 0; free <= spare; most++) free += used.has(most) ? 0 : 1;
	const limit = (count) => execFileSync('prlimit', [`--pid=${pid}`, `--nofile=${count}:`]);
	limit(most - 1);
	try {
		return await play();
	} finally {
		limit(1024);
	}
}
