// Our side as a worker, seen through everything BullMQ offers to look at a queue and to steer it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, until, versions } from './helpers.mjs';
import { levelEvents } from './old.mjs';
import { NodeSide, OurSide, flow } from './sides.mjs';

/** Everything that QueueEvents tells, in order, whatever it is called; due times as a word. */
function record(events) {
	const seen = [];
	const emit = events.emit;
	events.emit = function tell(name, args, ...more) {
		if (/^[a-z-]+$/.test(name) && name !== 'error')
			// Events without fields come with their place in the stream only.
			seen.push(JSON.parse(JSON.stringify({ event: name, ...(typeof args === 'object' ? args : {}), ...(args?.delay ? { delay: 'TIME' } : {}) })));
		return emit.call(this, name, args, ...more);
	};
	return seen;
}

/** By job: which of two jobs comes first may be a matter of a millisecond. */
function byJob(seen) {
	const out = {};
	for (const one of seen) (out[one.jobId ?? 'queue'] ??= []).push(one);
	return out;
}

/** A history that has every event in it. */
async function everything(bench, side) {
	const { queue } = bench;
	const add = (jobId, options) => queue.add('publish', {}, { jobId, ...options });
	await queue.pause();
	await queue.resume();
	await add('one', { priority: 5 });
	await add('one', {});
	await add('two', { deduplication: { id: 'd' }, attempts: 2, priority: 6 });
	await add('three', { deduplication: { id: 'd' } });
	await (await add('gone')).remove();
	assert.equal(await side.claim(), 'one');
	await side.progress(42);
	await side.progress({ step: 'uploading', percent: 50 });
	assert.equal(await side.complete({ success: true, results: [null, 'ü "x"'] }), 'two');
	await side.retry('boom "1"', 0, false);
	assert.equal(await side.claim(), 'two');
	// Node decides by itself that this was the last attempt.
	if (side instanceof OurSide) await side.failForGood('boom 2');
	else await side.fail('boom 2');
	await flow(bench, {}, {});
	await side.claim();
	await side.complete(1);
	assert.equal(await side.complete('two'), 'parent');
	await side.complete();
	const later = await add('later', { delay: 600000, attempts: 3, backoff: { type: 'fixed', delay: 600000 } });
	await later.changeDelay(700000);
	await later.promote();
	assert.equal(await side.claim(), 'later');
	await side.retry('boom', 600000, false);
	await later.promote();
	assert.equal(await side.claim(), 'later');
	await bench.redis.del(bench.key('later:lock'));
	await side.stalled();
	await side.stalled();
	assert.equal(await side.claim(), 'later');
	await side.failForGood('boom');
	await (await queue.getJob('later')).retry();
	assert.equal(await side.claim(), 'later');
	await side.complete(2);
	await queue.clean(0, 100, 'completed');
}

/** The same work by a Node worker and by ours: complete, retry, retry, fail, delay, progress. */
async function nodeWorks(bench) {
	const worker = bench.worker(async (job) => {
		if (job.data.progress) await job.updateProgress(job.data.progress);
		if (job.data.fail) throw new Error('boom');
		return job.data.value;
	}, { autorun: false });
	worker.run();
	return worker;
}

async function weWork(tool) {
	for (;;) {
		const { job, due, now } = await tool.claim();
		if (!job && !due) return;
		if (!job) {
			await new Promise((done) => setTimeout(done, Math.max(1, due - now)));
			continue;
		}
		const data = JSON.parse(job.data);
		if (data.progress) await tool.run('progress', { id: job.id, json: JSON.stringify(data.progress) });
		if (!data.fail) await tool.run('complete', { id: job.id, value: JSON.stringify(data.value ?? null) });
		else if (job.made + 1 < job.attempts)
			await tool.run('retry', { id: job.id, delay: job.backoffDelay, reason: 'boom' });
		else await tool.run('fail', { id: job.id, reason: 'boom' });
	}
}

for (const version of Object.keys(versions)) {
	test(`bullmq ${version}: QueueEvents tells the same of us as of a Node worker`, { timeout: 30000 }, async (t) => {
		const told = [];
		for (const ours of [false, true]) {
			const bench = new Bench(t, version);
			const events = await bench.events();
			const seen = record(events);
			await bench.queue.pause();
			await bench.queue.add('publish', { value: { success: true } }, { jobId: 'ok' });
			await bench.queue.add('publish', { fail: true }, { jobId: 'bad', attempts: 3, priority: 1, backoff: { type: 'fixed', delay: 30 } });
			await bench.queue.add('publish', { progress: { step: 'uploading' }, value: 'text' }, { jobId: 'busy', priority: 2 });
			await bench.queue.add('publish', {}, { jobId: 'later', delay: 150 });
			await bench.queue.add('publish', {}, { jobId: 'later' });
			await bench.queue.resume();
			if (ours) await weWork(bench.tool());
			else await nodeWorks(bench);
			// The Node worker learns of the last delayed job by itself; the last word is the same.
			await until(() => seen.some((one) => one.event === 'completed' && one.jobId === 'later'), 'the last job');
			await until(() => seen.some((one) => one.event === 'failed'), 'the failed job');
			told.push(byJob(seen.filter((one) => one.event !== 'drained')));
		}
		if (version === '5.35')
			for (const id of Object.keys(told[0])) levelEvents(told[0][id], told[1][id] ?? []);
		assert.deepEqual(Object.keys(told[0]).sort(), ['bad', 'busy', 'later', 'ok', 'queue']);
		assert.ok(told[0].bad.length > 8, `only ${told[0].bad.length} events of a failing job`);
		assert.deepEqual(told[1], told[0]);
	});

	test(`bullmq ${version}: every event with every field`, { timeout: 30000 }, async (t) => {
		const told = [];
		for (const Side of [NodeSide, OurSide]) {
			const bench = new Bench(t, version);
			const seen = record(await bench.events());
			const side = new Side(bench);
			await side.worker?.waitUntilReady();
			await everything(bench, side);
			await until(() => seen.some((one) => one.event === 'cleaned'), 'the last event');
			told.push(JSON.parse(JSON.stringify(seen).replaceAll(bench.name, 'QUEUE')));
		}
		const names = new Set(told[1].map((one) => one.event));
		for (const name of ['active', 'added', 'cleaned', 'completed', 'deduplicated', 'delayed', 'drained', 'duplicated', 'failed', 'paused', 'progress',
			'removed', 'resumed', 'retries-exhausted', 'stalled', 'waiting', 'waiting-children'])
			assert.ok(names.has(name), `no event ${name}`);
		if (version === '5.35') levelEvents(...told);
		assert.deepEqual(told[1], told[0]);
	});

	test(`bullmq ${version}: waitUntilFinished`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const events = await bench.events();
		const tool = bench.tool();
		const good = await bench.queue.add('publish', {}, { jobId: 'good' });
		const bad = await bench.queue.add('publish', {}, { jobId: 'bad' });
		const result = good.waitUntilFinished(events, 10000);
		const failed = assert.rejects(bad.waitUntilFinished(events, 10000), /no "such" file/);
		await tool.claim();
		await tool.run('complete', { id: 'good', value: '{"success":true,"results":[{"url":"u"}]}', next: true });
		await tool.run('fail', { id: 'bad', reason: 'no "such" file' });
		assert.deepEqual(await result, { success: true, results: [{ url: 'u' }] });
		await failed;
		// And for somebody who asks afterwards.
		assert.deepEqual(await good.waitUntilFinished(events, 10000), { success: true, results: [{ url: 'u' }] });
		await assert.rejects(bad.waitUntilFinished(events, 10000), /no "such" file/);
	});

	test(`bullmq ${version}: counts, states and what a job looks like`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		for (let n = 1; n <= 4; n++) await bench.queue.add('publish', { n }, { jobId: `j-${n}`, attempts: 7 });
		await bench.queue.add('publish', {}, { jobId: 'p-1', priority: 5 });
		await bench.queue.add('publish', {}, { jobId: 'd-1', delay: 600000 });
		await tool.claim({ worker: 'w-7' });
		await tool.run('complete', { id: 'j-1', value: '{"a":[]}', next: true, worker: 'w-7' });
		await tool.run('retry', { id: 'j-2', delay: 600000, reason: 'boom "2"', next: true, worker: 'w-7' });
		await tool.run('fail', { id: 'j-3', reason: 'boom 3', stack: 'Error: boom 3\n    here', next: true, worker: 'w-7' });
		const theirs = await bench.queue.getJobCounts();
		const ours = await tool.run('counts');
		for (const [state, count] of Object.entries(theirs)) assert.equal(ours[state], count, state);
		assert.deepEqual(await Promise.all(['j-1', 'j-2', 'j-3', 'j-4', 'p-1', 'd-1', 'none'].map((id) => bench.queue.getJobState(id))),
			['completed', 'delayed', 'failed', 'active', 'prioritized', 'delayed', 'unknown']);
		assert.deepEqual(await Promise.all(['j-1', 'j-2', 'j-3', 'j-4', 'p-1', 'd-1', 'none'].map(async (id) => (await tool.run('state', { id })).state)),
			['completed', 'delayed', 'failed', 'active', 'prioritized', 'delayed', 'missing']);
		const [one, two, three, four] = await Promise.all([1, 2, 3, 4].map((n) => bench.queue.getJob(`j-${n}`)));
		assert.deepEqual(one.returnvalue, { a: [] });
		assert.deepEqual([one.attemptsMade, one.attemptsStarted, one.processedBy], [1, 1, 'w-7']);
		assert.ok(one.finishedOn >= one.processedOn && one.processedOn >= one.timestamp);
		assert.deepEqual([two.failedReason, two.stacktrace, two.attemptsMade, two.delay], ['boom "2"', ['Error: boom "2"'], 1, 600000]);
		assert.deepEqual([three.failedReason, three.stacktrace], ['boom 3', ['Error: boom 3\n    here']]);
		assert.deepEqual([four.attemptsMade, four.attemptsStarted], [0, 1]);
	});

	test(`bullmq ${version}: counts and states in a pause`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const add = (jobId, options) => bench.queue.add('publish', {}, { jobId, attempts: 7, ...options });
		for (const id of ['a', 'b', 'c', 'd']) await add(id);
		for (const token of ['ta', 'tb']) await tool.claim({ token });
		await bench.queue.pause();
		await add('e', { priority: 5 });
		await add('f', { delay: 600000 });
		await tool.run('put-back', { id: 'a', token: 'ta' });
		await tool.run('retry', { id: 'b', token: 'tb', delay: 0, reason: 'boom' });
		await tool.run('add', { id: 'g' });
		const ours = await tool.run('counts');
		for (const [state, count] of Object.entries(await bench.queue.getJobCounts())) assert.equal(ours[state], count, state);
		assert.deepEqual([ours.waiting + ours.paused, ours.prioritized, ours.delayed, ours.active], [5, 1, 1, 0]);
		// The two ways of pausing.
		assert.equal(ours.paused, version === '6' ? 0 : 5);
		const waiting = await bench.queue.getJobs(['waiting', 'paused']);
		assert.deepEqual(waiting.map((job) => job.id).sort(), ['a', 'b', 'c', 'd', 'g']);
		for (const id of ['a', 'b', 'c', 'd', 'g']) assert.match(await bench.queue.getJobState(id), /^(waiting|paused)$/);
		assert.equal(await bench.queue.isPaused(), true);
	});

	test(`bullmq ${version}: progress, logs, metrics`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool({ metrics: 60 });
		await bench.queue.add('publish', {}, { jobId: 'j-1' });
		await bench.queue.add('publish', {}, { jobId: 'j-2', attempts: 3 });
		await tool.claim();
		await tool.run('progress', { id: 'j-1', json: '{"step":"uploading","percent":40}' });
		await tool.run('log', { id: 'j-1', row: 'one' });
		await tool.run('log', { id: 'j-1', row: 'two\n"2"' });
		await until(async () => (await bench.queue.getJobLogs('j-1')).count === 2, 'two rows');
		assert.deepEqual((await bench.queue.getJobLogs('j-1')).logs, ['one', 'two\n"2"']);
		assert.deepEqual((await bench.queue.getJob('j-1')).progress, { step: 'uploading', percent: 40 });
		assert.equal((await tool.ask('progress', { id: 'j-1', json: '{bad' })).ok, false);
		assert.equal((await tool.ask('complete', { id: 'j-1', value: 'undefined' })).ok, false);
		await tool.run('complete', { id: 'j-1', next: true });
		await tool.run('fail', { id: 'j-2' });
		const done = await bench.queue.getMetrics('completed');
		const failed = await bench.queue.getMetrics('failed');
		assert.deepEqual([done.meta.count, failed.meta.count, done.data.length], [1, 1, 0]);
	});

	test(`bullmq ${version}: getWorkers lists us by name`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const name = `${bench.prefix}:${Buffer.from(bench.name).toString('base64')}:w:host-1-0`;
		const tool = bench.tool({ client: name });
		await tool.run('counts');
		const workers = await bench.queue.getWorkers();
		assert.deepEqual(workers.map((one) => one.name), [bench.name]);
		assert.equal(workers[0].rawname, name);
		assert.equal(await bench.queue.getWorkersCount(), 1);
	});

	test(`bullmq ${version}: retried and promoted by hand, priority changed`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const job = await bench.queue.add('publish', {}, { jobId: 'j-1', priority: 5, attempts: 1 });
		await tool.claim();
		await tool.run('fail', { id: 'j-1' });
		await job.retry();
		let again = (await tool.claim()).job;
		assert.deepEqual([again.id, again.made, again.started], ['j-1', 1, 2]);
		await tool.run('fail', { id: 'j-1', reason: 'again' });
		const exhausted = (await bench.stream()).filter((one) => one.event === 'retries-exhausted');
		assert.deepEqual(exhausted.map((one) => one.attemptsMade), ['1', '2']);
		const later = await bench.queue.add('publish', {}, { jobId: 'j-2', delay: 600000 });
		assert.equal((await tool.claim()).job, undefined);
		await later.promote();
		again = (await tool.claim()).job;
		assert.deepEqual([again.id, again.delay], ['j-2', 0]);
		await tool.run('complete', { id: 'j-2' });
		const slow = await bench.queue.add('publish', {}, { jobId: 'j-3', priority: 9 });
		await bench.queue.add('publish', {}, { jobId: 'j-4', priority: 8 });
		await slow.changePriority({ priority: 1 });
		assert.equal((await tool.claim()).job.id, 'j-3');
	});

	test(`bullmq ${version}: pause and resume`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		for (let n = 1; n <= 3; n++) await bench.queue.add('publish', {}, { jobId: `j-${n}` });
		assert.equal((await tool.claim()).job.id, 'j-1');
		await bench.queue.pause();
		assert.equal((await tool.claim()).state, 'paused');
		assert.equal((await tool.run('look')).paused, true);
		await tool.run('retry', { id: 'j-1', delay: 0, reason: 'boom' });
		await tool.run('add', { id: 'j-4' });
		await tool.run('marker');
		assert.equal(await bench.redis.exists(bench.key('marker')), 0, 'no marker while paused');
		await bench.queue.add('publish', {}, { jobId: 'j-5' });
		await bench.queue.resume();
		const order = (await tool.run('work', { idle: 100 })).ids;
		assert.deepEqual(order, ['j-2', 'j-3', 'j-1', 'j-4', 'j-5']);
	});

	test(`bullmq ${version}: queue-wide concurrency and rate limit hold for both together`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		await bench.queue.setGlobalConcurrency(2);
		let running = 0, most = 0;
		const done = [];
		const worker = bench.worker(async (job) => {
			running++;
			most = Math.max(most, await bench.redis.llen(bench.key('active')));
			await new Promise((next) => setTimeout(next, 5));
			running--;
			done.push(job.id);
		}, { concurrency: 5 });
		await worker.waitUntilReady();
		const tools = [bench.tool(), bench.tool()];
		const work = tools.map((tool, n) => tool.run('work', { token: `t${n}`, idle: 20000, until: 60 }));
		await bench.queue.addBulk(Array.from({ length: 60 }, (_, n) => ({ name: 'publish', data: {}, opts: { jobId: `j-${n}`, priority: n % 3 } })));
		const ours = (await Promise.all(work)).flatMap((one) => one.ids);
		await until(() => done.length + ours.length === 60, 'all jobs');
		assert.ok(most <= 2, `${most} at once`);
		assert.equal(new Set([...done, ...ours]).size, 60);
		await worker.close();
		if (bench.old) return; // knows no queue-wide rate limit
		await bench.queue.removeGlobalConcurrency();
		await bench.queue.setGlobalRateLimit(3, 60000);
		for (let n = 0; n < 5; n++) await bench.queue.add('publish', {}, { jobId: `r-${n}` });
		assert.deepEqual((await tools[0].run('work', { idle: 100 })).ids, ['r-0', 'r-1', 'r-2']);
		const { state, wait } = await tools[0].claim();
		assert.equal(state, 'limited');
		assert.ok(wait > 0 && wait <= 60000);
		assert.ok((await tools[0].run('look')).limited > 0);
	});

	test(`bullmq ${version}: Queue.rateLimit, drain, clean, obliterate`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool({ limiter_max: 100 });
		await bench.queue.add('publish', {}, { jobId: 'j-1' });
		await bench.queue.rateLimit(60000);
		assert.equal((await tool.claim()).state, 'limited');
		await bench.queue.removeRateLimitKey();
		assert.equal((await tool.claim()).job.id, 'j-1');
		await tool.run('complete', { id: 'j-1' });
		await bench.queue.add('publish', {}, { jobId: 'j-2' });
		await tool.claim();
		await tool.run('hand-back', { token: 't' });
		await bench.queue.removeOrphanedJobs?.();
		assert.equal(await bench.redis.exists(`${bench.prefix}-publisher:${bench.name}:dead:t`), 1, 'the tombstone stays');
		assert.deepEqual(await bench.queue.clean(0, 10, 'completed'), ['j-1']);
		await bench.queue.obliterate({ force: true });
		// BullMQ itself forgets the rate limiter.
		assert.deepEqual((await bench.redis.keys(`${bench.base}*`)).filter((key) => key !== bench.key('limiter')), []);
	});

	test(`bullmq ${version}: prefix with a hash tag, names with odd characters`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version, { prefix: '{it\'s "q"\\1\n%d@~!]]}' });
		const tool = bench.tool();
		await bench.queue.add('publish', { text: 'ü☃' }, { jobId: 'a"\n*\'ü' });
		const { job } = await tool.claim();
		assert.deepEqual([job.id, job.data], ['a"\n*\'ü', '{"text":"ü☃"}']);
		await tool.run('complete', { id: job.id, value: '"ü"' });
		assert.equal((await bench.queue.getJob(job.id)).returnvalue, 'ü');
		await tool.run('hand-back', { token: 't' });
		const outside = (await bench.redis.keys('*')).filter((key) => key.includes('publisher') && key.includes(bench.name));
		assert.deepEqual(outside, [`${bench.prefix}-publisher:${bench.name}:dead:t`]);
	});
}
