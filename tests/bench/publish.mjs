// The whole publish: posts a second, what a post costs, and the memory that large files take.
import { sleep } from '../integration/publish/servers.mjs';
import { inPairs } from './figures.mjs';
import { jobOf, judgePosts, makePosts, openQueue } from './posts.mjs';
import { cpuUs, family, memoryKb, publishSides, queueName } from './stand.mjs';

/** One run: {postsPerS, cpuUs, peakPssMb}; cpuUs a post. */
async function once(stand, side, { posts, concurrency, sizeBytes, latencyMs }) {
	const ids = await makePosts(stand, posts, sizeBytes);
	await stand.sandbox.post('settings', { latency_ms: latencyMs });
	const queue = openQueue(stand);
	await queue.pause();
	await queue.addBulk(ids.map(jobOf));
	const one = await stand.start(side, { PUBLISHER_CONCURRENCY: concurrency, PUBLISHER_RECONCILE_INTERVAL_MS: 600000 });
	const pids = family(one.pid);
	const before = { own: cpuUs(...pids), at: performance.now() };
	let peakKb = 0;
	await queue.resume();
	for (;;) {
		peakKb = Math.max(peakKb, pids.reduce((sum, pid) => sum + memoryKb(pid).pss, 0));
		if (await stand.redis.run('ZCARD', `bull:${queueName}:completed`) >= posts) break;
		if (one.end || await stand.redis.run('ZCARD', `bull:${queueName}:failed`) > 0) throw new Error(`${side.name} failed: ${one.said()}`);
		await sleep(sizeBytes > 1000000 ? 10 : 25);
	}
	const took = performance.now() - before.at;
	const used = cpuUs(...pids) - before.own;
	await one.stop();
	await queue.close();
	await judgePosts(stand, posts);
	return { postsPerS: posts / took * 1000, cpuUs: used / posts, peakPssMb: peakKb / 1024 };
}

export async function measurePublish(stand, { rounds, cases, sides, tell }) {
	const chosen = Object.fromEntries(sides.map((name) => [name, publishSides[name]]));
	for (const one of cases) {
		const seen = await inPairs(chosen, rounds, (side) => once(stand, side, one));
		const size = one.sizeBytes >= 1000000 ? `${one.sizeBytes / 1000000} MB` : `${one.sizeBytes / 1000} KB`;
		tell({ name: `publish, ${size}, concurrency ${one.concurrency}, API latency ${one.latencyMs} ms`, jobs: one.posts, ...seen });
	}
}
