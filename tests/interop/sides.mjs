// Who can play a history: a Node worker that does one step at a time, and our tool. Both speak the same words.
import assert from 'node:assert/strict';

export const WORKER = 'w-1';

export function failure(reason) {
	const error = new Error(reason);
	error.stack = `Error: ${reason}\n    at f (a.js:1:1)`;
	return error;
}

/** A Node worker that does one step at a time. */
export class NodeSide {
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
		// Before 5.55 it had no name of its own.
		if (this.job.moveToWait) await this.job.moveToWait('t');
		else await this.worker.scripts.moveJobFromActiveToWait(this.job.id, 't');
	}

	renew() {
		return this.job.extendLock('t', 30000);
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

export class OurSide {
	constructor(bench, { metrics = 0, maxStalledCount = 1, limiter, attempts = 7 } = {}) {
		this.bench = bench;
		this.tool = bench.tool({ metrics, max_stalled: maxStalledCount, limiter_max: limiter?.max ?? 0, attempts });
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

	async renew() {
		assert.equal((await this.tool.run('renew', { id: this.id, token: 't' })).lost, false);
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

function producer(bench) {
	return bench.open(class extends bench.bullmq.FlowProducer {
		constructor(_name, options) {
			super(options);
		}
	});
}

/** A parent with two children in the bench's queue. */
export async function flow(bench, first, second, parent = {}) {
	const child = (id, opts) => ({ name: 'child', queueName: bench.name, data: {}, opts: { jobId: id, attempts: 7, ...opts } });
	await producer(bench).add({ name: 'parent', queueName: bench.name, data: {}, opts: { jobId: 'parent', attempts: 7, ...parent },
		children: [child('child-1', first), child('child-2', second)] });
}

/** Three generations, one of each, all but the eldest with these options. */
export async function family(bench, opts) {
	const one = (jobId, children, more = opts) => ({ name: jobId, queueName: bench.name, data: {}, opts: { jobId, attempts: 7, ...more }, children });
	await producer(bench).add(one('grandparent', [one('parent', [one('child', undefined)])], {}));
}
