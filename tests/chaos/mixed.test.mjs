// Everything at once: two instances, BullMQ beside them, and faults of all kinds drawn from a seed. Each post goes out once, none is lost,
// no attempt is burned but by answers that count as one.
import test from 'node:test';

import { sleep } from '../integration/publish/stage.mjs';
import { neighbour } from './neighbours.mjs';
import { Dice, plan, playTrack, prepare, seed, summary, watchReady } from './storm.mjs';
import { peers, postgres, processes, redis, ways } from './storm_faults.mjs';
import { enqueue, populate, published, stormHouse } from './storm_house.mjs';
import { calm, farewell, faultsOf, none } from './storm_judge.mjs';

const posts = Number(process.env.CHAOS_POSTS ?? 200);
/** How long faults strike; posts are due all that time. */
const seconds = Number(process.env.CHAOS_SECONDS ?? Math.max(20, posts / 25));
const artists = Math.max(20, Math.round(posts / 20));
const only = process.env.ONLY && new RegExp(process.env.ONLY);

const settings = {
	PUBLISHER_CONCURRENCY: 5, PUBLISHER_LOCK_DURATION_MS: 3000, PUBLISHER_STALE_CHECK_INTERVAL_MS: 3000, PUBLISHER_UNKNOWN_WAIT_MS: 800,
	RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 20, RATE_LIMITER_MAX_DELAY_MS: 500,
	CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 5, CIRCUIT_BREAKER_OPEN_DURATION_MS: 1000,
};
const patience_ms = 8000; // /ready: 2 s are promised, a busy machine takes its time

/** tracks: lists of faults, each played beside the others. */
function storm(name, { tracks, version, instances = [{}, {}] }) {
	if (only && !only.test(name)) return;
	// It begins at once, beside the others of the file: most of it is waiting.
	const played = play(name, { tracks, version, instances });
	played.catch(() => {});
	test(name, { timeout: (seconds + 400) * 1000 }, () => played);
}

async function play(name, { tracks, version, instances }) {
	const dice = new Dice(seed + name.length);
	const house = await stormHouse({ settings, instances, site: { latency_ms: 15 } });
	prepare(house, settings.PUBLISHER_LOCK_DURATION_MS);
	await populate(house, { posts, artists, over_ms: seconds * 1000 });
	const beside = version && neighbour(house, version);
	if (version && !beside) console.log(`# ${version} is not installed (tests/interop/run.sh does it): no neighbours`);
	const half = beside ? posts >> 1 : posts;
	await enqueue(house, 1, half);
	if (beside) await beside.add(Array.from({ length: posts - half }, (_, i) => half + 1 + i), artists);
	await Promise.all(house.instances.map((instance) => instance.start()));
	const ready = watchReady(house, patience_ms);
	try {
		await rage(house, tracks, beside, dice);
		const ended = Date.now(), out = await published(house);
		await calm(house, 240000);
		await Promise.all(house.measuring);
		const heard = await ready();
		const burned = await mayBurn(house, tracks.flat());
		// The proxies live in this very process: while it judges, nothing gets through to those who still run.
		const left = await farewell(house);
		const judged = await faultsOf(house, { burned });
		judged.faults.push(...left, ...heard.lies);
		tell(house, name, { burned, judged, heard, out, beside, calm_ms: Date.now() - ended });
		none(judged.faults, `seed ${seed}`);
	} finally {
		await ready();
		await beside?.close();
	}
}

/** Faults of all tracks, side by side, for so long. */
async function rage(house, tracks, beside, dice) {
	const deadline = Date.now() + seconds * 1000;
	const over = () => Date.now() > deadline;
	house.began = Date.now();
	const running = tracks.map((faults) => playTrack(house, plan(faults, 5000, dice.fork()), 900, over));
	if (beside) running.push(meddle(beside, dice.fork(), over));
	await Promise.all(running);
	await beside?.resume();
}

/** Attempts that answers may have cost by contract: something was sent, and the answer was 500, cut, lost or garbage. */
async function mayBurn(house, faults) {
	const rules = (await house.sandbox.get('faults')).filter((rule) => faults.some(({ burns, name }) => burns && name === rule.name));
	return rules.reduce((sum, { hits }) => sum + hits, 0) + house.proxies.site.requestsLost;
}

function tell(house, name, { burned, judged, heard, out, beside, calm_ms }) {
	const after = (who) => summary(house.resumed.filter((one) => one.who === who).map(({ ms }) => ms));
	const lines = [
		`${name}: ${posts} posts, ${house.struck.length} faults of ${new Set(house.struck.map((one) => one.name)).size} kinds in ${seconds} s; ${out} posts were out by then, all were ${calm_ms} ms later`,
		`attempts burned ${judged.retries}, of ${burned} that may; spare uploads ${judged.spare}, items left private ${judged.unpublished}; ${judged.latest.id} was the latest, ${judged.latest.ms} ms after its date`,
		`first job after Redis came back: ${after('redis')}; first request after PostgreSQL: ${after('postgres')}`,
		`/ready noticed an outage: ${summary(heard.noticed)}; its end: ${summary(heard.returned)}`,
	];
	if (beside) lines.push(`${beside.version} heard ${JSON.stringify(beside.seen)}`);
	if (process.env.CHAOS_TRACE) lines.push(`it began at ${new Date(house.began).toISOString()}`, ...house.struck.map((one) => `${one.from}..${one.to} ${one.name}`), ...house.said(judged.latest.id, 60).split('\n'));
	for (const line of lines) console.log(`# ${line}`);
}

async function meddle(beside, dice, over) {
	while (!over()) {
		await beside.meddle(dice);
		await sleep(100 + dice.below(600));
	}
}

console.log(`# CHAOS_SEED=${seed}`);
storm('everything at once, BullMQ 5 beside it', { tracks: [processes, [...redis, ...postgres, ...ways], peers], version: 'bullmq5' });
storm('servers and the ways to them, no answer that may count as an attempt', { tracks: [[...redis, ...postgres, ...ways.filter(({ name }) => !name.endsWith(' site'))], peers.filter(({ burns }) => !burns)] });
storm('processes only, BullMQ 6 beside them', { tracks: [processes, processes], version: 'bullmq6' });
