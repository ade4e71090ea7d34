// What ends a process: a drain, idle or in the middle of anything, a second signal, the watchdog. The job always lives on.
import assert from 'node:assert/strict';

import { existsSync, readFileSync } from 'node:fs';

import { metric, ready } from './pool.mjs';
import { afterwards, build, childrenOf, inTime, isAlive, isWait, sanitized, scenario, until } from './stage.mjs';

const single = { PUBLISHER_CONCURRENCY: 1 };

/** A deviation in the middle of a request to `endpoint`. */
async function inTheMiddle(house, endpoint, action, fault, { artist, files } = {}) {
	const work = await house.deviation(artist ?? await house.artist(), { files: files ?? [{}] });
	await house.sandbox.fault(endpoint, endpoint === 'token' ? {} : { title: work.title }, action, fault);
	await house.add(work);
	await until(`a ${endpoint} is in flight`, async () => (await house.sandbox.get('state')).inflight
		.some(({ endpoint: its, title, step }) => its === endpoint && (endpoint === 'token' || title === work.title) && step !== 'reading'), 20000, 10);
	return work;
}

/** Nothing is left of it but what the next publisher needs: no process, no lock, no attempt. */
async function givenBack(house, work, status = 'scheduled') {
	const [row, job] = [await house.row(work), await house.job(work)];
	assert.deepEqual([row.status, row.retry_count, row.error_message], [status, 0, null]);
	assert.deepEqual([job.state, job.attempts, job.lock, job.stc], ['wait', 0, null, undefined]);
	if (status === 'scheduled') assert.equal(row.execution_lock_id, null);
	assert.equal(await house.redis.run('LLEN', house.key('active')), 0);
}

async function endsOnce(house, work, ms = 20000) {
	const { row, job } = await house.published(work, ms);
	const { posts } = await house.seen(work);
	assert.equal(posts.length, work.files.length);
	assert.deepEqual([job.attempts, row.retry_count, row.error_message, row.execution_lock_id, job.stc], [1, 0, null, null, undefined]);
	return job;
}

/** How often its log says that a drain began: two signals that are pending at once are one, or come in the order of their numbers. */
function drains(house) {
	return existsSync(house.log) ? readFileSync(house.log, 'utf8').split('"message":"drain begun"').length - 1 : 0;
}

/** TERM, and the end: {code, signal, ms}; no process of the publisher is left. A second signal is sent when the first was heard. */
async function stopped(house, signals = ['SIGTERM'], ms = 20000) {
	const { publisher } = house;
	const children = childrenOf(publisher.pid).map(({ pid }) => pid);
	const before = drains(house);
	const began = process.hrtime.bigint();
	for (const [i, signal] of signals.entries()) {
		if (i > 0) await until('the drain has begun', () => drains(house) > before, 5000, 5);
		publisher.kill(signal);
	}
	const end = await publisher.stop('SIGCONT', ms);
	const took = Number(process.hrtime.bigint() - began) / 1e6;
	assert.ok(!children.some(isAlive), 'no child is left');
	return { ...end, ms: took };
}

/** The same with one signal; what hangs goes on when the drain has begun. */
async function drained(house, signal = 'SIGTERM') {
	const before = drains(house);
	const ending = stopped(house, [signal]);
	await until('the drain has begun', () => drains(house) > before, 20000, 5);
	await house.sandbox.post('release');
	return ending;
}

// ---------------------------------------------------------------- drain

scenario('an idle pool is gone in well under 100 ms', async () => {
	const house = await build({ start: false, health: true, settings: { PUBLISHER_CONCURRENCY: 16 } });
	const times = [];
	for (let i = 0; i < 20; i++) {
		await house.start();
		const work = await house.deviation(await house.artist());
		await house.add(work);
		await house.published(work);
		const end = await stopped(house);
		assert.deepEqual([end.code, end.signal], [0, null]);
		assert.ok(end.ms < 5000, `gone after ${end.ms} ms`);
		times.push(end.ms);
		if (sanitized || end.ms < 100) break; // other tests have the machine too
	}
	assert.ok(sanitized || Math.min(...times) < 100, `gone after ${times} ms`);
});

for (const signal of ['SIGTERM', 'SIGINT']) {
	scenario(`${signal} in a publish: its answer is waited for, exit status 0; the next job is left alone`, async () => {
		const house = await build({ settings: single });
		const work = await inTheMiddle(house, 'publish', 'hang', { effect: true });
		const next = await house.deviation(work.artist);
		await house.add(next);
		const end = await drained(house, signal);
		assert.deepEqual([end.code, end.signal], [0, null]);
		assert.equal((await endsOnce(house, work, 10)).claims, 1);
		assert.equal((await house.job(next)).claims, 0);
		assert.equal((await house.seen(work)).requests.filter(({ endpoint }) => endpoint === 'publish').length, 1);
	});
}

scenario('TERM between the files of one deviation: the job in hand is finished, file by file', async () => {
	const house = await build({ settings: single });
	const work = await inTheMiddle(house, 'submit', 'hang', { effect: true, skip: 1 }, { files: [{}, {}, {}] });
	await until('the second file hangs', async () => (await house.sandbox.get('state')).inflight.some(({ step }) => step === 'hanging'), 20000);
	const end = await drained(house);
	assert.deepEqual([end.code, end.signal], [0, null]);
	assert.equal((await endsOnce(house, work, 10)).claims, 1);
});

scenario('TERM with eight jobs in hand and more that wait: exactly those in hand are finished', async () => {
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: 8 } });
	await house.sandbox.fault('submit', {}, 'hang', { effect: true, count: -1 });
	const works = [];
	for (let i = 0; i < 20; i++) works.push(await house.deviation(await house.artist()));
	for (const work of works) await house.add(work);
	await until('eight upload', async () => (await house.sandbox.get('state')).inflight.filter(({ endpoint }) => endpoint === 'submit').length === 8);
	const ending = stopped(house);
	await until('/ready says that it drains', async () => {
		const { status, error } = await ready(house);
		return status === 503 && /drain/i.test(error);
	});
	assert.equal((await house.ask('/health')).status, 200);
	await house.sandbox.post('release');
	assert.equal((await ending).code, 0);
	const jobs = await Promise.all(works.map((work) => house.job(work)));
	assert.equal(jobs.filter(({ state, attempts, claims }) => state === 'completed' && attempts === 1 && claims === 1).length, 8);
	assert.equal(jobs.filter(({ state, claims }) => state === 'wait' && claims === 0).length, 12);
	assert.equal((await house.sandbox.get('ledger')).posts.length, 8);
});

scenario('TERM while jobs wait at gates and for their retries: gone at once, they keep their times', async () => {
	const house = await build({ settings: { ...single, RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 60000 } });
	const artist = await house.artist();
	const [first, gated] = [await house.deviation(artist), await house.deviation(artist)];
	for (const work of [first, gated]) await house.add(work);
	await house.published(first);
	const before = await house.jobIs(gated, 'delayed');
	const end = await stopped(house);
	assert.equal(end.code, 0);
	assert.ok(end.ms < 5000, `gone after ${end.ms} ms`);
	assert.deepEqual(await house.job(gated), before);
});

scenario('TERM and the drain deadline with two stuck uploads: both are given back, exit status 0, in time', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2, PUBLISHER_DRAIN_TIMEOUT_MS: 1000 } });
	const works = [await inTheMiddle(house, 'submit', 'hang', {}), await inTheMiddle(house, 'submit', 'stall', {}, { files: [{ size: 3000000 }] })];
	const end = await stopped(house);
	assert.deepEqual([end.code, end.signal], [0, null]);
	isWait(end.ms, 1000, { less: 0.02, more: 0, late: 6000 });
	for (const work of works) await givenBack(house, work);
	await house.start();
	for (const work of works) assert.equal((await endsOnce(house, work)).claims, 2);
});

scenario('TERM and the drain deadline in a publish: exit status 0, and the next publisher finds out what became of it', async () => {
	const house = await build({ settings: { ...single, PUBLISHER_DRAIN_TIMEOUT_MS: 1000 } });
	const work = await inTheMiddle(house, 'publish', 'hang', { effect: true });
	const end = await stopped(house);
	assert.deepEqual([end.code, end.signal], [0, null]);
	isWait(end.ms, 1000, { less: 0.02, more: 0, late: 6000 });
	const job = await house.job(work);
	assert.deepEqual([(await house.row(work)).status, job.attempts, job.lock], ['publishing', 0, null]);
	await house.start();
	await endsOnce(house, work);
	const { submits, publishes } = await house.seen(work);
	assert.deepEqual([submits.length, publishes.length], [1, 1]);
});

for (const [signals, code] of [[['SIGTERM', 'SIGTERM'], 143], [['SIGTERM', 'SIGINT'], 130], [['SIGTERM', 'SIGQUIT'], 131], [['SIGINT', 'SIGTERM'], 143], [['SIGQUIT'], 131]]) {
	scenario(`${signals.join(' and then ')} in an upload: it is given back at once, exit status ${code}`, async () => {
		const house = await build({ settings: single });
		const work = await inTheMiddle(house, 'submit', 'hang', {});
		const end = await stopped(house, signals);
		assert.deepEqual([end.code, end.signal], [code, null]);
		assert.ok(end.ms < 8000, `gone after ${end.ms} ms`);
		await givenBack(house, work);
		await house.start();
		await endsOnce(house, work);
	});
}

for (const effect of [true, false]) {
	scenario(`a second TERM in a publish ${effect ? 'that took effect' : 'without effect'}: the outcome is found out by the next publisher`, async () => {
		const house = await build({ settings: single });
		const work = await inTheMiddle(house, 'publish', 'hang', { effect });
		const end = await stopped(house, ['SIGTERM', 'SIGTERM']);
		assert.deepEqual([end.code, end.signal], [143, null]);
		assert.ok(end.ms < 10000, `gone after ${end.ms} ms`);
		assert.equal((await house.row(work)).status, 'publishing');
		assert.equal((await house.job(work)).attempts, 0);
		await house.start();
		await endsOnce(house, work);
		const { submits, publishes } = await house.seen(work);
		assert.deepEqual([submits.length, publishes.length], [1, 1]);
	});
}

scenario('a worker that stands still is no reason to wait longer than the drain deadline: it is killed, its job given back', async () => {
	const house = await build({ settings: { ...single, PUBLISHER_DRAIN_TIMEOUT_MS: 500 } });
	const work = await inTheMiddle(house, 'submit', 'hang', {});
	process.kill(await house.worker(), 'SIGSTOP');
	const end = await stopped(house);
	assert.deepEqual([end.code, end.signal], [0, null]);
	assert.ok(end.ms < 8000, `gone after ${end.ms} ms`);
	await givenBack(house, work);
	await house.start();
	await endsOnce(house, work);
});

scenario('TERM while Redis and PostgreSQL are away: gone in time, and the job goes out when they are back', async () => {
	const house = await build({ own: ['postgres', 'redis'], settings: { ...single, PUBLISHER_DRAIN_TIMEOUT_MS: 1500 } });
	const work = await inTheMiddle(house, 'submit', 'hang', { effect: true });
	await house.postgres.process.stop('SIGQUIT');
	await house.redisServer.process.stop('SIGKILL');
	const end = await drained(house);
	assert.deepEqual([end.code, end.signal], [0, null]);
	assert.ok(end.ms < 15000, `gone after ${end.ms} ms`);
	await Promise.all([house.postgres.start(), house.redisServer.start()]);
	// Redis forgot the job; its row is left alone for 30 s in case somebody is at it.
	await house.update(work, "updated_at = updated_at - interval '1 minute'");
	await house.start();
	const row = await house.rowIs(work, 'published', 15000);
	assert.equal(row.retry_count, 0);
	assert.equal((await house.seen(work)).posts.length, 1);
});

// ---------------------------------------------------------------- watchdog

/** Its worker stands still until it is killed: 5 s after the job's own deadline. Gives when it was gone. */
async function stopsWorker(house, timeout) {
	const pid = await house.worker();
	const at = Date.now();
	process.kill(pid, 'SIGSTOP');
	await until('the worker is gone', () => !isAlive(pid), timeout + 20000);
	assert.ok(Date.now() - at <= timeout + 5000 + 6000, `killed after ${Date.now() - at} ms`);
	assert.ok(house.publisher.end === undefined);
	return Date.now();
}

for (const [name, endpoint, status] of [['in an upload', 'submit', 'uploading'], ['in a publish', 'publish', 'publishing']]) {
	scenario(`a worker that does not let go ${name} is killed at its deadline, its job lives on at once`, async () => {
		const house = await build({ health: true, settings: { ...single, PUBLISHER_JOB_TIMEOUT_MS: 2500 } });
		const work = await inTheMiddle(house, endpoint, 'hang', { effect: true });
		const others = [await house.deviation(work.artist), await house.deviation(work.artist)];
		for (const other of others) await house.add(other);
		assert.equal((await house.row(work)).status, status);
		const gone = await stopsWorker(house, 2500);
		await until('a job is in work again', async () => (await house.job(work)).claims > 1 || (await house.job(others[0])).claims > 0);
		assert.ok(Date.now() - gone < 10000, 'not by the stalled check, 30 s later');
		for (const one of [work, ...others]) await endsOnce(house, one);
		const { submits, publishes } = await house.seen(work);
		assert.deepEqual([submits.length, publishes.length], [endpoint === 'submit' ? 2 : 1, 1]);
		assert.equal(await metric(house, 'publisher_workers_killed_total'), 1);
		assert.equal(await metric(house, 'publisher_worker_restarts_total'), 1);
		assert.equal((await house.ask('/ready')).status, 200);
	});
}

scenario('a worker that does not let go of a token refresh is killed, and the artist\'s next job takes the answer\'s place', async () => {
	const house = await build({ settings: { ...single, PUBLISHER_JOB_TIMEOUT_MS: 1000 } });
	house.mayPresentTwice = true; // the request never took effect; nobody can know but by asking
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
	const work = await inTheMiddle(house, 'token', 'hang', {}, { artist });
	await stopsWorker(house, 1000);
	await endsOnce(house, work);
});

scenario('a job past its time lets go by itself: one attempt, no worker is killed', async () => {
	const house = await build({ health: true, settings: { ...single, PUBLISHER_JOB_TIMEOUT_MS: 1500 } });
	const work = await inTheMiddle(house, 'submit', 'stall', {}, { files: [{ size: 3000000 }] });
	const before = await house.worker();
	const job = await house.jobIs(work, 'delayed', 15000);
	assert.equal(job.attempts, 1);
	assert.match((await house.row(work)).error_message, /time|1500|long/i);
	const end = await house.published(work);
	assert.deepEqual([end.job.attempts, end.row.error_message], [2, null]);
	assert.equal(await house.worker(), before);
	assert.equal(await metric(house, 'publisher_workers_killed_total'), 0);
});

scenario('a dispatcher that stands still is replaced; locks of long jobs hold meanwhile', async () => {
	const house = await build({ settings: { ...single, PUBLISHER_LOCK_DURATION_MS: 5000, PUBLISHER_STALE_CHECK_INTERVAL_MS: 500 } });
	await house.start(); // a neighbour who would take what is not locked
	const [first] = house.publishers;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 9000 });
	await house.add(work);
	await house.inFlight('submit');
	const dispatchers = house.publishers.map(({ pid }) => childrenOf(pid).find(({ title }) => title.includes('dispatcher')).pid);
	for (const pid of dispatchers) process.kill(pid, 'SIGSTOP');
	await until('they are gone', () => !dispatchers.some(isAlive), 20000);
	await until('there are others', () => childrenOf(first.pid).some(({ title }) => title.includes('dispatcher')));
	assert.equal((await endsOnce(house, work)).claims, 1);
	assert.equal((await house.seen(work)).submits.length, 1);
});

afterwards();
