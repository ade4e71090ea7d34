// Our side as a producer: what Queue.add() writes, we write.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, until, versions } from './helpers.mjs';

/** name -> jobs as [data, BullMQ's options, ours]; `before` prepares the queue. */
const cases = {
	'a publish job': { jobs: [[{ deviationId: 'x', userId: 'u' },
		{ jobId: 'deviation-1', attempts: 7, removeOnComplete: { age: 3600, count: 1000 }, removeOnFail: { age: 86400, count: 5000 } },
		{ id: 'deviation-1', attempts: 7, removeOnComplete: '{"age":3600,"count":1000}', removeOnFail: '{"age":86400,"count":5000}' }]] },
	'a storage clean-up job': { jobs: [[{ deviationId: 'x' },
		{ jobId: 'storage-cleanup-1', attempts: 5, backoff: { type: 'exponential', delay: 5000 }, removeOnComplete: { age: 86400, count: 1000 } },
		{ id: 'storage-cleanup-1', attempts: 5, backoff: '{"type":"exponential","delay":5000}', removeOnComplete: '{"age":86400,"count":1000}' }]] },
	'prioritized, twice, then the same again': { jobs: [
		[{}, { jobId: 'j-1', priority: 5 }, { id: 'j-1', priority: 5 }],
		[{}, { jobId: 'j-2', priority: 5 }, { id: 'j-2', priority: 5 }],
		[{ other: 1 }, { jobId: 'j-1', priority: 5 }, { id: 'j-1', priority: 5 }]] },
	delayed: { jobs: [
		[{}, { jobId: 'j-1', delay: 60000 }, { id: 'j-1', delay: 60000 }],
		[{}, { jobId: 'j-2', delay: 600000, priority: 3 }, { id: 'j-2', delay: 600000, priority: 3 }]] },
	'no id of its own': { jobs: [[{ a: [] }, {}, {}], [{ b: 'é"\n' }, {}, {}]] },
	'odd ids': { jobs: ['a*b', 'a b', 'a"b\'c', 'a\nb', 'ü-☃', '-', '1.5', '[x]'].map((id) => [{}, { jobId: id }, { id }]) },
	'while paused': { before: (queue) => queue.pause(), jobs: [
		[{}, { jobId: 'j-1' }, { id: 'j-1' }], [{}, { jobId: 'j-2', priority: 2 }, { id: 'j-2', priority: 2 }],
		[{}, { jobId: 'j-3', delay: 60000 }, { id: 'j-3', delay: 60000 }]] },
	'while the queue is full': { before: async (queue, bench) => {
		await queue.setGlobalConcurrency(1);
		await bench.redis.lpush(bench.key('active'), 'somebody');
	}, jobs: [[{}, { jobId: 'j-1' }, { id: 'j-1' }], [{}, { jobId: 'j-2', priority: 2 }, { id: 'j-2', priority: 2 }]] },
};

/** Delayed scores depend on the millisecond, also in how two of them relate. */
const withoutFractions = (dump) => JSON.parse(JSON.stringify(dump).replaceAll(/TIME\*4096\+\d+/g, 'SCORE'));

for (const version of Object.keys(versions)) {
	for (const [name, { before, jobs }] of Object.entries(cases))
		test(`bullmq ${version}: add: ${name}`, { timeout: 20000 }, async (t) => {
			const dumps = [];
			for (const ours of [false, true]) {
				const bench = new Bench(t, version);
				await bench.queue.waitUntilReady();
				await before?.(bench.queue, bench);
				const tool = bench.tool();
				for (const [data, theirs, args] of jobs)
					if (ours) await tool.run('add', { data: JSON.stringify(data), ...args });
					else await bench.queue.add('publish', data, theirs);
				dumps.push(withoutFractions(await bench.dump()));
			}
			assert.deepEqual(dumps[1], dumps[0]);
		});

	test(`bullmq ${version}: bad jobs are refused by both`, { timeout: 20000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		for (const id of ['0', '1', '12345', '0:x', 'a:b']) {
			// 5.35 does not mind a colon.
			if (!bench.old || id !== 'a:b') await assert.rejects(bench.queue.add('publish', {}, { jobId: id }), undefined, id);
			assert.equal((await tool.ask('add', { id })).category, 'VALIDATION_ERROR', id);
		}
		for (const bad of ['', '{', '{"a":1}x', "{'a':1}", '{"a":01}', '"\n"', 'undefined'])
			assert.equal((await tool.ask('add', { id: 'x', data: bad })).category, 'VALIDATION_ERROR', bad);
		assert.equal(await bench.redis.exists(bench.key('x')), 0);
	});

	test(`bullmq ${version}: whatever its producers write, we run at once`, { timeout: 20000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		// delay: 0 with a priority is "delayed" from 5.19 to 5.40.
		await bench.queue.add('publish', { n: 1 }, { jobId: 'j-1', priority: 5, delay: 0, attempts: 7 });
		const where = await bench.queue.getJobState('j-1');
		assert.equal(where, bench.old ? 'delayed' : 'prioritized');
		await bench.queue.addBulk(['j-2', 'j-3'].map((jobId) => ({ name: 'publish', data: {}, opts: { jobId, priority: jobId === 'j-2' ? 5 : 4, delay: 0 } })));
		await bench.queue.add('publish', {}, { jobId: 'j-4', lifo: true });
		const { job } = await tool.claim();
		assert.equal(job.id, 'j-4');
		assert.deepEqual((await tool.run('work', { idle: 200 })).ids, ['j-3', 'j-1', 'j-2']);
		assert.equal(await bench.redis.exists(bench.key('pc')), 0);
		if (bench.old) await bench.queue.add('publish', {}, { jobId: 'a:b' });
		else await bench.redis.hset(bench.key('a:b'), 'name', 'publish', 'opts', '{}', 'data', '{}').then(() => bench.redis.lpush(bench.key('wait'), 'a:b'));
		assert.equal((await tool.claim()).job.id, 'a:b');
		await tool.run('complete', { id: 'a:b' });
		assert.equal(await bench.queue.getJobState('a:b'), 'completed');
	});

	test(`bullmq ${version}: a Node worker runs what we add`, { timeout: 20000 }, async (t) => {
		const bench = new Bench(t, version);
		const seen = [];
		const worker = bench.worker(async (job) => {
			seen.push([job.id, job.name, job.data.n, job.opts.attempts]);
			return job.data;
		});
		await worker.waitUntilReady();
		const tool = bench.tool();
		await tool.run('add', { id: 'j-1', data: '{"n":1}', attempts: 7 });
		await tool.run('add', { id: 'j-2', data: '{"n":2}', priority: 5 });
		await tool.run('add', { id: 'j-3', data: '{"n":3}', delay: 30 });
		await tool.run('add', { id: 'j-4', data: '{"n":4}', unwatched: true });
		await until(() => seen.length === 4, 'four jobs run');
		assert.deepEqual(seen.sort(), [['j-1', 'publish', 1, 7], ['j-2', 'publish', 2, 0], ['j-3', 'publish', 3, 0], ['j-4', 'publish', 4, 0]]);
	});

	test(`bullmq ${version}: a finished job is replaced, one at work is not`, { timeout: 20000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		await bench.queue.add('publish', { n: 1 }, { jobId: 'j-1' });
		assert.equal((await tool.run('add', { id: 'j-1', replace: true })).added, false);
		await tool.claim();
		assert.equal((await tool.run('add', { id: 'j-1', replace: true })).added, false);
		await tool.run('complete', { id: 'j-1', value: '{"old":true}' });
		assert.equal((await tool.run('add', { id: 'j-1' })).added, false);
		assert.equal((await tool.run('add', { id: 'j-1', data: '{"n":2}', replace: true })).added, true);
		const job = await bench.queue.getJob('j-1');
		assert.equal(await job.getState(), 'waiting');
		assert.deepEqual([job.data, job.finishedOn, job.attemptsMade], [{ n: 2 }, undefined, 0]);
		assert.equal(await bench.redis.hexists(bench.key('j-1'), 'returnvalue'), 0);
		assert.equal(await bench.queue.getCompletedCount(), 0);
		// Nowhere at all, as after a neighbour's pause: mended too.
		await bench.redis.del(bench.key('wait'));
		assert.equal((await tool.run('state', { id: 'j-1' })).state, 'unknown');
		assert.equal((await tool.run('add', { id: 'j-1', replace: true })).added, true);
		assert.equal((await tool.run('state', { id: 'j-1' })).state, 'waiting');
	});
}
