// Node workers and ours on one queue.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, connection, until, versions } from './helpers.mjs';
import { flow } from './sides.mjs';

for (const version of Object.keys(versions)) {
	test(`bullmq ${version}: we save a dead Node worker's job`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool({ max_stalled: 1 });
		const dead = bench.worker(null, { autorun: false, lockDuration: 30, stalledInterval: 10 });
		await bench.queue.add('publish', {}, { jobId: 'j-1', priority: 5, attempts: 3 });
		assert.equal((await dead.getNextJob('dead', { block: false })).id, 'j-1');
		const total = { recovered: 0, failed: 0 };
		await until(async () => {
			const { recovered, failed } = await tool.run('stalled', { interval: 10 });
			total.recovered += recovered;
			total.failed += failed;
			return total.recovered + total.failed;
		}, 'the job recovered');
		assert.deepEqual(total, { recovered: 1, failed: 0 });
		const { job } = await tool.claim();
		assert.deepEqual([job.id, job.made, job.started], ['j-1', 0, 2]);
		await tool.run('complete', { id: 'j-1' });
		const told = (await bench.stream()).map((one) => one.event);
		assert.deepEqual(told.slice(-5), ['waiting', 'stalled', 'active', 'completed', 'drained']);
		assert.equal(await bench.redis.hget(bench.key('j-1'), 'stc'), '1');
	});

	test(`bullmq ${version}: a Node worker saves our dead one's job, and ours what it marks as failed`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		await bench.queue.add('publish', {}, { jobId: 'j-1', attempts: 3 });
		const saver = bench.worker(null, { autorun: false, stalledInterval: 20, maxStalledCount: 1 });
		await saver.startStalledCheckTimer();
		for (let n = 1; n <= 2; n++) {
			const ours = bench.tool({ lock_ms: 30 });
			assert.equal((await ours.claim({ token: `t${n}` })).job.id, 'j-1');
			await ours.kill();
			// Before 5.53.2 it is failed by the check itself.
			const there = bench.old && n === 2 ? 'failed' : 'waiting';
			await until(async () => (await bench.queue.getJobState('j-1')) === there, `the job ${there}`);
		}
		await saver.close();
		if (bench.old) {
			assert.match((await bench.queue.getJob('j-1')).failedReason, /stalled more than allowable/);
			assert.equal((await bench.tool().claim()).state, 'none');
			return;
		}
		const tool = bench.tool();
		const { job } = await tool.claim();
		assert.match(job.deferred, /stalled more than allowable/);
		await tool.run('fail', { id: 'j-1', reason: job.deferred });
		assert.equal(await bench.queue.getJobState('j-1'), 'failed');
		assert.equal(await bench.redis.hexists(bench.key('j-1'), 'defa'), 0);
	});

	test(`bullmq ${version}: the stalls that a neighbour counted count for us, and the other way round`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const manager = bench.tool({ max_stalled: 2 });
		await bench.queue.add('publish', {}, { jobId: 'j-1', attempts: 3 });
		const die = async (n) => {
			const ours = bench.tool({ lock_ms: 30 });
			assert.equal((await ours.claim({ token: `t${n}` })).job.id, 'j-1');
			await ours.kill();
		};
		const recovered = (how) => until(async () => {
			await how?.();
			return (await bench.queue.getJobState('j-1')) !== 'active';
		}, 'the job recovered');
		await die(1);
		const saver = bench.worker(null, { autorun: false, stalledInterval: 20, maxStalledCount: 2 });
		await saver.startStalledCheckTimer();
		await recovered();
		await saver.close();
		for (const n of [2, 3]) {
			await die(n);
			await recovered(() => manager.run('stalled', { interval: 10 }));
		}
		// The third is one too many. A worker that does not know `defa` must not get it.
		if (bench.old) {
			assert.equal(await bench.queue.getJobState('j-1'), 'failed');
			assert.match((await bench.queue.getJob('j-1')).failedReason, /stalled more than allowable/);
		} else {
			assert.match((await bench.tool().claim()).job.deferred, /stalled more than allowable/);
		}
	});

	test(`bullmq ${version}: a neighbour does not run what we have marked to fail`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		await flow(bench, { failParentOnFailure: true }, {});
		assert.equal((await tool.claim()).job.id, 'child-1');
		await tool.run('fail', { id: 'child-1', reason: 'boom' });
		const run = [];
		await bench.worker(async (job) => { run.push(job.id); }).waitUntilReady();
		await until(async () => (await bench.queue.getJobState('parent')) === 'failed' && run.length > 0, 'the parent failed');
		assert.deepEqual(run, ['child-2']);
		assert.match((await bench.queue.getJob('parent')).failedReason, /^child .*child-1 failed$/);
	});

	test(`bullmq ${version}: an idle Node worker gets what is handed back, put back or due, at once`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool(), manager = bench.tool();
		for (const [id, options, end] of [
			['j-1', {}, () => manager.run('hand-back', { token: 't1' })],
			['j-2', { priority: 5 }, () => manager.run('hand-back', { token: 't2' })],
			['j-3', { priority: 5 }, () => tool.run('put-back', { id: 'j-3', token: 't3' })],
			['j-4', { priority: 5 }, () => tool.run('defer', { id: 'j-4', token: 't4', delay: 100 })],
			['j-5', {}, () => tool.run('retry', { id: 'j-5', token: 't5', delay: 0 })],
		]) {
			await bench.queue.add('publish', {}, { jobId: id, attempts: 3, ...options });
			assert.equal((await tool.claim({ token: `t${id.at(-1)}` })).job.id, id);
			const seen = [];
			const worker = bench.worker(async (job) => { seen.push(job.id); }, { drainDelay: 30 });
			await worker.waitUntilReady();
			// Idle: blocked on the marker, which its own first look has used up.
			await until(async () => (await bench.redis.client('LIST')).includes('cmd=bzpopmin') && !(await bench.redis.exists(bench.key('marker'))), 'an idle worker');
			await end();
			await until(() => seen.includes(id), `${id} run by the neighbour`, 8000);
			await worker.close();
			assert.equal((await bench.queue.getJob(id)).attemptsMade, id === 'j-5' ? 2 : 1);
		}
	});

	test(`bullmq ${version}: the dead change nothing any more`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool(), manager = bench.tool();
		await bench.queue.add('publish', {}, { jobId: 'j-1', attempts: 3 });
		await tool.claim({ token: 'dead' });
		assert.deepEqual((await manager.run('tokens', { prefix: 'de' })).tokens, [{ id: 'j-1', token: 'dead' }]);
		assert.deepEqual((await manager.run('hand-back', { token: 'dead' })).ids, ['j-1']);
		assert.deepEqual((await manager.run('hand-back', { token: 'dead' })).ids, []);
		for (const cmd of ['complete', 'fail', 'retry', 'defer', 'put-back']) {
			const before = await bench.dump();
			const late = bench.tool();
			// Gets the job under another token, and speaks with the dead one's.
			const { job } = await late.claim({ token: 'alive' });
			assert.equal(job.id, 'j-1');
			assert.equal((await late.run(cmd, { id: 'j-1', token: 'dead', delay: 1, next: true })).state, 'lost');
			assert.equal(await bench.redis.get(bench.key('j-1:lock')), 'alive');
			await manager.run('hand-back', { token: 'alive' });
			await bench.redis.del(`${bench.prefix}-publisher:${bench.name}:dead:alive`);
			assert.deepEqual((await bench.dump()).wait, before.wait);
		}
		assert.equal((await tool.claim({ token: 'dead' })).state, 'dead');
		assert.equal((await bench.queue.getJob('j-1')).attemptsMade, 0);
	});

	test(`bullmq ${version}: parents and children in queues of their own, one served by a neighbour`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version), theirs = new Bench(t, version);
		const tool = bench.tool();
		const flows = new bench.bullmq.FlowProducer({ connection });
		t.after(() => flows.close());
		const one = (queue, jobId, more, opts) => ({ name: 'publish', queueName: queue.name, data: {}, opts: { jobId, attempts: 1, ...opts }, ...more });
		// An idle neighbour, who has to be woken.
		const seen = [];
		const worker = theirs.worker(async (job) => {
			seen.push(job.id);
			if (job.data.fail) throw new Error('boom');
			return { by: 'node', children: Object.values(await job.getChildrenValues()) };
		}, { drainDelay: 30 });
		await worker.waitUntilReady();
		// Our child, their parent.
		await flows.add(one(theirs, 'parent-1', { children: [one(bench, 'child-1')] }));
		assert.equal((await tool.claim()).job.id, 'child-1');
		await tool.run('complete', { id: 'child-1', value: '{"by":"us"}' });
		await until(async () => (await theirs.queue.getJobState('parent-1')) === 'completed', 'their parent completed', 8000);
		assert.deepEqual((await theirs.queue.getJob('parent-1')).returnvalue, { by: 'node', children: [{ by: 'us' }] });
		// Their child, our parent.
		await flows.add(one(bench, 'parent-2', { children: [one(theirs, 'child-2')] }));
		await until(async () => (await bench.queue.getJobState('parent-2')) === 'waiting', 'our parent released');
		assert.equal((await tool.claim()).job.id, 'parent-2');
		await tool.run('complete', { id: 'parent-2' });
		// Our child fails their parent.
		await flows.add(one(theirs, 'parent-3', { children: [one(bench, 'child-3', {}, { failParentOnFailure: true })] }));
		assert.equal((await tool.claim()).job.id, 'child-3');
		await tool.run('fail', { id: 'child-3', reason: 'boom' });
		await until(async () => (await theirs.queue.getJobState('parent-3')) === 'failed', 'their parent failed', 8000);
		assert.match((await theirs.queue.getJob('parent-3')).failedReason, /^child .*child-3 failed$/);
		// Their child fails our parent.
		await flows.add(one(bench, 'parent-4', { children: [{ ...one(theirs, 'child-4', {}, { failParentOnFailure: true }), data: { fail: true } }] }));
		await until(async () => (await bench.queue.getJobState('parent-4')) !== 'waiting-children', 'our parent told');
		if (bench.old) {
			assert.equal((await tool.claim()).state, 'none');
		} else {
			const { job } = await tool.claim();
			assert.match(job.deferred, /^child .*child-4 failed$/);
			await tool.run('fail', { id: 'parent-4', reason: job.deferred });
		}
		assert.equal(await bench.queue.getJobState('parent-4'), 'failed');
		assert.deepEqual(seen, ['parent-1', 'child-2', 'child-4']);
	});
}
