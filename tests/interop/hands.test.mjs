// What people and programs do to jobs and queues by hand while we work on them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, until, versions } from './helpers.mjs';
import { flow } from './sides.mjs';

/** No key of a job that was taken away has come back. */
async function nothingLeftOf(bench, id) {
	assert.deepEqual((await bench.redis.keys(`${bench.base}${id}*`)), [], `keys of ${id}`);
	for (const list of ['wait', 'paused', 'active']) assert.ok(!(await bench.redis.lrange(bench.key(list), 0, -1)).includes(id), list);
	for (const set of ['prioritized', 'delayed', 'completed', 'failed']) assert.equal(await bench.redis.zscore(bench.key(set), id), null, set);
}

for (const version of Object.keys(versions)) {
	test(`bullmq ${version}: removed while waiting, prioritized, delayed, in a pause, finished`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const add = (jobId, options) => bench.queue.add('publish', {}, { jobId, attempts: 7, ...options });
		const all = [await add('waits'), await add('first', { priority: 5 }), await add('later', { delay: 30 })];
		const stays = await add('stays', { priority: 9 });
		for (const job of all) await job.remove();
		await bench.queue.pause();
		await (await add('in-pause')).remove();
		await bench.queue.resume();
		await new Promise((done) => setTimeout(done, 50));
		assert.equal((await tool.claim()).job.id, 'stays');
		await tool.run('retry', { id: 'stays', delay: 600000, reason: 'boom' });
		await stays.remove();
		await add('done', {});
		await add('bad', {});
		await tool.claim();
		await tool.run('complete', { id: 'done', next: true });
		await tool.run('fail', { id: 'bad', reason: 'boom', next: true });
		for (const id of ['done', 'bad']) await (await bench.queue.getJob(id)).remove();
		assert.equal((await tool.claim()).state, 'none');
		for (const id of ['waits', 'first', 'later', 'in-pause', 'stays', 'done', 'bad']) await nothingLeftOf(bench, id);
		const removed = (await bench.stream()).filter((one) => one.event === 'removed').map(({ jobId, prev }) => [jobId, prev]);
		assert.deepEqual(removed.slice(-3), [['stays', 'delayed'], ['done', 'completed'], ['bad', 'failed']]);
	});

	test(`bullmq ${version}: removed while active: refused; by force: our ending finds nothing and makes nothing`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const endings = { complete: {}, fail: {}, retry: { delay: 0 }, defer: { delay: 1000 }, 'put-back': {} };
		for (const [cmd, args] of Object.entries(endings)) {
			const id = `job-${cmd}`;
			const job = await bench.queue.add('publish', {}, { jobId: id, attempts: 7, priority: 5 });
			assert.equal((await tool.claim()).job.id, id);
			await assert.rejects(job.remove(), /lock/);
			assert.equal(await bench.redis.get(bench.key(`${id}:lock`)), 't');
			await tool.run('progress', { id, json: '1' });
			// What an operator does who deletes keys, or a Job.remove() after the lock has run out.
			await bench.redis.del(bench.key(`${id}:lock`));
			await job.remove();
			assert.equal((await tool.run(cmd, { id, ...args })).state, 'lost', cmd);
			await nothingLeftOf(bench, id);
		}
		const kept = await bench.queue.add('publish', {}, { jobId: 'kept' });
		assert.equal((await tool.claim()).job.id, 'kept');
		await assert.rejects(kept.remove(), /lock/);
		assert.equal((await tool.run('complete', { id: 'kept' })).state, 'ended');
		assert.equal(await kept.getState(), 'completed');
	});

	test(`bullmq ${version}: changePriority and changeDelay`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const job = {};
		for (const [id, options] of Object.entries({ a: {}, b: { priority: 5 }, c: { priority: 6 }, d: { priority: 7 }, e: { delay: 600000, priority: 3 }, f: { delay: 20 } }))
			job[id] = await bench.queue.add('publish', {}, { jobId: id, attempts: 3, ...options });
		await job.a.changePriority({ priority: 8 });
		await job.d.changePriority({ priority: 5, lifo: true });
		await job.c.changePriority({ priority: 0 });
		await job.e.changePriority({ priority: 4 });
		await job.e.changeDelay(10);
		await job.f.changeDelay(600000);
		await new Promise((done) => setTimeout(done, 50));
		const order = [];
		for (let claim = await tool.claim(); claim?.job; ) {
			order.push([claim.job.id, claim.job.priority]);
			({ next: claim } = await tool.run('complete', { id: claim.job.id, next: true }));
		}
		assert.deepEqual(order, [['c', 0], ['e', 4], ['d', 5], ['b', 5], ['a', 8]]);
		const { state, due } = await tool.run('state', { id: 'f' });
		assert.ok(state === 'delayed' && due > Date.now() + 500000);
		// The priority that a retried job goes back to is the changed one.
		const again = await bench.queue.add('publish', {}, { jobId: 'again', attempts: 3, priority: 5 });
		await tool.claim();
		await again.changePriority({ priority: 2 });
		await bench.queue.add('publish', {}, { jobId: 'other', priority: 3 });
		await tool.run('retry', { id: 'again', delay: 0, reason: 'boom' });
		assert.equal((await tool.claim()).job.id, 'again');
	});

	test(`bullmq ${version}: retried by hand, completed and failed, by one and by all`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		for (let n = 1; n <= 4; n++) await bench.queue.add('publish', {}, { jobId: `j-${n}`, attempts: 2, priority: n % 2 ? 5 : undefined });
		for (let n = 1; n <= 4; n++) {
			const { job } = await tool.claim();
			await tool.run(job.id === 'j-4' ? 'complete' : 'fail', { id: job.id, reason: 'boom' });
		}
		await (await bench.queue.getJob('j-4')).retry('completed');
		assert.equal((await tool.claim()).job.id, 'j-4');
		await tool.run('complete', { id: 'j-4', value: '2' });
		assert.equal((await bench.queue.getJob('j-4')).returnvalue, 2);
		await bench.queue.retryJobs({ state: 'failed' });
		const { ids } = await tool.run('work', { idle: 150 });
		assert.deepEqual(ids.sort(), ['j-1', 'j-2', 'j-3']);
		for (const id of ids) {
			const job = await bench.queue.getJob(id);
			assert.deepEqual([await job.getState(), job.failedReason, job.attemptsStarted], ['completed', undefined, 2], id);
		}
	});

	test(`bullmq ${version}: promoteJobs, drain with and without the delayed, our job goes on`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		for (const [id, options] of Object.entries({ a: {}, b: {}, c: { priority: 5 }, d: { delay: 600000 }, e: { delay: 600000, priority: 2 } }))
			await bench.queue.add('publish', {}, { jobId: id, ...options });
		assert.equal((await tool.claim()).job.id, 'a');
		await bench.queue.drain();
		assert.deepEqual([await bench.queue.getJobState('a'), await bench.queue.getDelayedCount()], ['active', 2]);
		const { next } = await tool.run('complete', { id: 'a', next: true });
		assert.equal(next.job, undefined);
		await bench.queue.promoteJobs();
		assert.deepEqual((await tool.run('work', { idle: 100 })).ids.sort(), ['d', 'e']);
		await bench.queue.add('publish', {}, { jobId: 'h', priority: 1 });
		assert.equal((await tool.claim()).job.id, 'h');
		await bench.queue.add('publish', {}, { jobId: 'g', delay: 20 });
		await bench.queue.drain(true);
		await new Promise((done) => setTimeout(done, 40));
		assert.equal((await tool.claim()).state, 'none');
		await tool.run('complete', { id: 'h' });
		assert.deepEqual((await bench.queue.getCompleted()).map(({ id }) => id).sort(), ['a', 'd', 'e', 'h']);
	});

	test(`bullmq ${version}: clean spares what we work on`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		for (const [id, options] of Object.entries({ held: {}, waits: {}, done: { priority: 1 }, bad: { priority: 2 }, first: { priority: 5 }, later: { delay: 600000 } }))
			await bench.queue.add('publish', {}, { jobId: id, attempts: 2, ...options });
		assert.equal((await tool.claim()).job.id, 'held');
		// Ages are counted from when a job was added or has finished.
		await new Promise((done) => setTimeout(done, 5));
		assert.deepEqual(await bench.queue.clean(0, 10, 'active'), []);
		assert.deepEqual(await bench.queue.clean(0, 10, 'wait'), ['waits']);
		assert.equal((await tool.claim()).job.id, 'done');
		await tool.run('complete', { id: 'done', next: true });
		await tool.run('fail', { id: 'bad', reason: 'boom' });
		await new Promise((done) => setTimeout(done, 5));
		for (const [type, id] of [['completed', 'done'], ['failed', 'bad'], ['prioritized', 'first'], ['delayed', 'later']])
			assert.deepEqual(await bench.queue.clean(0, 10, type), [id], type);
		assert.equal((await tool.run('complete', { id: 'held' })).state, 'ended');
		for (const id of ['waits', 'done', 'bad', 'first', 'later']) await nothingLeftOf(bench, id);
	});

	test(`bullmq ${version}: obliterate under our hands`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		for (let n = 1; n <= 3; n++) await bench.queue.add('publish', {}, { jobId: `j-${n}`, priority: n });
		assert.equal((await tool.claim({ token: 'a' })).job.id, 'j-1');
		await assert.rejects(bench.queue.obliterate(), /active/);
		assert.equal((await tool.run('complete', { id: 'j-1', token: 'a' })).state, 'ended');
		await bench.queue.resume();
		assert.equal((await tool.claim({ token: 'a' })).job.id, 'j-2');
		await bench.queue.obliterate({ force: true });
		assert.equal((await tool.run('progress', { id: 'j-2', json: '1' })).ok, true);
		assert.equal((await tool.run('renew', { id: 'j-2', token: 'a' })).lost, (await bench.redis.exists(bench.key('j-2:lock'))) === 0);
		assert.equal((await tool.run('complete', { id: 'j-2', token: 'a', next: true })).state, 'lost');
		// Neither job nor place has come back.
		for (const id of ['j-1', 'j-2', 'j-3']) await nothingLeftOf(bench, id);
		// The queue is as good as new.
		const fresh = bench.open(bench.bullmq.Queue);
		await fresh.add('publish', {}, { jobId: 'j-2' });
		assert.equal((await tool.claim()).job.id, 'j-2');
		await tool.run('complete', { id: 'j-2' });
		assert.equal(await fresh.getJobState('j-2'), 'completed');
	});

	test(`bullmq ${version}: a deduplication id can be used again once our job has ended`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const add = (jobId, more) => bench.queue.add('publish', {}, { jobId, attempts: 2, deduplication: { id: 'd1', ...more } });
		for (const [id, cmd] of [['j-1', 'complete'], ['j-2', 'fail']]) {
			assert.equal((await add(id)).id, id);
			assert.equal((await add('copy')).id, id);
			await tool.claim();
			assert.equal((await add('copy')).id, id, 'while it runs');
			await tool.run(cmd, { id, reason: 'boom' });
			assert.equal(await bench.redis.exists(bench.key('de:d1')), 0);
		}
		// A retry and a return keep it.
		await add('j-3');
		for (const [cmd, args] of [['retry', { delay: 0 }], ['put-back', {}], ['defer', { delay: 1 }]]) {
			await until(async () => (await tool.claim()).job?.id === 'j-3', 'the job again');
			await tool.run(cmd, { id: 'j-3', reason: 'boom', ...args });
			assert.equal(await bench.redis.get(bench.key('de:d1')), 'j-3', cmd);
		}
		// Removed by us: released; with a time to live: stays until then.
		await tool.run('remove', { id: 'j-3' });
		assert.equal((await add('j-4', { ttl: 60000 })).id, 'j-4');
		await tool.claim();
		await tool.run('complete', { id: 'j-4' });
		assert.equal((await add('copy', { ttl: 60000 })).id, 'j-4');
		assert.ok((await bench.redis.pttl(bench.key('de:d1'))) > 50000);
	});

	test(`bullmq ${version}: a parent that has not all of its children cannot be completed, and is not lost`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		await flow(bench, {}, {});
		assert.equal((await tool.claim({ token: 'a' })).job.id, 'child-1');
		await tool.run('complete', { id: 'child-1', token: 'a', value: '{"v":1}' });
		// Somebody sends it to work before its time.
		await bench.redis.zrem(bench.key('waiting-children'), 'parent');
		await bench.redis.rpush(bench.key('wait'), 'parent');
		assert.equal((await tool.claim({ token: 'p' })).job.id, 'parent');
		assert.equal((await tool.run('complete', { id: 'parent', token: 'p' })).state, 'pending-children');
		assert.equal(await bench.queue.getJobState('parent'), 'active');
		assert.equal((await tool.run('put-back', { id: 'parent', token: 'p' })).state, 'ended');
		assert.equal(await bench.queue.getJobState('parent'), 'waiting');
		assert.deepEqual(await bench.redis.smembers(bench.key('parent:dependencies')), [bench.key('child-2')]);
		assert.equal((await tool.claim({ token: 'p' })).job.id, 'parent');
		assert.equal((await tool.claim({ token: 'a' })).job.id, 'child-2');
		await tool.run('complete', { id: 'child-2', token: 'a', value: '{"v":2}' });
		assert.equal((await tool.run('complete', { id: 'parent', token: 'p' })).state, 'ended');
		const values = Object.values(await (await bench.queue.getJob('parent')).getChildrenValues());
		assert.deepEqual(values.sort((a, b) => a.v - b.v), [{ v: 1 }, { v: 2 }]);
	});

	if (versions[version].Queue.prototype.removeRepeatable) test(`bullmq ${version}: an old repeatable job says so too`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const repeatable = await bench.queue.add('publish', {}, { repeat: { every: 3600000 }, attempts: 7 });
		if ((await repeatable.getState()) === 'delayed') await repeatable.promote();
		const { job } = await tool.claim();
		assert.deepEqual([job.id, typeof job.scheduler], [repeatable.id, 'string']);
		await tool.run('fail', { id: job.id, reason: 'schedules are not ours' });
		assert.equal((await bench.queue.getRepeatableJobs()).length, 1);
		assert.equal(await bench.queue.removeRepeatable('publish', { every: 3600000 }), true);
	});

	test(`bullmq ${version}: a schedule's job says whose it is, and ends without harm to the schedule's keys`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		await bench.queue.upsertJobScheduler('nightly', { every: 3600000, offset: 10 }, { name: 'publish', data: { a: 1 } });
		const [due] = await bench.queue.getDelayed().then((jobs) => (jobs.length ? jobs : bench.queue.getWaiting()));
		if ((await due.getState()) === 'delayed') await due.promote();
		const { job } = await tool.claim();
		assert.deepEqual([job.id, job.scheduler], [due.id, 'nightly']);
		await tool.run('fail', { id: job.id, reason: 'schedules are not ours' });
		assert.equal(await bench.queue.getJobState(job.id), 'failed');
		// What is left is a schedule that somebody can continue or take away.
		assert.equal((await bench.queue.getJobSchedulers()).length, 1);
		assert.equal(await bench.queue.removeJobScheduler('nightly'), true);
		assert.equal((await bench.queue.getJobSchedulers()).length, 0);
		// The next run of a living schedule is not ours to take away.
		await bench.queue.upsertJobScheduler('hourly', { every: 3600000 }, { name: 'publish', data: {} });
		const [next] = [...await bench.queue.getDelayed(), ...await bench.queue.getWaiting()];
		if ((await next.getState()) === 'delayed') assert.equal((await tool.run('remove', { id: next.id })).removed, false);
	});
}
