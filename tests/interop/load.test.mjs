// Under load: Node workers and ours share thousands of jobs, also while somebody pauses and limits the queue.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, until, versions } from './helpers.mjs';

const OURS = 3;
const long = { streams: { events: { maxLen: 200000 } } };

/** A Node worker that does with a job what its data asks for at its first start, as our tool does; the ids it has completed. */
async function nodeWorker(bench, options) {
	const completed = [];
	const worker = bench.worker(async (job, token) => {
		if (job.attemptsStarted === 1 && job.data.first === 'retry') throw new Error('boom');
		if (job.attemptsStarted === 1 && job.data.first === 'defer') {
			await job.moveToDelayed(Date.now() + 5, token);
			throw new bench.bullmq.DelayedError();
		}
		completed.push(job.id);
		return { by: 'node' };
	}, { concurrency: OURS, stalledInterval: 30000, ...options });
	await worker.waitUntilReady();
	return { worker, completed };
}

/** The tools, which work until the queue has so many completed jobs; the ids that they have completed themselves. */
function ourWorkers(bench, count, settings) {
	const work = Array.from({ length: OURS }, (_, n) => bench.tool(settings).run('work', { token: `t${n}`, worker: `w${n}`, until: count, idle: 30000 }));
	return Promise.all(work).then((all) => all.flatMap((one) => one.ids));
}

/** Each of `count` jobs was completed once, by whoever says so, and nothing is left anywhere. */
async function exactlyOnce(bench, count, theirs, ours) {
	await until(async () => (await bench.queue.getCompletedCount()) === count, 'all completed', 30000);
	assert.equal(theirs.length + ours.length, count);
	assert.equal(new Set([...theirs, ...ours]).size, count);
	assert.ok(theirs.length > 0 && ours.length > 0, `${theirs.length} by Node and ${ours.length} by us`);
	for (const [state, left] of Object.entries(await bench.queue.getJobCounts('waiting', 'paused', 'active', 'prioritized', 'delayed', 'failed')))
		assert.equal(left, 0, state);
	assert.deepEqual((await bench.redis.keys(bench.key('*:lock'))), []);
	const by = await Promise.all((await bench.redis.zrange(bench.key('completed'), 0, -1)).map((id) => bench.redis.hmget(bench.key(id), 'returnvalue', 'atm', 'ats', 'opts')));
	assert.equal(by.filter(([value]) => value === '{"by":"node"}').length, theirs.length);
	return by;
}

async function completions(bench) {
	const stream = await bench.stream();
	assert.equal(stream.filter((one) => one.event === 'completed').length, new Set(stream.filter((one) => one.event === 'completed').map((one) => one.jobId)).size);
	return stream;
}

for (const version of Object.keys(versions)) {
	test(`bullmq ${version}: 3000 jobs are shared, each run exactly once`, { timeout: 60000 }, async (t) => {
		const bench = new Bench(t, version, { queue: long });
		const { completed } = await nodeWorker(bench);
		const work = ourWorkers(bench, 3000);
		const events = await bench.events();
		const waited = [];
		const add = (from) => bench.queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'publish', data: {}, opts: {
			jobId: `j-${from + n}`, attempts: 7, priority: [0, 5, 0, 2][n % 4], delay: n % 5 === 4 ? 5 * (n % 20 + 1) : n % 4 === 1 ? 0 : undefined } })));
		for (let from = 0; from < 3000; from += 100) {
			const jobs = await add(from);
			waited.push(...jobs.filter((_, n) => n % 10 === 0).map((job) => job.waitUntilFinished(events, 60000).then(({ by }) => [job.id, by])));
		}
		const ours = await work;
		// Whoever waits for a job is told by whom it was done.
		for (const [id, by] of await Promise.all(waited)) assert.equal(by === 'node', completed.includes(id), `${id} by ${by}`);
		const jobs = await exactlyOnce(bench, 3000, completed, ours);
		for (const [, made, started] of jobs) assert.deepEqual([made, started], ['1', '1']);
		const stream = await completions(bench);
		for (const name of ['added', 'active', 'completed']) assert.equal(stream.filter((one) => one.event === name).length, 3000, name);
		assert.equal((await bench.queue.getMetrics('completed')).meta.count, 0);
	});

	test(`bullmq ${version}: paused and resumed under load, nothing is started in a pause and nothing is lost`, { timeout: 60000 }, async (t) => {
		const bench = new Bench(t, version, { queue: long });
		const { completed } = await nodeWorker(bench);
		const firsts = [undefined, 'retry', 'defer', 'back', undefined];
		const count = 600;
		const work = ourWorkers(bench, count);
		let added = 0;
		for (let round = 0; added < count; round++) {
			await bench.queue.addBulk(Array.from({ length: 50 }, (_, n) => ({ name: 'publish', data: { first: firsts[n % 5] },
				opts: { jobId: `j-${added + n}`, attempts: 7, priority: n % 3 === 0 ? 5 : undefined, delay: n % 7 === 0 ? 20 : undefined } })));
			added += 50;
			await bench.queue.pause();
			// In the pause too.
			await bench.queue.addBulk(Array.from({ length: 10 }, (_, n) => ({ name: 'publish', data: {}, opts: { jobId: `j-${added + n}`, attempts: 7, priority: n % 2 ? 5 : undefined } })));
			added += 10;
			await new Promise((done) => setTimeout(done, 30));
			assert.equal(await bench.queue.isPaused(), true);
			await bench.queue.resume();
		}
		const ours = await work;
		await exactlyOnce(bench, added, completed, ours);
		let paused = false, pauses = 0;
		for (const one of await completions(bench)) {
			if (one.event === 'paused') paused = ++pauses > 0;
			else if (one.event === 'resumed') paused = false;
			else if (one.event === 'active') assert.equal(paused, false, `${one.jobId} was started in a pause`);
		}
		assert.ok(pauses >= 10);
	});

	test(`bullmq ${version}: one rate limit for Node workers and ours together`, { timeout: 60000 }, async (t) => {
		const bench = new Bench(t, version, { queue: long });
		// The queue's own, or, where there is none yet, everybody's own limiter on the one counter.
		const limiter = { max: 20, duration: 1000 };
		if (!bench.old) await bench.queue.setGlobalRateLimit(limiter.max, limiter.duration);
		const { completed } = await nodeWorker(bench, bench.old ? { limiter } : {});
		const work = ourWorkers(bench, 60, bench.old ? { limiter_max: limiter.max } : {});
		await bench.queue.addBulk(Array.from({ length: 60 }, (_, n) => ({ name: 'publish', data: {}, opts: { jobId: `j-${n}`, attempts: 7, priority: n % 2 ? 5 : undefined } })));
		const ours = await work;
		await until(async () => (await bench.queue.getCompletedCount()) === 60, 'all completed');
		assert.equal(new Set([...completed, ...ours]).size, 60);
		const starts = (await bench.redis.xrange(bench.key('events'), '-', '+')).filter(([, fields]) => fields[1] === 'active').map(([id]) => Number(id.split('-')[0]));
		assert.equal(starts.length, 60);
		// A window begins with the first start in it; no start may be the 21st of its window.
		for (let from = starts[0], used = 0, i = 0; i < 60; i++) {
			if (starts[i] >= from + limiter.duration) [from, used] = [starts[i], 0];
			assert.ok(++used <= limiter.max, `${used} starts within ${starts[i] - from} ms`);
		}
		assert.ok(starts[59] - starts[0] >= 2 * limiter.duration - 5);
		assert.ok(starts[59] - starts[0] < 10 * limiter.duration, `it took ${starts[59] - starts[0]} ms`);
	});
}
