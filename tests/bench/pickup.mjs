// From Queue.add to the first byte at the API, one post after another into an idle pool.
import { sleep, until } from '../integration/publish/servers.mjs';
import { median, percentile, spread } from './figures.mjs';
import { jobOf, judgePosts, makePosts, openQueue } from './posts.mjs';
import { publishSides, queueName } from './stand.mjs';

const kinds = { plain: {}, prioritized: { priority: 5 }, delayed: { delay: 150 } };

/** ms from each add (of a delayed job: from its due time) to the arrival of its upload's head, by the monotonic clock of both. */
async function once(stand, side, { posts, opts }) {
	const ids = await makePosts(stand, posts, 20000);
	await stand.sandbox.post('settings', { latency_ms: 0 });
	const queue = openQueue(stand);
	const one = await stand.start(side, { PUBLISHER_RECONCILE_INTERVAL_MS: 600000 });
	const added = new Map();
	for (const [i, id] of ids.entries()) {
		const job = jobOf(id);
		added.set(`Work ${i}`, Number(process.hrtime.bigint() / 1000n) + (opts.delay ?? 0) * 1000);
		await queue.add(job.name, job.data, { ...job.opts, ...opts });
		await until(`post ${i} is out`, async () => await stand.redis.run('ZCARD', `bull:${queueName}:completed`) > i, 20000, 5);
		await sleep(20 + Math.random() * 20); // idle again, and not in step with any timer
	}
	await one.stop();
	await queue.close();
	await judgePosts(stand, posts);
	const requests = await stand.sandbox.requests('?endpoint=submit');
	return requests.map(({ title, started_monotonic_us: us }) => (us - added.get(title)) / 1000);
}

export async function measurePickup(stand, { rounds, posts, sides, tell }) {
	for (const [name, opts] of Object.entries(kinds)) {
		const waits = Object.fromEntries(sides.map((side) => [side, []]));
		for (let round = 0; round < rounds; round++) for (const side of sides) waits[side].push(await once(stand, publishSides[side], { posts, opts }));
		const figures = { p50Ms: 0.5, p99Ms: 0.99, p999Ms: 0.999 };
		const seen = {
			sides: Object.fromEntries(sides.map((side) => [side, Object.fromEntries(Object.entries(figures).map(([figure, share]) => {
				const each = waits[side].map((run) => percentile(run, share));
				return [figure, { ...spread(each), median: percentile(waits[side].flat(), share) }];
			}))])),
		};
		const [first, ...others] = sides;
		seen.ratios = Object.fromEntries(others.map((side) => [side, { p50Ms: spread(waits[first].map((run, i) => median(run) / median(waits[side][i]))) }]));
		tell({ name: `pickup, ${name}: add to the first byte at the API`, jobs: posts * rounds, ...seen });
	}
}
