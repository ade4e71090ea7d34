// Jobs a second through the queue where a job is nothing: the cost of the queue itself.
import { sleep } from '../integration/publish/servers.mjs';
import { inPairs, spread } from './figures.mjs';
import { floor } from './floor.mjs';
import { cpuUs, family, load, queueName, queueSides } from './stand.mjs';

const bulk = 2000;

/** Many jobs at once, as Queue.add leaves them; with ARGV[3] = 0 only their hashes, under names that are no jobs'. */
const backgroundScript = `
for i = 1, tonumber(ARGV[2]) do
	local id = (ARGV[3] == '1' and '' or 'hash-') .. 'later-' .. i
	redis.call('HSET', ARGV[1] .. id, 'name', 'job', 'data', '{"n":1}', 'opts', '{"attempts":0,"delay":86400000}', 'timestamp', ARGV[4], 'delay', 86400000, 'priority', 0)
	if ARGV[3] == '1' then redis.call('ZADD', ARGV[1] .. 'delayed', string.format('%.0f', (tonumber(ARGV[4]) + 86400000) * 4096), id) end
end`;

/** N jobs in a paused queue, added by BullMQ's own Queue, and nothing else but `delayed` jobs of tomorrow or `hashes` of the same size. */
export async function fill(stand, jobs, { priority, delayed = 0, hashes = 0 }) {
	const { Queue } = load('bullmq5');
	await stand.redis.run('FLUSHALL');
	if (delayed + hashes > 0) await stand.redis.run('EVAL', backgroundScript, 0, `bull:${queueName}:`, delayed + hashes, delayed > 0 ? '1' : '0', Date.now());
	const queue = new Queue(queueName, { connection: { host: '127.0.0.1', port: stand.redisServer.port } });
	await queue.pause();
	for (let i = 0; i < jobs; i += bulk) {
		await queue.addBulk(Array.from({ length: Math.min(bulk, jobs - i) }, (_, j) => ({ name: 'job', data: { n: i + j }, opts: priority ? { priority: 1 + (j % 5) } : {} })));
	}
	return queue;
}

/** Every job was done, and claimed once. */
async function judge(stand, jobs) {
	const script = `local ids, wrong = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2]), 0
		for _, id in ipairs(ids) do
			local made = redis.call('HMGET', ARGV[3] .. id, 'ats', 'atm', 'returnvalue')
			if made[1] ~= '1' or made[2] ~= '1' or made[3] ~= 'null' then wrong = wrong + 1 end
		end
		return {#ids, wrong}`;
	const prefix = `bull:${queueName}:`;
	let seen = 0;
	for (let i = 0; i < jobs; i += 10000) {
		const [count, wrong] = await stand.redis.run('EVAL', script, 1, `${prefix}completed`, i, i + 9999, prefix);
		if (wrong > 0) throw new Error(`${wrong} jobs were not done exactly once`);
		seen += count;
	}
	if (seen !== jobs || await stand.redis.run('ZCARD', `${prefix}completed`) !== jobs) throw new Error(`${seen} of ${jobs} jobs are done`);
}

/** One run: {jobsPerS, cpuUs, redisCpuUs}, the latter two a job. */
async function once(stand, side, { jobs, concurrency, ...kind }) {
	const queue = await fill(stand, jobs, kind);
	const one = await stand.start(side, { PUBLISHER_CONCURRENCY: concurrency });
	const pids = family(one.pid);
	const before = { own: cpuUs(...pids), redis: stand.redisCpuUs(), at: performance.now() };
	await queue.resume();
	while (await stand.redis.run('ZCARD', `bull:${queueName}:completed`) < jobs) await sleep(20);
	const took = performance.now() - before.at;
	const used = { own: cpuUs(...pids) - before.own, redis: stand.redisCpuUs() - before.redis };
	await one.stop();
	await queue.close();
	await judge(stand, jobs);
	return { jobsPerS: jobs / took * 1000, cpuUs: used.own / jobs, redisCpuUs: used.redis / jobs };
}

/** The same rounds for what Redis and the wire allow. */
async function floors(stand, rounds, how) {
	const seen = [];
	for (let round = 0; round < rounds; round++) seen.push(await floor(stand, { ...how, fill: (jobs) => fill(stand, jobs, {}) }));
	return Object.fromEntries(Object.keys(seen[0]).map((figure) => [figure, spread(seen.map((one) => one[figure]))]));
}

/** Each concurrency, plain and prioritized; then the first of them with `background` delayed jobs, and with as many plain hashes. */
export async function measureQueue(stand, { rounds, jobs, concurrencies = [1, 8, 50], kinds = [false, true], sides, background, withFloor = true, tell }) {
	const chosen = Object.fromEntries(sides.map((name) => [name, queueSides[name]]));
	const measure = async (name, how, floorToo) => {
		const seen = await inPairs(chosen, rounds, (side) => once(stand, side, { jobs, ...how }));
		tell({ name: `no-op queue, ${name}, concurrency ${how.concurrency}`, jobs, ...seen, ...floorToo && { floor: await floors(stand, rounds, { jobs, ...how }) } });
	};
	for (const priority of kinds) {
		for (const concurrency of concurrencies) await measure(priority ? 'prioritized' : 'plain', { concurrency, priority }, withFloor && !priority);
	}
	if (!background) return;
	const concurrency = concurrencies[1] ?? concurrencies[0];
	await measure(`${background} hashes beside it`, { concurrency, hashes: background });
	await measure(`${background} delayed jobs beside it`, { concurrency, delayed: background });
}
