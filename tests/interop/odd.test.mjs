// What lies in a queue that no worker of today's BullMQ has put there, and values that nobody expects: nothing is made of it, nobody
// stumbles, and what is good beside it is run.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Bench, connection, until, versions, written } from './helpers.mjs';

/** Where an id is, however often. */
async function places(bench, id) {
	const found = [];
	for (const list of ['wait', 'paused', 'active'])
		found.push(...(await bench.redis.lrange(bench.key(list), 0, -1)).filter((one) => one === id).map(() => list));
	for (const set of ['prioritized', 'delayed', 'completed', 'failed', 'waiting-children'])
		if ((await bench.redis.zscore(bench.key(set), id)) !== null) found.push(set);
	return found;
}

for (const version of Object.keys(versions)) {
	test(`bullmq ${version}: an id without a job is dropped and no job is made of it`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const { redis } = bench;
		await bench.queue.add('publish', {}, { jobId: 'good', attempts: 3 });
		await bench.queue.add('publish', {}, { jobId: 'next', attempts: 3, priority: 5 });
		await redis.rpush(bench.key('wait'), 'ghost-1', 'ghost-2');
		await redis.lpush(bench.key('wait'), 'ghost-3');
		await redis.zadd(bench.key('prioritized'), 1, 'ghost-4');
		await redis.zadd(bench.key('delayed'), Date.now() * 4096 - 4096, 'ghost-5');
		assert.equal((await tool.claim()).job.id, 'good');
		assert.equal((await tool.run('complete', { id: 'good', next: true })).next.job.id, 'next');
		assert.equal((await tool.run('retry', { id: 'next', reason: 'boom', delay: 0, next: true })).next.job.id, 'next');
		await tool.run('complete', { id: 'next', next: true });
		// And one that somebody has popped and left.
		await redis.lpush(bench.key('active'), 'ghost-6');
		for (let n = 0; n < 2; n++) {
			await redis.del(bench.key('stalled-check'));
			const { recovered, failed } = await tool.run('stalled');
			assert.deepEqual([recovered, failed], [0, 0]);
		}
		for (let n = 1; n <= 6; n++) {
			assert.deepEqual(await places(bench, `ghost-${n}`), [], `ghost-${n}`);
			assert.deepEqual(await redis.keys(bench.key(`ghost-${n}*`)), []);
		}
		assert.ok(!(await bench.stream()).some((one) => /ghost/.test(one.jobId)), 'events of a ghost');
		assert.deepEqual((await bench.queue.getCompleted()).map((job) => job.id).sort(), ['good', 'next']);
	});

	test(`bullmq ${version}: marks of BullMQ 4 hide no job and count as none`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		await bench.queue.add('publish', {}, { jobId: 'first', priority: 5 });
		await bench.redis.lpush(bench.key('wait'), `0:${Date.now() + 600000}`);
		assert.equal((await tool.run('counts')).waiting, 0);
		assert.equal((await tool.run('look')).waiting, 0);
		assert.equal((await tool.claim()).job.id, 'first');
		await bench.redis.lpush(bench.key('wait'), '0:0');
		await bench.queue.add('publish', {}, { jobId: 'second' });
		const { next } = await tool.run('complete', { id: 'first', next: true });
		assert.equal(next.job.id, 'second');
		await tool.run('complete', { id: 'second', next: true });
		assert.deepEqual(await bench.redis.keys(bench.key('0:*')), []);
		assert.deepEqual([await bench.redis.llen(bench.key('wait')), await bench.redis.llen(bench.key('active'))], [0, 0]);
	});

	test(`bullmq ${version}: whatever a job gives back or reports, QueueEvents goes on`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const events = await bench.events();
		const heard = { completed: new Map(), progress: new Map(), failed: new Map() };
		events.on('completed', ({ jobId, returnvalue }) => heard.completed.set(jobId, returnvalue));
		events.on('progress', ({ jobId, data }) => heard.progress.set(jobId, data));
		events.on('failed', ({ jobId, failedReason }) => heard.failed.set(jobId, failedReason));
		const tool = bench.tool();
		const good = ['null', 'true', '0', '-0.5e-3', '""', '"\\u0000\\ud800"', '"ü☃"', '[]', '{}', ' {"a" : [1,\n2]} ', `"${'x'.repeat(100000)}"`, `${'['.repeat(100)}${']'.repeat(100)}`];
		const bad = ['', ' ', 'undefined', 'NaN', '01', '1.', '.5', '+1', '{bad', '{"a":1,}', '[1,]', "'x'", '"a\nb"', '"\\x"', '"open', 'nul', 'truex', '1 2', '[}', '\u00a0null', '\ufeff1'];
		for (const [n, value] of [...good, ...bad].entries()) {
			const id = `j-${n}`;
			await bench.queue.add('publish', {}, { jobId: id, attempts: 3 });
			assert.equal((await tool.claim()).job.id, id);
			const told = [await tool.ask('progress', { id, json: value }), await tool.ask('complete', { id, value })];
			for (const { ok } of told) assert.equal(ok, n < good.length, JSON.stringify(value).slice(0, 50));
			if (n < good.length) continue;
			// What was refused has changed nothing.
			assert.equal(await bench.queue.getJobState(id), 'active');
			// A reason is no JSON, and none is made of it.
			await tool.run('fail', { id, reason: value });
			await until(() => heard.failed.has(id), `${id} failed`);
			assert.equal(heard.failed.get(id), value);
			assert.equal(await bench.redis.hget(bench.key(id), 'failedReason'), value);
		}
		await until(() => heard.completed.size === good.length && heard.progress.size === good.length, 'all good values');
		for (const [n, value] of good.entries()) {
			assert.deepEqual(heard.completed.get(`j-${n}`), JSON.parse(value));
			assert.deepEqual(heard.progress.get(`j-${n}`), JSON.parse(value));
			assert.deepEqual((await bench.queue.getJob(`j-${n}`)).returnvalue, JSON.parse(value));
		}
	});

	test(`bullmq ${version}: a job that is not at work any more stays where it is, once, whoever ends it`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version);
		const tool = bench.tool();
		const endings = { complete: {}, fail: {}, retry: { delay: 0 }, defer: { delay: 1000 }, 'put-back': {} };
		for (const [cmd, args] of Object.entries(endings)) {
			const id = `j-${cmd}`;
			await bench.queue.add('publish', {}, { jobId: id, attempts: 3 });
			assert.equal((await tool.claim()).job.id, id);
			await bench.redis.lrem(bench.key('active'), 0, id);
			await bench.redis.zadd(bench.key('prioritized'), 4294967296 * 2097151, id);
			const before = await bench.redis.hgetall(bench.key(id));
			assert.equal((await tool.run(cmd, { id, reason: 'boom', ...args })).state, 'lost', cmd);
			assert.deepEqual(await places(bench, id), ['prioritized'], cmd);
			assert.deepEqual(await bench.redis.hgetall(bench.key(id)), before, cmd);
			await bench.redis.zrem(bench.key('prioritized'), id);
		}
		// And one whose id is there twice loses one of them only.
		await bench.queue.add('publish', {}, { jobId: 'twice', attempts: 3 });
		await tool.claim();
		await bench.redis.rpush(bench.key('active'), 'twice');
		await tool.run('put-back', { id: 'twice' });
		assert.deepEqual((await places(bench, 'twice')).sort(), ['active', 'wait']);
	});

	test(`bullmq ${version}: the event stream keeps the length that the queue gives it`, { timeout: 30000 }, async (t) => {
		const bench = new Bench(t, version, { queue: { streams: { events: { maxLen: 100 } } } });
		await bench.queue.waitUntilReady();
		const tool = bench.tool();
		const add = (count) => bench.queue.addBulk(Array.from({ length: count }, (_, n) => ({ name: 'publish', data: { first: n % 2 ? 'retry' : undefined }, opts: { attempts: 3 } })));
		await add(400);
		assert.equal((await tool.run('work', { idle: 150 })).ids.length, 400);
		// Two or three events a job by us. Redis drops whole nodes of a hundred.
		const length = await bench.redis.xlen(bench.key('events'));
		assert.ok(length >= 100 && length <= 300, `${length} events`);
		const stream = await bench.stream();
		assert.equal(stream.at(-1).event, 'drained');
	});
}

// Two generations beside each other (protocol page, 12.1): `meta.version` is only that of the last Queue that was opened.
const generations = Object.keys(versions);
for (const pauser of generations)
	for (const other of generations.filter((one) => one !== pauser))
		test(`bullmq ${pauser} pauses, ${other} comes by: what comes back in the pause is not lost, whoever resumes`, { timeout: 30000 }, async (t) => {
			for (const resumer of [pauser, other])
				for (const waiting of [['waits-1', 'waits-2'], []]) {
					const bench = new Bench(t, pauser);
					const tool = bench.tool();
					const add = (id) => bench.queue.add('publish', {}, { jobId: id, attempts: 7 });
					for (const id of ['back', 'again', 'dead']) await add(id);
					for (const token of ['a', 'b', 'c']) await tool.claim({ token });
					for (const id of waiting) await add(id);
					await bench.queue.pause();
					const second = new versions[other].Queue(bench.name, { connection, prefix: bench.prefix });
					t.after(() => second.close());
					await until(async () => (await bench.redis.hget(bench.key('meta'), 'version')) === written[other], 'its version is there');
					await tool.run('put-back', { id: 'back', token: 'a' });
					await tool.run('retry', { id: 'again', token: 'b', delay: 0, reason: 'boom' });
					await bench.redis.del(bench.key('dead:lock'));
					for (let n = 0; n < 2; n++) {
						await bench.redis.del(bench.key('stalled-check'));
						await tool.run('stalled');
					}
					await tool.run('add', { id: 'ours' });
					assert.equal((await tool.claim()).state, 'paused');
					await (resumer === pauser ? bench.queue : second).resume();
					const ids = ['back', 'again', 'dead', 'ours', ...waiting].sort();
					for (const id of ids) assert.deepEqual(await places(bench, id), ['wait'], `${id}, of ${waiting.length} that waited, resumed by ${resumer}`);
					assert.deepEqual((await tool.run('work', { idle: 50 })).ids.sort(), ids);
				}
		});
