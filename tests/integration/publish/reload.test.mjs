// HUP under load: the pool takes a new configuration worker by worker; no job is interrupted, no bad file stops anything.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { descriptors, dispatcher, load, metric, ready, repeatedly, underLoad, unnoticed, withoutChildren, workers } from './pool.mjs';
import { Process, application, directory, root, sanitized } from './servers.mjs';
import { afterwards, build, childrenOf, inTime, isAlive, scenario, sleep, until } from './stage.mjs';

const program = process.env.PUBLISHER ?? `${root}/build/isekai-publisher`;

/** A house whose publisher has its concurrency, and what `ini` says besides, in an INI file. */
async function withFile(concurrency, { settings = {}, ini = {}, ...more } = {}) {
	const house = await build({ start: false, health: true, settings: { PUBLISHER_CONCURRENCY: undefined, ...settings }, ...more });
	house.iniFile = path.join(directory, `publisher-${house.number}.ini`);
	house.written = { concurrency, ...ini };
	configure(house, {});
	const publisher = new Process('publisher', program, ['-c', house.iniFile], { env: house.environment(), log: house.log, detached: true });
	house.publishers.push(publisher);
	house.publisher = publisher;
	await house.ready();
	return house;
}

/** Puts a file in the place of the other in one step; text: the whole of it. */
function configure(house, changes, text) {
	Object.assign(house.written, changes);
	const lines = Object.entries(house.written).map(([name, value]) => `${name} = ${value}\n`);
	writeFileSync(`${house.iniFile}.new`, text ?? `[publisher]\n${lines.join('')}`);
	renameSync(`${house.iniFile}.new`, house.iniFile);
}

const done = (house) => metric(house, 'publisher_reloads_total{result="done"}');
const refused = (house) => metric(house, 'publisher_reloads_total{result="refused"}');

/** Who has the new configuration is proven by a reload: as many workers as the file says are there, once those that leave are gone. */
const isGrown = (house, count) => until(() => `${count} workers: there are ${workers(house).length}`, () => workers(house).length === count, 20000);

/** HUP, and `count` more reloads are through. */
async function reload(house, changes, count = 1) {
	const before = await done(house);
	if (changes) configure(house, changes);
	house.publisher.kill('SIGHUP');
	await until(`${count} reloads are done`, async () => await done(house) >= before + count, 15000);
}

/** Children in one look: a name needs a second one, and may be another's by then. The dispatcher is one of them, most of the time. */
const count = ({ publisher: { pid } }) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).length;

/** Until the function given is called: /ready stays 200, and how many children there are at least and at most, and workers that are ready. */
function capacity(house) {
	const seen = { least: Infinity, leastReady: Infinity, most: 0, refusals: [], answers: 0 };
	const stop = repeatedly(2, async () => {
		const now = count(house);
		const answer = await ready(house);
		seen.least = Math.min(seen.least, now);
		seen.most = Math.max(seen.most, now);
		seen.leastReady = Math.min(seen.leastReady, answer.pool?.workersReady ?? Infinity);
		seen.answers++;
		if (answer.status !== 200) seen.refusals.push(answer);
	});
	return async () => {
		await stop();
		assert.deepEqual(seen.refusals, [], 'a reload is no reason not to be ready');
		assert.ok(seen.answers > 0);
		return seen;
	};
}

scenario('under load, concurrency up, down and unchanged: no job is interrupted, and as many work as the file says', async () => {
	const house = await withFile(3);
	await house.sandbox.post('settings', { latency_ms: 60 });
	const stop = await load(house, 12);
	for (const concurrency of [3, 6, 2, 2, 4, 1, 5]) {
		await underLoad(house, stop);
		const before = [house.written.concurrency, workers(house), dispatcher(house)];
		const watched = capacity(house);
		await reload(house, { concurrency });
		await isGrown(house, concurrency);
		const { least, leastReady, most } = await watched();
		const fewer = Math.min(before[0], concurrency);
		assert.ok(least >= fewer - 1 && leastReady >= fewer - 1, `${least} children, ${leastReady} workers ready, between ${before[0]} and ${concurrency}`);
		assert.ok(most <= 2 * Math.max(before[0], concurrency) + 1 + 1, `${most} children between ${before[0]} and ${concurrency}`);
		assert.notEqual(dispatcher(house), before[2]);
		assert.ok(workers(house).every((pid) => !before[1].includes(pid)), 'every worker is a new one');
		assert.equal(await metric(house, 'publisher_workers_limit'), concurrency);
	}
	const works = await stop();
	assert.ok(works.length > 50, `${works.length} posts`);
	await unnoticed(house, works);
	assert.equal(await metric(house, 'publisher_worker_restarts_total'), 0, 'none died');
});

scenario('workers in long uploads: those that are idle are replaced at once and take jobs; the others when they are done', async () => {
	const house = await withFile(3);
	const long = [];
	for (let i = 0; i < 2; i++) {
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: work.title }, 'hang', { effect: true });
		await house.add(work);
		long.push(work);
	}
	await until('both upload', async () => (await house.sandbox.get('state')).inflight.filter(({ step }) => step === 'hanging').length === 2);
	const busy = new Set();
	for (const work of long) {
		const { lock } = await house.job(work);
		busy.add(lock);
	}
	assert.equal(busy.size, 2);
	const before = workers(house);
	const watched = capacity(house);
	house.publisher.kill('SIGHUP');
	await until('the idle one is another', () => before.filter((pid) => !isAlive(pid)).length === 1, 15000);
	for (let i = 0; i < 3; i++) {
		const quick = await house.deviation(await house.artist());
		await house.add(quick);
		await house.published(quick, 15000);
	}
	assert.equal(before.filter(isAlive).length, 2, 'the busy ones still work');
	assert.ok((await watched()).leastReady >= 2);
	await house.sandbox.post('release');
	for (const work of long) {
		const { job } = await house.published(work);
		assert.deepEqual([job.claims, job.attempts], [1, 1]);
	}
	await until('all are other ones', () => !before.some(isAlive) && workers(house).length === 3, 15000);
	assert.equal(await done(house), 1);
});

scenario('an idle worker that stands still does not hold up a reload: it is killed 5 s after its order, and its place is filled long before', async () => {
	const house = await withFile(2);
	const [still] = workers(house);
	process.kill(still, 'SIGSTOP');
	const watched = capacity(house);
	await reload(house, { concurrency: 3 });
	await until('three others work', async () => await metric(house, 'publisher_workers_ready') === 3);
	await until('it is killed', () => !isAlive(still), 20000);
	assert.ok((await watched()).leastReady >= 2);
	assert.equal(await metric(house, 'publisher_workers_killed_total'), 1);
	await isGrown(house, 3);
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await unnoticed(house, [work]);
});

scenario('bad files under load: each is refused, no worker is replaced, jobs go on, and a good one is taken', async () => {
	const house = await withFile(2);
	await house.sandbox.post('settings', { latency_ms: 25 });
	const stop = await load(house, 6);
	const before = house.children().map(({ pid }) => pid).sort();
	const files = [
		['concurrency = many', '[publisher]\nconcurrency = many\n'],
		['a key that nobody knows', '[publisher]\nconcurency = 4\n'],
		['no INI', 'concurrency 4\n\0\x01\n[[['],
		['a line that is too long', `[publisher]\nconcurrency = 4\n[queue]\nname = ${'x'.repeat(20000)}\n`],
		['several at once', '[publisher]\nconcurrency = 0\nlock_duration_ms = -1\nstale_check_interval_ms = soon\n'],
		['a maximum under its base', '[rate_limiter]\nbase_delay_ms = 5000\nmax_delay_ms = 10\n'],
	];
	await underLoad(house, stop);
	let count = 0;
	const isRefused = (what) => until(`${what} is refused`, async () => await refused(house) >= count, 15000);
	for (const [what, text] of files) {
		configure(house, {}, text);
		house.publisher.kill('SIGHUP');
		count++;
		await isRefused(what);
	}
	for (const [what, prepare] of [['no file', () => {}], ['a directory', () => mkdirSync(house.iniFile)]]) {
		rmSync(house.iniFile, { recursive: true, force: true });
		prepare();
		house.publisher.kill('SIGHUP');
		count++;
		await isRefused(what);
	}
	rmSync(house.iniFile, { recursive: true });
	assert.equal(await refused(house), files.length + 2);
	assert.deepEqual(house.children().map(({ pid }) => pid).sort(), before, 'no process is another');
	assert.equal(await metric(house, 'publisher_workers_limit'), 2);
	assert.equal((await house.ask('/ready')).status, 200);
	const log = readFileSync(house.log, 'utf8');
	for (const words of [/many/, /concurency/, /PUBLISHER_LOCK_DURATION_MS/, /PUBLISHER_STALE_CHECK_INTERVAL_MS/]) assert.match(log, words, 'the log says what is wrong');
	await reload(house, { concurrency: 4 });
	await isGrown(house, 4);
	await unnoticed(house, await stop());
});

scenario('a storm of HUPs with good and bad files under load ends with one pool, and nobody noticed', async () => {
	const house = await withFile(3);
	await house.sandbox.post('settings', { latency_ms: 25 });
	const stop = await load(house, 8);
	await underLoad(house, stop);
	const open = descriptors(house);
	for (let i = 0; i < 120; i++) {
		configure(house, { concurrency: 2 + i % 3 }, i % 5 === 4 ? '[publisher]\nconcurrency = none\n' : undefined);
		house.publisher.kill('SIGHUP');
		await sleep(i % 7 === 0 ? 20 : 4);
	}
	await reload(house, { concurrency: 3 });
	await until('the pool is as the last file says', async () => workers(house).length === 3 && await metric(house, 'publisher_workers_limit') === 3, 15000);
	await until('every worker is ready', async () => await metric(house, 'publisher_workers_ready') === 3);
	await unnoticed(house, await stop());
	await until('no descriptor is left open', () => descriptors(house) <= open + 1);
	assert.equal(await metric(house, 'publisher_worker_restarts_total'), 0);
	assert.equal((await house.publisher.stop('SIGTERM', 15000)).code, 0);
});

scenario('a first new worker that cannot be forked: the reload is refused, the old workers go on, and the next one gets through', async () => {
	const house = await withFile(2);
	await house.sandbox.post('settings', { latency_ms: 25 });
	const stop = await load(house, 6);
	await underLoad(house, stop);
	const before = house.children().map(({ pid }) => pid).sort();
	await withoutChildren(house, 1, async () => {
		configure(house, { concurrency: 4 });
		house.publisher.kill('SIGHUP');
		await until('it is refused', async () => await refused(house) === 1, 15000);
	});
	assert.deepEqual(house.children().map(({ pid }) => pid).sort(), before);
	assert.equal(await metric(house, 'publisher_workers_limit'), 2);
	await reload(house, { concurrency: 4 });
	await isGrown(house, 4);
	await unnoticed(house, await stop());
});

// A sanitizer needs memory as it likes.
if (!sanitized) scenario('a first new worker that dies before it is ready: the reload is refused, the old workers go on, and the next one gets through', async () => {
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: 2 } });
	await house.sandbox.post('settings', { latency_ms: 25 });
	const stop = await load(house, 6);
	await underLoad(house, stop);
	const before = house.children().map(({ pid }) => pid).sort();
	const restarts = await metric(house, 'publisher_worker_restarts_total');
	// No memory beyond what the supervisor has: without a file to read it needs no more, and a worker does to begin.
	const limit = (bytes) => execFileSync('prlimit', [`--pid=${house.publisher.pid}`, `--data=${bytes}:`]);
	limit(1024 * Number(/^VmData:\s*(\d+) kB/m.exec(readFileSync(`/proc/${house.publisher.pid}/status`, 'utf8'))[1]));
	const watched = capacity(house);
	for (let round = 1; round <= 3; round++) {
		house.publisher.kill('SIGHUP');
		await until('it is refused', async () => await refused(house) === round, 15000);
	}
	await underLoad(house, stop);
	assert.ok((await watched()).leastReady >= 2);
	assert.deepEqual(house.children().map(({ pid }) => pid).sort(), before, 'no process is another');
	assert.match(readFileSync(house.log, 'utf8'), /the first new worker died before it was ready/);
	assert.equal(await metric(house, 'publisher_workers_limit'), 2);
	assert.equal(await metric(house, 'publisher_worker_restarts_total'), restarts);
	limit('unlimited');
	await reload(house);
	await isGrown(house, 2);
	assert.ok(!workers(house).some((pid) => before.includes(pid)));
	await unnoticed(house, await stop());
});

scenario('HUP reads the secrets in files again: a wrong application secret becomes the right one, and the job that waits goes out', async () => {
	const secret = path.join(directory, 'client-secret');
	writeFileSync(secret, 'not-the-secret\n');
	const house = await withFile(2, { settings: { DEVIANTART_CLIENT_SECRET: undefined, DEVIANTART_CLIENT_SECRET_FILE: secret } });
	house.mayPresentTwice = true; // a refused application does not spend it
	const work = await house.deviation(await house.artist({ token_expires_at: inTime('-1 hour') }));
	await house.add(work);
	await until('the job waits for the operator', async () => {
		const { state, claims } = await house.job(work);
		return state === 'delayed' && claims > 0;
	});
	assert.match((await ready(house)).operatorFault, /./);
	assert.equal(await metric(house, 'publisher_operator_fault'), 1);
	writeFileSync(secret, application.secret);
	await reload(house, {});
	await house.redis.run('ZADD', house.key('delayed'), Date.now() * 4096, work.job);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	assert.equal(await metric(house, 'publisher_operator_fault'), 0);
	assert.equal((await ready(house)).operatorFault, undefined);
	assert.ok(!readFileSync(house.log, 'utf8').includes('not-the-secret'));
});

scenario('HUP while Redis and PostgreSQL are away goes through; everything due goes out when they are back', async () => {
	const house = await withFile(2, { own: ['postgres', 'redis'] });
	const works = [];
	for (let i = 0; i < 4; i++) works.push(await house.deviation(await house.artist()));
	await house.postgres.process.stop('SIGQUIT');
	await house.redisServer.process.stop('SIGKILL');
	await reload(house, { concurrency: 3 });
	await isGrown(house, 3);
	await Promise.all([house.postgres.start(), house.redisServer.start()]);
	await house.ready();
	for (const work of works) await house.published(work, 30000); // nobody had added a job: they are due by their rows
});

scenario('TERM in the middle of a reload under load drains: jobs in hand are finished, nothing else is touched', async () => {
	const house = await withFile(3);
	await house.sandbox.post('settings', { latency_ms: 40 });
	const stop = await load(house, 6);
	await underLoad(house, stop);
	configure(house, { concurrency: 5 });
	house.publisher.kill('SIGHUP');
	house.publisher.kill('SIGHUP');
	const children = childrenOf(house.publisher.pid).map(({ pid }) => pid);
	const end = await house.publisher.stop('SIGTERM', 15000);
	assert.deepEqual([end.code, end.signal], [0, null]);
	assert.ok(!children.some(isAlive));
	const works = await stop();
	const left = [];
	for (const work of works) {
		const [row, job] = [await house.row(work), await house.job(work)];
		assert.ok((row.status === 'published' && job.state === 'completed') || (row.status === 'scheduled' && job.state === 'wait' && job.claims === 0),
			`${row.status}, ${job.state}, ${job.claims} claims`);
		assert.equal(row.execution_lock_id, null);
		if (row.status === 'scheduled') left.push(work);
	}
	assert.equal(await house.redis.run('LLEN', house.key('active')), 0);
	assert.ok(left.length > 0);
});

afterwards();
