// The same history, once by a Node worker and once by ours: every key and every event must be equal.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, until, versions } from './helpers.mjs';

const WORKER = 'w-1';

function failure(reason) {
	const error = new Error(reason);
	error.stack = `Error: ${reason}\n    at f (a.js:1:1)`;
	return error;
}

/** A Node worker that does one step at a time. */
class NodeSide {
	constructor(bench, { metrics, maxStalledCount = 1, limiter } = {}) {
		this.bench = bench;
		this.worker = bench.worker(null, {
			name: WORKER, autorun: false, maxStalledCount, stalledInterval: 100, limiter,
			...(metrics ? { metrics: { maxDataPoints: metrics } } : {}),
		});
	}

	async claim() {
		this.job = await this.worker.getNextJob('t', { block: false });
		return this.job?.id;
	}

	async took(reply) {
		const [data, id] = Array.isArray(reply) ? reply : [];
		this.job = data ? this.bench.bullmq.Job.fromJSON(this.worker, data, id) : undefined;
		return this.job?.id;
	}

	async complete(value, next = true) {
		return this.took(await this.job.moveToCompleted(value, 't', next));
	}

	async fail(reason, next = true) {
		return this.took(await this.job.moveToFailed(failure(reason), 't', next));
	}

	async failForGood(reason, next = true) {
		const error = new this.bench.bullmq.UnrecoverableError(reason);
		error.stack = failure(reason).stack;
		return this.took(await this.job.moveToFailed(error, 't', next));
	}

	// Node decides about the delay by itself: the job's own backoff.
	retry(reason, _delay, next = true) {
		return this.fail(reason, next);
	}

	async defer(ms) {
		await this.job.moveToDelayed(Date.now() + ms, 't');
	}

	async putBack() {
		await this.job.moveToWait('t');
	}

	progress(value) {
		return this.job.updateProgress(value);
	}

	log(row) {
		return this.job.log(row);
	}

	async stalled() {
		await this.bench.redis.del(this.bench.key('stalled-check'));
		await this.worker.moveStalledJobsToWait();
	}
}

class OurSide {
	constructor(bench, { metrics = 0, maxStalledCount = 1, limiter } = {}) {
		this.bench = bench;
		this.tool = bench.tool({ metrics, max_stalled: maxStalledCount, limiter_max: limiter?.max ?? 0 });
	}

	took(claim) {
		this.id = claim?.job?.id;
		return this.id;
	}

	async claim() {
		return this.took(await this.tool.claim({ token: 't', worker: WORKER }));
	}

	async end(cmd, args, next) {
		const answer = await this.tool.run(cmd, { id: this.id, token: 't', worker: WORKER, next, ...args });
		assert.equal(answer.state, 'ended');
		return this.took(answer.next);
	}

	complete(value, next = true) {
		return this.end('complete', { value: JSON.stringify(value ?? null) }, next);
	}

	failForGood(reason, next = true) {
		return this.end('fail', { reason, stack: failure(reason).stack }, next);
	}

	retry(reason, delay, next = true) {
		return this.end('retry', { reason, delay, stack: failure(reason).stack }, next);
	}

	defer(ms) {
		return this.end('defer', { delay: ms }, false);
	}

	putBack() {
		return this.end('put-back', {}, false);
	}

	progress(value) {
		return this.tool.run('progress', { id: this.id, json: JSON.stringify(value) });
	}

	log(row) {
		return this.tool.run('log', { id: this.id, row });
	}

	async stalled() {
		await this.bench.redis.del(this.bench.key('stalled-check'));
		await this.tool.run('stalled', { interval: 100 });
	}
}

const keep = { removeOnComplete: { age: 3600, count: 1000 }, removeOnFail: { age: 86400, count: 5000 } };

/** name -> { options, run(queue, side, bench) } */
const histories = {
	'one job completed': async (queue, side) => {
		await queue.add('publish', { a: 1 }, { jobId: 'j-1' });
		assert.equal(await side.claim(), 'j-1');
		await side.complete({ success: true, results: [{ url: 'x' }] });
	},
	'no job': async (queue, side) => {
		assert.equal(await side.claim(), undefined);
	},
	'finish and claim, prioritized, nothing returned': async (queue, side) => {
		await queue.add('publish', { a: 1 }, { jobId: 'j-1', priority: 5, delay: 0, attempts: 7, ...keep });
		await queue.add('publish', { a: 2 }, { jobId: 'j-2', priority: 5, delay: 0, attempts: 7, ...keep });
		await queue.add('publish', { a: 3 }, { jobId: 'j-3', priority: 4, attempts: 7, ...keep });
		await queue.add('publish', { a: 4 }, { jobId: 'j-4', ...keep });
		assert.equal(await side.claim(), 'j-4');
		assert.equal(await side.complete(1), 'j-3');
		assert.equal(await side.complete('text "quoted"'), 'j-1');
		assert.equal(await side.complete(undefined), 'j-2');
		assert.equal(await side.complete([1, null]), undefined);
	},
	'completed without looking for the next': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2', delay: 600000 });
		await side.claim();
		await side.complete(1, false);
	},
	'completed while a delayed job waits': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2', delay: 600000, priority: 5 });
		await side.claim();
		assert.equal(await side.complete(1), undefined);
	},
	'delayed jobs become due': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', delay: 20, priority: 5 });
		await queue.add('publish', {}, { jobId: 'j-2', delay: 30 });
		await new Promise((done) => setTimeout(done, 60));
		assert.equal(await side.claim(), 'j-2');
		assert.equal(await side.complete(1), 'j-1');
		await side.complete(2);
	},
	'retry with a delay': async (queue, side) => {
		const backoff = { type: 'fixed', delay: 600000 };
		await queue.add('publish', {}, { jobId: 'j-1', priority: 5, attempts: 7, backoff, ...keep });
		await side.claim();
		assert.equal(await side.retry('boom "1"\nline', 600000), undefined);
	},
	'retry at once until attempts are exhausted': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', priority: 5, attempts: 3, ...keep });
		for (const [n, delay] of [[1, 0], [2, 0]]) {
			assert.equal(await side.claim(), 'j-1');
			await side.retry(`boom ${n}`, delay, false);
		}
		assert.equal(await side.claim(), 'j-1');
		if (side instanceof OurSide) await side.failForGood('boom 3');
		else await side.fail('boom 3');
	},
	'retry at once of standard jobs, one lifo': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', attempts: 3 });
		await queue.add('publish', {}, { jobId: 'j-2', attempts: 3, lifo: true });
		assert.equal(await side.claim(), 'j-2');
		await side.retry('boom', 0, false);
		assert.equal(await side.claim(), 'j-2');
		await side.complete(1, false);
		assert.equal(await side.claim(), 'j-1');
		await side.retry('boom', 0, false);
	},
	'failed for good at the first attempt': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', attempts: 7, ...keep });
		await side.claim();
		await side.failForGood('no such deviation');
	},
	'stack trace limit': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', attempts: 5, stackTraceLimit: 2 });
		for (let n = 0; n < 3; n++) {
			await side.claim();
			await side.retry(`boom ${n}`, 0, false);
		}
		await queue.add('publish', {}, { jobId: 'j-2', attempts: 5, stackTraceLimit: 0, priority: 1 });
		await side.claim();
		await side.complete(1);
		await side.retry('boom', 0, false);
	},
	'deferred without burning an attempt': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', priority: 5, attempts: 7 });
		await side.claim();
		await side.defer(600000);
	},
	'put back, by class': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', priority: 5 });
		await queue.add('publish', {}, { jobId: 'j-2', priority: 5 });
		assert.equal(await side.claim(), 'j-1');
		await side.putBack();
		assert.equal(await side.claim(), 'j-1');
		await side.putBack();
		await queue.add('publish', {}, { jobId: 'j-3' });
		await queue.add('publish', {}, { jobId: 'j-4' });
		assert.equal(await side.claim(), 'j-3');
		await side.putBack();
	},
	'progress and logs': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', keepLogs: 2 });
		await queue.add('publish', {}, { jobId: 'j-2' });
		await side.claim();
		await side.progress(42);
		await side.progress({ step: 'uploading', percent: 50 });
		for (const row of ['one', 'two', 'three "3"\n']) await side.log(row);
		await side.complete(1);
		for (const row of ['one', 'two', 'three']) await side.log(row);
		await side.progress('text');
		await side.complete(2);
	},
	'removed when done': async (queue, side) => {
		for (const [n, remove] of [[1, true], [2, 0], [3, { count: 0 }], [4, false], [5, 2]])
			await queue.add('publish', {}, { jobId: `j-${n}`, removeOnComplete: remove, removeOnFail: true });
		await side.claim();
		for (let n = 0; n < 5; n++) await side.complete(n);
		await queue.add('publish', {}, { jobId: 'j-6', attempts: 7, removeOnFail: true });
		await side.claim();
		await side.failForGood('gone');
	},
	'only so many are kept': async (queue, side) => {
		for (let n = 1; n <= 6; n++)
			await queue.add('publish', {}, { jobId: `j-${n}`, removeOnComplete: { count: 2 } });
		await side.claim();
		for (let n = 1; n <= 6; n++) {
			// Ranks must not depend on ids: no two in one millisecond.
			await new Promise((done) => setTimeout(done, 2));
			await side.complete(n);
		}
	},
	'only so old ones are kept': async (queue, side, bench) => {
		await queue.add('publish', {}, { jobId: 'old-1' });
		await queue.add('publish', {}, { jobId: 'old-2' });
		await queue.add('publish', {}, { jobId: 'new-1', removeOnComplete: { age: 60, count: 10, limit: 1 } });
		await queue.add('publish', {}, { jobId: 'new-2', removeOnComplete: { age: 60 } });
		await side.claim();
		await side.complete(1);
		await side.complete(2);
		await bench.redis.zadd(bench.key('completed'), 1000, 'old-1', 2000, 'old-2');
		await side.complete(3);
		await side.complete(4);
	},
	metrics: { options: { metrics: 3 }, run: async (queue, side, bench) => {
		for (let n = 1; n <= 5; n++) await queue.add('publish', {}, { jobId: `j-${n}`, attempts: 7 });
		await side.claim();
		await side.complete(1);
		await side.complete(2);
		const before = String(Date.now() - 9 * 60000);
		await bench.redis.hset(bench.key('metrics:completed'), 'prevTS', before);
		await side.complete(3);
		await bench.redis.hset(bench.key('metrics:completed'), 'prevTS', String(Date.now() - 60000));
		await side.complete(4);
		await side.failForGood('boom');
	} },
	paused: async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2', priority: 5, attempts: 3 });
		assert.equal(await side.claim(), 'j-1');
		await queue.pause();
		await queue.add('publish', {}, { jobId: 'j-3' });
		await queue.add('publish', {}, { jobId: 'j-4', delay: 5 });
		await new Promise((done) => setTimeout(done, 20));
		assert.equal(await side.complete(1), undefined);
		assert.equal(await side.claim(), undefined);
		await queue.resume();
		assert.equal(await side.claim(), 'j-3');
		await queue.pause();
		await side.putBack();
		await queue.resume();
		assert.equal(await side.claim(), 'j-3');
		await side.complete(1);
	},
	'retried at once while paused': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', attempts: 3 });
		await queue.add('publish', {}, { jobId: 'j-2', attempts: 3 });
		await side.claim();
		await queue.pause();
		await side.retry('boom', 0, false);
		await queue.resume();
		assert.equal(await side.claim(), 'j-2');
	},
	'queue-wide concurrency': async (queue, side) => {
		await queue.setGlobalConcurrency(1);
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2', priority: 5 });
		assert.equal(await side.claim(), 'j-1');
		const held = side.job ?? side.id;
		assert.equal(await side.claim(), undefined);
		if (side.job === undefined && side.id === undefined)
			side instanceof OurSide ? (side.id = held) : (side.job = held);
		assert.equal(await side.complete(1), 'j-2');
	},
	'queue-wide rate limit': async (queue, side) => {
		await queue.setGlobalRateLimit(2, 600000);
		for (let n = 1; n <= 4; n++) await queue.add('publish', {}, { jobId: `j-${n}` });
		assert.equal(await side.claim(), 'j-1');
		assert.equal(await side.complete(1), 'j-2');
		assert.equal(await side.complete(2), undefined);
	},
	'own rate limit': { options: { limiter: { max: 1, duration: 1000 } }, run: async (queue, side, bench) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2', priority: 3 });
		assert.equal(await side.claim(), 'j-1');
		assert.equal(await side.complete(1), undefined);
		const ttl = await bench.redis.pttl(bench.key('limiter'));
		assert.ok(ttl > 0 && ttl <= 1000, `ttl ${ttl}`);
		await until(async () => (await bench.redis.exists(bench.key('limiter'))) === 0, 'the window to end');
		assert.equal(await side.claim(), 'j-2');
		await bench.redis.del(bench.key('limiter'));
	} },
	stalled: async (queue, side, bench) => {
		await queue.add('publish', {}, { jobId: 'j-1', priority: 5, ...keep });
		await queue.add('publish', {}, { jobId: 'j-2' });
		assert.equal(await side.claim(), 'j-2');
		await bench.redis.del(bench.key('j-2:lock'));
		await side.stalled();
		await side.stalled();
		await bench.redis.del(bench.key('stalled-check'));
		assert.equal(await side.claim(), 'j-2');
	},
	'stalled too often': async (queue, side, bench) => {
		await queue.add('publish', {}, { jobId: 'j-1', priority: 5, ...keep });
		for (let n = 0; n < 2; n++) {
			assert.equal(await side.claim(), 'j-1');
			await bench.redis.del(bench.key('j-1:lock'));
			await side.stalled();
			await side.stalled();
		}
		await bench.redis.del(bench.key('stalled-check'));
		await bench.redis.hget(bench.key('j-1'), 'defa').then((text) => assert.match(text, /stalled/));
	},
	'deduplication key released': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', deduplication: { id: 'd1' } });
		await queue.add('publish', {}, { jobId: 'j-2', deduplication: { id: 'd1' } });
		await queue.add('publish', {}, { jobId: 'j-3', attempts: 2, deduplication: { id: 'd2', ttl: 600000 } });
		await side.claim();
		await side.complete(1);
		await side.failForGood('boom');
	},
	'the last one asked for while active follows': async (queue, side) => {
		const deduplication = { id: 'd1', keepLastIfActive: true };
		await queue.add('publish', { n: 1 }, { jobId: 'j-1', deduplication });
		assert.equal(await side.claim(), 'j-1');
		await queue.add('publish', { n: 2 }, { jobId: 'j-2', deduplication, priority: 5 });
		await queue.add('publish', { n: 3 }, { jobId: 'j-3', deduplication, priority: 6 });
		assert.equal(await side.complete(1), 'j-3');
		await side.complete(2);
	},
	'children complete, the parent follows': async (queue, side, bench) => {
		await flow(bench, {}, {}, { priority: 7 });
		assert.equal(await side.claim(), 'child-1');
		assert.equal(await side.complete({ v: 1 }), 'child-2');
		assert.equal(await side.complete({ v: 2 }), 'parent');
		await side.complete('done');
	},
	'a delayed parent follows later': async (queue, side, bench) => {
		await flow(bench, {}, {}, { delay: 600000 });
		await side.claim();
		await side.complete(1);
		await side.complete(2);
	},
	'a child without a flag fails': async (queue, side, bench) => {
		await flow(bench, {}, {});
		await side.claim();
		await side.failForGood('boom');
		await side.complete(2);
	},
	'a child fails and is removed': async (queue, side, bench) => {
		await flow(bench, { removeOnFail: true }, { removeOnComplete: true });
		await side.claim();
		await side.failForGood('boom');
		assert.equal(await side.complete(2), 'parent');
		await side.complete(3);
	},
	'the parent fails with its child': async (queue, side, bench) => {
		await flow(bench, { failParentOnFailure: true }, {});
		await side.claim();
		await side.failForGood('boom');
		const parent = await bench.redis.hgetall(bench.key('parent'));
		assert.match(parent.defa, /^child .*child-1 failed$/);
	},
	'the parent goes on without its child': async (queue, side, bench) => {
		await flow(bench, { continueParentOnFailure: true }, {});
		await side.claim();
		await side.failForGood('boom', false);
		// At once, though the other child has not run.
		assert.equal(await side.claim(), 'parent');
	},
	'the child is ignored': async (queue, side, bench) => {
		await flow(bench, { ignoreDependencyOnFailure: true }, { ignoreDependencyOnFailure: true });
		await side.claim();
		await side.failForGood('boom 1');
		assert.equal(await side.failForGood('boom 2'), 'parent');
		await side.complete(3);
	},
	'the child is taken out': async (queue, side, bench) => {
		await flow(bench, { removeDependencyOnFailure: true }, { removeDependencyOnFailure: true });
		await side.claim();
		await side.failForGood('boom 1');
		assert.equal(await side.failForGood('boom 2'), 'parent');
	},
	'a failed child is trimmed away': async (queue, side, bench) => {
		await flow(bench, {}, {});
		await queue.add('publish', {}, { jobId: 'late', attempts: 2, removeOnFail: 1, priority: 9 });
		await side.claim();
		await side.failForGood('boom 1');
		await side.complete(2);
		await new Promise((done) => setTimeout(done, 2));
		assert.equal(await side.failForGood('boom 3'), 'parent');
	},
};

/** A parent with two children in the bench's queue. */
async function flow(bench, first, second, parent = {}) {
	const producer = bench.open(class extends bench.bullmq.FlowProducer {
		constructor(_name, options) {
			super(options);
		}
	});
	const child = (id, opts) => ({ name: 'child', queueName: bench.name, data: {},
		opts: { jobId: id, attempts: 7, ...opts } });
	await producer.add({ name: 'parent', queueName: bench.name, data: {},
		opts: { jobId: 'parent', attempts: 7, ...parent },
		children: [child('child-1', first), child('child-2', second)] });
}

async function play(t, version, Side, history) {
	const bench = new Bench(t, version);
	await bench.queue.waitUntilReady();
	const { options = {}, run } = typeof history === 'function' ? { run: history } : history;
	const side = new Side(bench, options);
	await side.worker?.waitUntilReady();
	await run(bench.queue, side, bench);
	return bench.dump();
}

for (const version of Object.keys(versions))
	for (const [name, history] of Object.entries(histories))
		test(`bullmq ${version}: ${name}`, { timeout: 20000 }, async (t) => {
			const node = await play(t, version, NodeSide, history);
			const ours = await play(t, version, OurSide, history);
			assert.deepEqual(ours, node);
		});
