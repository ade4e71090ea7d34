// The program itself on a queue that belongs to BullMQ: what it publishes as BullMQ sees it, what it refuses, and how quiet it is while
// there is nothing to do. Each generation has a house of its own (tests/integration/publish), with a Redis that nobody else talks to.
import assert from 'node:assert/strict';

import { afterwards, build, inTime, scenario, sleep, until } from '../integration/publish/stage.mjs';
import { IORedis, versions } from './helpers.mjs';

const WORKERS = 8;
const name = 'deviation-publisher';
/*
 * Commands a second that no script calls, for eight workers, and how many of all kinds. A worker looks by itself every 1 to 2 s and waits
 * in BRPOPLPUSH in between, the dispatcher listens, looks, counts and checks its links about once a second: about 15 and 50. What is
 * allowed leaves room for a look that follows an event; a loop of one worker makes thousands.
 */
const CLIENTS = /^(evalsha|eval|brpoplpush|bzpopmin|ping|multi|exec|auth|select|client)/;
const SENT = 40, ALL = 400;
const WINDOW_MS = 2500;

/** A house and BullMQ's things in it. */
async function open(version, settings) {
	const house = await build({ own: ['redis'], settings: { PUBLISHER_CONCURRENCY: WORKERS, ...settings } });
	const bullmq = versions[version];
	const connection = { path: house.redisServer.socket, db: house.number, maxRetriesPerRequest: null };
	const opened = [];
	const make = (Class, ...args) => {
		const one = new Class(name, ...args.slice(0, -1), { connection, ...args.at(-1) });
		one.on('error', () => {});
		opened.push(one);
		return one;
	};
	return {
		house, bullmq, connection, make, old: version === '5.35', queue: make(bullmq.Queue, {}), artist: await house.artist(),
		close: () => Promise.all(opened.map((one) => one.close())),
	};
}

async function play(version, settings, story) {
	const place = await open(version, settings);
	try {
		await story(place);
	} finally {
		await place.close();
	}
}

const dataOf = ({ id, artist }) => ({ deviationId: id, userId: artist.id, uploadMode: 'single' });
const optionsOf = ({ job }) => ({ jobId: job, attempts: 7 });

/** Adds a deviation's job as the API server does; for later, if so: the dispatcher calls the job of a post that is due. */
async function publish({ house, queue, artist }, options = {}) {
	const deviation = await house.deviation(artist, options.delay > 5000 ? { actual_publish_at: inTime(`${options.delay} milliseconds`) } : {});
	return { deviation, job: await queue.add('publish-deviation', dataOf(deviation), { ...optionsOf(deviation), ...options }) };
}

// ---------------------------------------------------------------- how quiet it is

/** How often each command has been called so far, by clients and within scripts. */
async function calls(redis) {
	return Object.fromEntries([...(await redis.info('commandstats')).matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].map(([, command, count]) => [command, Number(count)]));
}

/** {sent, all, most}: commands a second that only clients send, that anybody calls, and which are the most. */
async function rates(house) {
	const redis = new IORedis({ path: house.redisServer.socket });
	try {
		const before = await calls(redis), began = performance.now();
		await sleep(WINDOW_MS);
		const after = await calls(redis), seconds = (performance.now() - began) / 1000;
		const grown = Object.entries(after).map(([command, count]) => [command, (count - (before[command] ?? 0)) / seconds]).filter(([command, rate]) => rate > 0 && command !== 'info');
		const total = (some) => some.reduce((sum, [, rate]) => sum + rate, 0);
		const most = grown.sort(([, a], [, b]) => b - a).slice(0, 6).map(([command, rate]) => `${command} ${rate.toFixed(1)}`).join(', ');
		return { sent: total(grown.filter(([command]) => CLIENTS.test(command))), all: total(grown), most };
	} finally {
		redis.disconnect();
	}
}

/** It is quiet, or becomes so when what led here has been answered. Who turns in a circle does not, however long one looks. */
async function quiet({ house }, when) {
	let found;
	for (let n = 0; n < 4; n++) {
		found = await rates(house);
		assert.ok(found.sent > 0.5, 'nobody seems to be there at all');
		if (found.sent <= SENT && found.all <= ALL) break;
	}
	const { sent, all, most } = found;
	console.log(`# ${when}: ${sent.toFixed(1)} commands a second, ${all.toFixed(0)} with those in scripts`);
	assert.ok(sent <= SENT, `${when}: ${sent.toFixed(1)} commands a second: ${most}`);
	assert.ok(all <= ALL, `${when}: ${all.toFixed(0)} commands a second altogether: ${most}`);
}

/** Jobs of every kind that wait; none of them may start before `until`. */
async function backlog(place) {
	const jobs = [];
	for (const options of [{}, {}, { priority: 5 }, { priority: 5, delay: 0 }, { delay: 600000 }, { delay: 50 }]) jobs.push(await publish(place, options));
	return jobs;
}

async function noneStarted({ house }, jobs) {
	for (const { job } of jobs) assert.equal(await house.redis.run('HGET', house.key(job.id), 'ats'), null, `${job.id} has been started`);
}

/** Now they run, promptly; the one that is due in ten minutes does not. */
async function allRun({ house, queue }, jobs, when) {
	const due = jobs.filter(({ job }) => job.opts.delay !== 600000);
	await until(`the jobs that waited while ${when} are completed`, async () => (await Promise.all(due.map(({ job }) => queue.getJobState(job.id)))).every((state) => state === 'completed'), 40000);
	for (const { job } of jobs.filter((one) => !due.includes(one))) await job.remove();
}

for (const version of Object.keys(versions)) {
	scenario(`bullmq ${version}: no busy loop: idle, paused, at the concurrency limit, rate limited`, () => play(version, {}, async (place) => {
		const { house, queue, old } = place;
		await until('the workers are there', async () => (await queue.getWorkersCount()) === WORKERS, 40000);
		await quiet(place, `bullmq ${version}, idle`);

		await queue.pause();
		let jobs = await backlog(place);
		await quiet(place, `bullmq ${version}, paused with a backlog`);
		await noneStarted(place, jobs);
		await queue.resume();
		await allRun(place, jobs, 'paused');

		await queue.setGlobalConcurrency(1);
		const node = place.make(place.bullmq.Worker, null, { autorun: false });
		// A neighbour is at work for as long as we like.
		await house.redis.run('HSET', house.key('held'), 'name', 'neighbour', 'data', '{}', 'opts', '{}', 'timestamp', Date.now(), 'delay', 0, 'priority', 0, 'ats', 1, 'processedOn', Date.now());
		await house.redis.atomically([['SET', house.key('held:lock'), 'neighbour', 'PX', 60000], ['LPUSH', house.key('active'), 'held']]);
		jobs = await backlog(place);
		await quiet(place, `bullmq ${version}, at the concurrency limit with a backlog`);
		await noneStarted(place, jobs);
		const held = await place.bullmq.Job.fromId(queue, 'held');
		held.scripts ??= node.scripts;
		await held.moveToCompleted(1, 'neighbour', false);
		await allRun(place, jobs, 'at the concurrency limit');
		await house.redis.run('HDEL', house.key('meta'), 'concurrency');

		if (old) return;
		await queue.setGlobalRateLimit(1, 60000);
		await allRun(place, [await publish(place)], 'not yet limited');
		jobs = await backlog(place);
		await quiet(place, `bullmq ${version}, at the queue's rate limit with a backlog`);
		await noneStarted(place, jobs);
		await house.redis.run('HDEL', house.key('meta'), 'max', 'duration');
		await house.redis.run('DEL', house.key('limiter'));
		// Nobody is told of it: the limit is looked at again when it would have ended.
		await queue.drain(true);
	}));

	scenario(`bullmq ${version}: no busy loop: our own limiter`, () => play(version, { PUBLISHER_LIMITER_MAX: 2 }, async (place) => {
		const { house, queue } = place;
		await until('the workers are there', async () => (await queue.getWorkersCount()) === WORKERS, 40000);
		await allRun(place, [await publish(place)], 'not yet limited');
		await queue.rateLimit(12000);
		let jobs = await backlog(place);
		await quiet(place, `bullmq ${version}, rate limited by Queue.rateLimit with a backlog`);
		assert.ok(await house.redis.run('EXISTS', house.key('limiter')), 'the limit has held all the time');
		await noneStarted(place, jobs);
		await allRun(place, jobs, 'rate limited');
		// While the limit lets two through each second.
		await queue.pause();
		jobs = [];
		for (let n = 0; n < 6; n++) jobs.push(await publish(place, n % 2 ? { priority: 5 } : {}));
		await queue.resume();
		await allRun(place, jobs, 'two went through each second');
		const starts = (await Promise.all(jobs.map(({ job }) => house.redis.run('HGET', house.key(job.id), 'processedOn')))).map(Number).sort((a, b) => a - b);
		// A window of a second begins with the first start in it: of four starts the last is in the window after the first one's, or later.
		for (let n = 3; n < starts.length; n++) assert.ok(starts[n] - starts[n - 3] >= 990, `starts at ${starts}`);
	}));

	scenario(`bullmq ${version}: publishes, and BullMQ sees it`, () => play(version, {}, async (place) => {
		const { house, queue, bullmq, connection } = place;
		const events = place.make(bullmq.QueueEvents, {});
		await events.waitUntilReady();
		const progress = [];
		events.on('progress', ({ jobId, data }) => progress.push([jobId, data]));
		await until('the workers are there', async () => (await queue.getWorkersCount()) === WORKERS, 40000);
		const workers = await queue.getWorkers();
		assert.equal(new Set(workers.map((one) => one.rawname)).size, WORKERS, 'each with a name of its own');
		// One that is removed when it is completed can only be waited for beforehand.
		const options = [{}, { priority: 5, delay: 0 }, { delay: 300, priority: 3 }, { delay: 1500, removeOnComplete: true }];
		const jobs = [];
		for (const one of options) {
			const { deviation, job } = await publish(place, one);
			jobs.push({ deviation, job, finished: job.waitUntilFinished(events, 60000) });
		}
		for (const { deviation, finished } of jobs) {
			const result = await finished;
			const row = await house.rowIs(deviation, 'published');
			assert.deepEqual(result, { success: true, results: [{ deviationId: row.deviation_id, url: row.deviation_url }] });
		}
		const [first] = jobs;
		const seen = await queue.getJob(first.job.id);
		assert.deepEqual([seen.attemptsMade, seen.attemptsStarted, seen.stacktrace], [1, 1, []]);
		assert.ok(workers.some((one) => one.rawname.endsWith(`:w:${seen.processedBy}`)), `${seen.processedBy} is one of the workers`);
		assert.ok((await queue.getJobLogs(first.job.id)).count >= 3);
		assert.ok(progress.some(([id]) => id === first.job.id));
		assert.equal(await queue.getJob(jobs[3].job.id), undefined, 'removed when completed');
		assert.equal((await queue.getMetrics('completed')).meta.count, 4);
		const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'completed', 'failed');
		assert.deepEqual(Object.entries(counts).filter(([, count]) => count !== 0), [['completed', 3]]);
		// Retried by hand: nothing is published twice.
		await seen.retry('completed');
		const again = await (await queue.getJob(first.job.id)).waitUntilFinished(events, 60000);
		assert.equal(again.alreadyPublished, true);
		// The clean-up jobs are there for a Node worker of this generation.
		const cleaned = [];
		const cleaner = new bullmq.Worker('storage-cleanup', async (job) => { cleaned.push([job.name, job.data.userId]); }, { connection });
		await until('four clean-up jobs are run', () => cleaned.length === 4);
		await cleaner.close();
		assert.deepEqual(cleaned[0], ['cleanup', place.artist.id]);
	}));

	scenario(`bullmq ${version}: the pool saves a dead neighbour's job, a neighbour the dead pool's`, () => play(version, { PUBLISHER_LOCK_DURATION_MS: 2000, PUBLISHER_STALE_CHECK_INTERVAL_MS: 500 }, async (place) => {
		const { house, queue, make, bullmq } = place;
		await until('the workers are there', async () => (await queue.getWorkersCount()) === WORKERS, 40000);
		await queue.pause();
		const { deviation, job } = await publish(place);
		await house.publisher.stop('SIGQUIT'); // nobody but the neighbour is to get it
		await queue.resume();
		const dead = make(bullmq.Worker, null, { autorun: false, lockDuration: 500 });
		assert.equal((await dead.getNextJob('dead', { block: false })).id, job.id);
		await dead.close(true);
		// Said at the start, as Node's library does: such a server may lose jobs.
		await house.redis.run('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
		await house.start();
		await until('the log warns', () => /"level":"warn".*"maxmemoryPolicy":"allkeys-lru"/.test(house.said('maxmemoryPolicy')), 40000);
		await house.redis.run('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
		const { job: saved } = await house.published(deviation, 60000);
		assert.deepEqual([saved.claims, saved.attempts, saved.stc], [2, 1, '1']);
		assert.equal((await house.seen(deviation)).posts.length, 1);

		// Two at work, each with a lock of its own.
		house.leaves('no-job', 'the neighbour completes what it saves without publishing, and the pool is dead');
		const held = [];
		for (let n = 0; n < 2; n++) {
			const post = await house.deviation(place.artist);
			await house.sandbox.fault('submit', { title: post.title }, 'hang', { count: 100 });
			held.push({ post, job: await queue.add('publish-deviation', dataOf(post), { ...optionsOf(post), attempts: 3 }) });
		}
		await until('both are at work', async () => (await queue.getActiveCount()) === 2, 40000);
		const locks = await Promise.all(held.map((one) => house.redis.run('GET', house.key(`${one.job.id}:lock`))));
		assert.ok(new Set(locks).size === 2 && locks.every((lock) => lock && lock !== '0'), `locks ${locks}`);
		// The supervisor is killed, and with it all that it would have done for its children.
		const children = house.children();
		house.publisher.kill('SIGKILL');
		for (const { pid } of children) try { process.kill(pid, 'SIGKILL'); } catch { /* gone with it */ }
		await house.publisher.ended;
		const run = [];
		make(bullmq.Worker, async (one) => { run.push([one.id, one.attemptsStarted]); return { by: 'node' }; }, { stalledInterval: 500, maxStalledCount: 3 });
		await until('the neighbour has run both', () => run.length === 2, 60000);
		assert.deepEqual(run.sort(), held.map((one) => [one.job.id, 2]).sort());
		for (const { job: one } of held) {
			await until(`${one.id} completed`, async () => (await queue.getJobState(one.id)) === 'completed');
			assert.equal((await queue.getJob(one.id)).attemptsMade, 1);
		}
	}));

	scenario(`bullmq ${version}: parents and children are published, schedules and deferred failures are refused`, () => play(version, {}, async (place) => {
		const { house, queue, bullmq, connection, artist } = place;
		const events = place.make(bullmq.QueueEvents, {});
		await events.waitUntilReady();
		const [parent, ...children] = [await house.deviation(artist), await house.deviation(artist), await house.deviation(artist)];
		const flows = new bullmq.FlowProducer({ connection });
		const one = (deviation, more) => ({ name: 'publish-deviation', queueName: name, data: dataOf(deviation), opts: { ...optionsOf(deviation) }, ...more });
		const tree = await flows.add(one(parent, { children: children.map((child) => one(child)) }));
		assert.equal((await tree.job.waitUntilFinished(events, 60000)).success, true);
		const values = Object.values(await tree.job.getChildrenValues());
		assert.deepEqual(values.map((value) => value.success), [true, true]);
		for (const child of children) assert.ok((await house.job(child)).finishedOn <= (await house.job(parent)).processedOn);
		// A child that cannot be published takes its parent with it, and the parent is not published.
		const [doomed, bad] = [await house.deviation(artist), await house.deviation(artist, { files: [{ stored: false }] })];
		const failing = await flows.add(one(doomed, { children: [one(bad, { opts: { ...optionsOf(bad), failParentOnFailure: true } })] }));
		await assert.rejects(failing.job.waitUntilFinished(events, 60000), /child .* failed/);
		assert.equal((await house.row(doomed)).status, 'scheduled');
		assert.equal((await house.seen(doomed)).requests.length, 0);
		await flows.close();

		const scheduled = await house.deviation(artist);
		await queue.upsertJobScheduler('nightly', { every: 3600000 }, { name: 'publish-deviation', data: dataOf(scheduled), opts: { attempts: 7 } });
		const [run] = [...await queue.getDelayed(), ...await queue.getWaiting(), ...await queue.getFailed()].filter((job) => job.id.startsWith('repeat:'));
		if ((await run.getState()) === 'delayed') await run.promote();
		await until('the schedule\'s job has failed', async () => (await queue.getJobState(run.id)) === 'failed');
		assert.match((await queue.getJob(run.id)).failedReason, /scheduler "nightly"/);
		await until('the log says so', () => /"level":"error".*nightly/.test(house.said('nightly')));
		assert.equal((await house.seen(scheduled)).requests.length, 0);
		assert.equal((await queue.getJobSchedulers()).length, 1);
		assert.equal(await queue.removeJobScheduler('nightly'), true);

		// What a stalled check of a newer neighbour leaves.
		await queue.pause();
		const { deviation, job } = await publish(place);
		await house.redis.run('HSET', house.key(job.id), 'defa', 'job stalled more than allowable limit');
		await queue.resume();
		await assert.rejects(job.waitUntilFinished(events, 60000), /stalled more than allowable/);
		assert.equal((await house.seen(deviation)).requests.length, 0);
		assert.equal(await house.redis.run('HEXISTS', house.key(job.id), 'defa'), 0);
		// Deduplicated while it waits; the id is free when the post is out.
		const deduplication = { id: 'once' };
		await queue.pause();
		const single = await publish(place, { deduplication, delay: 100 });
		const copy = await queue.add('publish-deviation', {}, { jobId: 'copy', deduplication });
		assert.equal(copy.id, single.job.id);
		await queue.resume();
		await single.job.waitUntilFinished(events, 60000);
		assert.equal(await house.redis.run('EXISTS', house.key('de:once')), 0);
	}));
}
afterwards();
