// Node workers and ours on one queue.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, until, versions } from './helpers.mjs';

for (const version of Object.keys(versions)) {
	test(`bullmq ${version}: 400 jobs are shared, each run exactly once`, { timeout: 60000 }, async (t) => {
		const bench = new Bench(t, version);
		const theirs = [];
		const worker = bench.worker(async (job) => {
			theirs.push(job.id);
			return { by: 'node' };
		}, { concurrency: 3 });
		await worker.waitUntilReady();
		const tools = [bench.tool(), bench.tool(), bench.tool()];
		const work = tools.map((tool, n) => tool.run('work', { token: `t${n}`, worker: `w${n}`, idle: 1000 }));
		for (let from = 0; from < 400; from += 20)
			await bench.queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: 'publish', data: {},
				opts: { jobId: `j-${from + n}`, priority: [0, 5, 0, 2][n % 4], delay: n % 5 === 4 ? 5 * (n + 1) : undefined } })));
		const ours = (await Promise.all(work)).flatMap((one) => one.ids);
		await until(() => theirs.length + ours.length >= 400, 'all jobs');
		assert.equal(theirs.length + ours.length, 400);
		assert.equal(new Set([...theirs, ...ours]).size, 400);
		assert.ok(theirs.length > 0 && ours.length > 0, `${theirs.length} and ${ours.length}`);
		await until(async () => (await bench.queue.getCompletedCount()) === 400, 'all completed');
		for (const [list, count] of Object.entries(await bench.queue.getJobCounts('waiting', 'paused', 'active', 'prioritized', 'delayed', 'failed')))
			assert.equal(count, 0, list);
		const stream = await bench.redis.xrange(bench.key('events'), '-', '+');
		const active = stream.map(([, fields]) => fields).filter((fields) => fields[1] === 'active').map((fields) => fields[3]);
		assert.equal(active.length, 400);
		assert.equal(new Set(active).size, 400);
		for (const one of ['j-0', 'j-399']) {
			const job = await bench.queue.getJob(one);
			assert.deepEqual([job.attemptsMade, job.attemptsStarted], [1, 1]);
		}
	});

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
			await until(async () => (await bench.redis.llen(bench.key('wait'))) === 1, 'the job recovered');
		}
		await saver.close();
		const tool = bench.tool();
		const { job } = await tool.claim();
		assert.match(job.deferred, /stalled more than allowable/);
		await tool.run('fail', { id: 'j-1', reason: job.deferred });
		assert.equal(await bench.queue.getJobState('j-1'), 'failed');
		assert.equal(await bench.redis.hexists(bench.key('j-1'), 'defa'), 0);
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
			await until(() => seen.includes(id), `${id} run by the neighbour`, 3000);
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
}
