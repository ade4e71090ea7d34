// The same history, once by a Node worker and once by ours: every key and every event must be equal.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, OLD, until, versions } from './helpers.mjs';
import { NodeSide, OurSide, family, flow } from './sides.mjs';
import { level } from './old.mjs';

const timestamp = Date.now();
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
	// PUBLISHER_MAX_ATTEMPTS is for these; Node tries once.
	'no attempts given': { options: { attempts: 1 }, run: async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2', attempts: 0 });
		await side.claim();
		assert.equal(side instanceof OurSide ? await side.failForGood('boom') : await side.fail('boom'), 'j-2');
		side instanceof OurSide ? await side.failForGood('boom') : await side.fail('boom');
	} },
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
	'removed with all its keys': async (queue, side, bench) => {
		await flow(bench, { removeOnComplete: true }, { removeOnFail: true, ignoreDependencyOnFailure: true }, { removeOnComplete: true });
		await side.claim();
		for (const value of [1, undefined]) {
			await side.log('a row');
			await side.progress(50);
			if (value) await side.complete(value);
			else assert.equal(await side.failForGood('boom'), 'parent');
		}
		await side.log('a row');
		await side.complete(3);
		assert.deepEqual((await bench.redis.keys(bench.key('*'))).filter((key) => /parent|child/.test(key)), []);
	},
	'trimmed with all their keys': async (queue, side, bench) => {
		await flow(bench, {}, { ignoreDependencyOnFailure: true });
		await queue.add('publish', {}, { jobId: 'last', priority: 5, removeOnComplete: 1 });
		await side.claim();
		await side.log('a row');
		await side.complete(1);
		await side.failForGood('boom');
		await side.log('a row');
		await side.complete(2);
		// Ranks must not depend on ids.
		await new Promise((done) => setTimeout(done, 2));
		await side.complete(3);
		assert.deepEqual((await bench.redis.keys(bench.key('*'))).filter((key) => /parent|child-1/.test(key)), []);
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
	'failures are kept by number and by age': async (queue, side, bench) => {
		const attempts = 2;
		for (const n of [1, 2, 3]) await queue.add('publish', {}, { jobId: `j-${n}`, attempts, removeOnFail: { count: 2 } });
		await queue.add('publish', {}, { jobId: 'j-4', attempts, removeOnFail: 1 });
		await queue.add('publish', {}, { jobId: 'j-5', attempts, removeOnFail: { age: 60, count: 5 } });
		await side.claim();
		for (const n of [1, 2, 3, 4]) {
			await side.failForGood(`boom ${n}`);
			await new Promise((done) => setTimeout(done, 2));
		}
		assert.deepEqual(await bench.redis.zrange(bench.key('failed'), 0, -1), ['j-4']);
		await bench.redis.zadd(bench.key('failed'), 1000, 'j-4');
		await side.failForGood('boom 5');
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
	'queue-wide rate limit': { later: true, run: async (queue, side) => {
		await queue.setGlobalRateLimit(2, 600000);
		for (let n = 1; n <= 4; n++) await queue.add('publish', {}, { jobId: `j-${n}` });
		assert.equal(await side.claim(), 'j-1');
		assert.equal(await side.complete(1), 'j-2');
		assert.equal(await side.complete(2), undefined);
	} },
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
	'stalled, before and behind others': async (queue, side, bench) => {
		await queue.add('publish', {}, { jobId: 'j-1', priority: 5 });
		assert.equal(await side.claim(), 'j-1');
		for (const n of [2, 3]) await queue.add('publish', {}, { jobId: `j-${n}` });
		await queue.add('publish', {}, { jobId: 'j-4', priority: 1 });
		await bench.redis.del(bench.key('j-1:lock'));
		await side.stalled();
		await side.stalled();
		await bench.redis.del(bench.key('stalled-check'));
		// The end from which jobs are taken, in spite of its priority.
		assert.deepEqual(await bench.redis.lrange(bench.key('wait'), 0, -1), ['j-3', 'j-2', 'j-1']);
		assert.equal(await side.claim(), 'j-1');
		assert.equal(await side.complete(1), 'j-2');
	},
	'stalled in a pause': async (queue, side, bench) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2' });
		assert.equal(await side.claim(), 'j-1');
		await queue.pause();
		await bench.redis.del(bench.key('j-1:lock'));
		await side.stalled();
		await side.stalled();
		await bench.redis.del(bench.key('stalled-check'));
		assert.equal(await side.claim(), undefined);
		await queue.resume();
		assert.equal(await side.claim(), 'j-1');
		assert.equal(await side.complete(1), 'j-2');
	},
	'who is heard of is suspected no more': async (queue, side, bench) => {
		const attempts = 3;
		await queue.add('publish', {}, { jobId: 'j-1', attempts, priority: 3 });
		const suspects = [];
		for (const heard of [() => side.renew(), () => side.putBack(), () => side.retry('boom', 0, false), () => side.defer(1), () => side.complete(1, false)]) {
			if ((await queue.getJobState('j-1')) !== 'active') {
				// Long due, also when it was deferred: a claim in vain leaves its traces.
				await new Promise((done) => setTimeout(done, 20));
				assert.equal(await side.claim(), 'j-1');
			}
			await side.stalled();
			suspects.push(await bench.redis.smembers(bench.key('stalled')));
			await heard();
			suspects.push(await bench.redis.smembers(bench.key('stalled')));
		}
		await bench.redis.del(bench.key('stalled-check'), bench.key('marker'));
		assert.deepEqual(suspects, Array.from({ length: 10 }, (_, n) => (n % 2 ? [] : ['j-1'])));
	},
	'marks of BullMQ 4 are no jobs': async (queue, side, bench) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.add('publish', {}, { jobId: 'j-2', priority: 5 });
		await bench.redis.rpush(bench.key('wait'), '0:0');
		assert.equal(await side.claim(), 'j-1');
		assert.equal(await side.complete(1), 'j-2');
		await bench.redis.lpush(bench.key('active'), '0:0');
		await side.stalled();
		await side.stalled();
		await bench.redis.del(bench.key('stalled-check'));
		assert.deepEqual(await bench.redis.lrange(bench.key('active'), 0, -1), ['j-2']);
	},
	'due in one and the same millisecond': async (queue, side, bench) => {
		const backoff = { type: 'fixed', delay: 600000 };
		for (const n of [1, 2, 3]) await queue.add('publish', {}, { jobId: `j-${n}`, delay: 600000, timestamp, priority: 5, attempts: 2 });
		await (await queue.getJob('j-1')).remove();
		await queue.add('publish', {}, { jobId: 'now', attempts: 2, backoff });
		await side.claim();
		await side.retry('boom', 600000, false);
		// The score of the first has low bits, the mark therefore a fraction. Both have more digits than Lua prints.
		const due = (timestamp + 600000) * 4096 + 1;
		assert.deepEqual(await bench.redis.zrange(bench.key('delayed'), 0, 0, 'WITHSCORES'), ['j-2', String(due)]);
		assert.equal(Number(await bench.redis.zscore(bench.key('marker'), '1')), due / 4096);
	},
	'the lowest priority, back in its class': async (queue, side, bench) => {
		for (const n of [1, 2]) await queue.add('publish', {}, { jobId: `j-${n}`, priority: 2097151, attempts: 3 });
		assert.equal(await side.claim(), 'j-1');
		await side.retry('boom', 0, false);
		assert.deepEqual(await bench.redis.zrange(bench.key('prioritized'), 0, -1, 'WITHSCORES'), ['j-2', '9007194959773698', 'j-1', '9007194959773699']);
	},
	'no length of the event stream': async (queue, side, bench) => {
		const [backoff, attempts] = [{ type: 'fixed', delay: 600000 }, 2];
		for (const n of [1, 2, 3]) await queue.add('publish', {}, { jobId: `j-${n}`, attempts, ...(n === 2 ? { backoff } : {}) });
		await bench.redis.hdel(bench.key('meta'), 'opts.maxLenEvents');
		await side.claim();
		await side.complete(1);
		await side.retry('boom', 600000, false);
	},
	'Queue.rateLimit where nobody knows a limit': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1' });
		await queue.rateLimit(600000);
		assert.equal(await side.claim(), 'j-1');
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
		// Nobody would heed `defa` before 5.49.2.
		if (bench.old) assert.equal(await queue.getJobState('j-1'), 'failed');
		else assert.match(await bench.redis.hget(bench.key('j-1'), 'defa'), /stalled/);
	},
	'deduplication key released': async (queue, side) => {
		await queue.add('publish', {}, { jobId: 'j-1', deduplication: { id: 'd1' } });
		await queue.add('publish', {}, { jobId: 'j-2', deduplication: { id: 'd1' } });
		await queue.add('publish', {}, { jobId: 'j-3', attempts: 2, deduplication: { id: 'd2', ttl: 600000 } });
		await side.claim();
		await side.complete(1);
		await side.failForGood('boom');
	},
	'the last one asked for while active follows': { later: true, run: async (queue, side) => {
		const deduplication = { id: 'd1', keepLastIfActive: true };
		await queue.add('publish', { n: 1 }, { jobId: 'j-1', deduplication });
		assert.equal(await side.claim(), 'j-1');
		await queue.add('publish', { n: 2 }, { jobId: 'j-2', deduplication, priority: 5 });
		await queue.add('publish', { n: 3 }, { jobId: 'j-3', deduplication, priority: 6 });
		assert.equal(await side.complete(1), 'j-3');
		await side.complete(2);
	} },
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
		assert.match(bench.old ? parent.failedReason : parent.defa, /^child .*child-1 failed$/);
	},
	'the parent that is not kept fails with its child': async (queue, side, bench) => {
		await flow(bench, { failParentOnFailure: true }, {}, { removeOnFail: true });
		await side.claim();
		assert.equal(await side.failForGood('boom'), bench.old ? 'child-2' : 'parent');
		if (bench.old) return;
		await side.failForGood(await bench.redis.hget(bench.key('parent'), 'defa'));
		assert.equal(await bench.redis.exists(bench.key('parent')), 0);
	},
	'the parent of the parent fails too': async (queue, side, bench) => {
		await family(bench, { failParentOnFailure: true });
		assert.equal(await side.claim(), 'child');
		assert.equal(await side.failForGood('boom'), bench.old ? undefined : 'parent');
		if (bench.old) return;
		assert.equal(await side.failForGood(await bench.redis.hget(bench.key('parent'), 'defa')), 'grandparent');
	},
	'the parent goes on without its child': { later: true, run: async (queue, side, bench) => {
		await flow(bench, { continueParentOnFailure: true }, {});
		await side.claim();
		await side.failForGood('boom', false);
		// At once, though the other child has not run.
		assert.equal(await side.claim(), 'parent');
	} },
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

async function play(t, version, Side, { options = {}, run }) {
	const bench = new Bench(t, version);
	await bench.queue.waitUntilReady();
	const side = new Side(bench, options);
	await side.worker?.waitUntilReady();
	await run(bench.queue, side, bench);
	return bench.dump();
}

for (const version of Object.keys(versions))
	for (const [name, told] of Object.entries(histories)) {
		const history = typeof told === 'function' ? { run: told } : told;
		if (version === OLD && history.later) continue;
		test(`bullmq ${version}: ${name}`, { timeout: 20000 }, async (t) => {
			const node = await play(t, version, NodeSide, history);
			const ours = await play(t, version, OurSide, history);
			if (version === OLD) level(name, node, ours);
			assert.deepEqual(ours, node);
		});
	}
