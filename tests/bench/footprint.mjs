// What the pool takes when it does nothing, and how long it takes to begin, to end, and to be whole again.
import { sleep, until } from '../integration/publish/servers.mjs';
import { inPairs } from './figures.mjs';
import { jobOf, judgePosts, makePosts, openQueue } from './posts.mjs';
import { cpuUs, family, memoryKb, publishSides, queueName } from './stand.mjs';

const idleMs = 20000;

function perSlot(pids, slots) {
	const all = pids.map(memoryKb);
	const sum = (what) => all.reduce((total, one) => total + one[what], 0);
	return { pssKb: sum('pss') / slots, privateKb: sum('private') / slots };
}

/** Every slot makes a post or more. */
async function workAll(stand, slots) {
	const posts = slots * 4;
	const ids = await makePosts(stand, posts, 20000);
	await stand.sandbox.post('settings', { latency_ms: 300 });
	const queue = openQueue(stand);
	await queue.addBulk(ids.map(jobOf));
	await until('all posts are out', async () => await stand.redis.run('ZCARD', `bull:${queueName}:completed`) === posts, 120000);
	await queue.close();
	await judgePosts(stand, posts);
}

/** How long a pool stays incomplete after a worker was killed; a Node worker has no pool. */
async function recoveryMs(one) {
	const workers = family(one.pid).slice(2);
	if (workers.length === 0) return Number.NaN;
	const before = new Set(workers);
	const begun = performance.now();
	process.kill(workers.at(-1), 'SIGKILL');
	await until('there is another worker', () => family(one.pid).slice(2).filter((pid) => !before.has(pid)).length === 1, 10000, 1);
	return performance.now() - begun;
}

async function once(stand, side, slots) {
	await stand.redis.run('FLUSHALL');
	const one = await stand.start(side, { PUBLISHER_CONCURRENCY: slots, PUBLISHER_RECONCILE_INTERVAL_MS: 600000 });
	const idle = perSlot(family(one.pid), slots);
	const used = { own: -cpuUs(...family(one.pid)), redis: -stand.redisCpuUs() };
	await sleep(idleMs);
	used.own += cpuUs(...family(one.pid));
	used.redis += stand.redisCpuUs();
	await workAll(stand, slots);
	const after = perSlot(family(one.pid), slots);
	const recovered = await recoveryMs(one);
	const begun = performance.now();
	await one.stop();
	return {
		readyMs: one.readyMs, idlePssKb: idle.pssKb, idlePrivateKb: idle.privateKb, usedPssKb: after.pssKb, usedPrivateKb: after.privateKb,
		idleCpuPercent: used.own / idleMs / 10, idleRedisCpuPercent: used.redis / idleMs / 10, recoveredMs: recovered, drainedMs: performance.now() - begun,
	};
}

/** Each number of slots. */
export async function measureFootprint(stand, { rounds, slots, sides = ['publisher', 'bullmq5'], tell }) {
	const chosen = Object.fromEntries(sides.map((name) => [name, publishSides[name]]));
	for (const number of slots) {
		const seen = await inPairs(chosen, rounds, (side) => once(stand, side, number));
		tell({ name: `footprint a slot, ${number} slots`, jobs: number * 4, ...seen });
	}
}
