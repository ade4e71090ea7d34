// A worker that is out of memory for good leaves its place, and its job goes on elsewhere; a shortage that passes is waited out.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';

import { afterwards, build, inTime, isAlive, sanitized, scenario, until } from './stage.mjs';
import { Starve, forGood } from './starve.mjs';

/** A house of one worker whose allocations can fail. */
async function furnished(settings = {}) {
	const starve = new Starve();
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1, PUBLISHER_UNKNOWN_WAIT_MS: 30, ...starve.settings, ...settings } });
	await until('the journal is there', async () => (await house.psql.rows("SELECT to_regclass('publisher.steps') AS there"))[0].there);
	return { house, starve };
}

/** The worker has published something: it is not its first job that comes now. */
async function experienced(house, artist) {
	const work = await house.deviation(artist);
	await house.add(work);
	await house.published(work);
	return house.worker();
}

/** A post of which one more death of a worker would be the last. */
async function onItsLastChance(house, artist) {
	const work = await house.deviation(artist);
	await house.psql.query(`INSERT INTO publisher.posts (deviation_id, crashes) VALUES ('${work.id}', 9)`);
	return work;
}

/** The worker's memory ends while DeviantArt has its request. */
async function starvedIn(house, starve, endpoint, work, fault = {}) {
	const pid = await house.worker();
	await house.sandbox.fault(endpoint, { title: work.title }, 'delay', { answer_delay_ms: 500, ...fault });
	await house.add(work);
	await house.inFlight(endpoint);
	starve.arm(pid, 1, forGood);
	return pid;
}

/** It says that it leaves, and with which status it did. */
async function left(house, pid, status) {
	await until('the worker has left', () => !isAlive(pid), 10000);
	assert.match(await until('its end is told', () => house.said(`"childPid":${pid}`)), new RegExp(`status ${status} \\(out of memory`));
	assert.match(house.said('Out of memory for good'), new RegExp(`"pid":${pid}`));
}

/** Published once; what there was of deaths burned nothing. */
async function goesOut(house, work) {
	const { row, job } = await house.published(work);
	assert.equal((await house.seen(work)).posts.length, 1);
	assert.deepEqual([job.attempts, row.retry_count, row.error_message, row.execution_lock_id], [1, 0, null, null]);
	assert.equal(Number(job.stc ?? 0), 0, 'handed back, not stalled');
}

if (!sanitized) {
	scenario('a worker out of memory for good in an upload leaves; its job goes out elsewhere, no attempt and no crash counted', async () => {
		const { house, starve } = await furnished();
		const artist = await house.artist();
		await experienced(house, artist);
		const work = await onItsLastChance(house, artist);
		const pid = await starvedIn(house, starve, 'submit', work);
		await left(house, pid, 11);
		await goesOut(house, work);
	});

	scenario('a worker out of memory for good in a publish leaves; what became of it is found out, one post', async () => {
		const { house, starve } = await furnished();
		const artist = await house.artist();
		await experienced(house, artist);
		const work = await onItsLastChance(house, artist);
		const pid = await starvedIn(house, starve, 'publish', work, { effect: true });
		await left(house, pid, 11);
		await goesOut(house, work);
	});

	scenario('a worker out of memory for good while it is idle leaves; its place takes the next job', async () => {
		const { house, starve } = await furnished();
		const artist = await house.artist();
		const pid = await experienced(house, artist);
		starve.arm(pid, 1, forGood);
		const work = await onItsLastChance(house, artist);
		await house.add(work);
		await left(house, pid, 11);
		await goesOut(house, work);
	});

	scenario('a worker whose libcrypto gives no random numbers any more leaves; its job goes out elsewhere, nothing burned', async () => {
		const { house, starve } = await furnished();
		const artist = await house.artist();
		const pid = await experienced(house, artist);
		starve.noRandom(pid);
		const work = await onItsLastChance(house, artist);
		await house.add(work);
		await left(house, pid, 11);
		assert.match(house.said('Out of memory for good'), /"wants":"random numbers/);
		await goesOut(house, work);
	});

	scenario('twenty allocations that fail one after the other are nobody\'s failure: the job goes out, nothing is burned', async () => {
		const { house, starve } = await furnished();
		const artist = await house.artist();
		const pid = await experienced(house, artist);
		const work = await onItsLastChance(house, artist);
		await house.redis.run('HSET', house.key('meta'), 'paused', 1);
		await house.add(work);
		starve.arm(pid, 1, 20);
		await house.redis.atomically([['HDEL', house.key('meta'), 'paused'], ['RPOPLPUSH', house.key('paused'), house.key('wait')], ['ZADD', house.key('marker'), 0, '0']]);
		await goesOut(house, work);
		assert.equal(starve.read().fired, 20);
		assert.equal(house.said('Out of memory for good'), '');
		assert.equal(house.said('(out of memory'), '');
	});

	scenario('a post that leaves one fresh worker after the other without memory fails in the end, others go on', async () => {
		const { house, starve } = await furnished();
		const artist = await house.artist();
		const work = await onItsLastChance(house, artist);
		const pid = await starvedIn(house, starve, 'submit', work);
		await left(house, pid, 12);
		const { row, job } = await house.failed(work);
		assert.match(row.error_message, /10 times in a row .* out of memory/);
		assert.match(job.failedReason, /10 times in a row .* out of memory/);
		const other = await house.deviation(artist);
		await house.add(other);
		await goesOut(house, other);
	});

	scenario('a worker that the kernel gives no more memory refreshes no token: another one does, and the login lives', async () => {
		const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1 } });
		const pid = await experienced(house, await house.artist());
		const artist = await house.artist({ token_expires_at: inTime('-1 hour') });
		execFileSync('prlimit', ['--pid', pid, '--data=1']);
		const work = await house.deviation(artist);
		await house.add(work);
		await left(house, pid, 11);
		await goesOut(house, work);
		const { refreshes } = await house.sandbox.get(`ledger?user=${artist.username}`);
		assert.deepEqual(refreshes.map(({ presented_times: times }) => times), [1]);
	});

	scenario('where the kernel gives no memory no new worker gets ready, with growing pauses; the pool is whole when it does again', async () => {
		const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1 }, health: true });
		const limit = (bytes) => execFileSync('prlimit', ['--pid', house.publisher.pid, `--data=${bytes}`]);
		const artist = await house.artist();
		const pid = await experienced(house, artist);
		limit('1:unlimited');
		process.kill(pid, 'SIGKILL');
		const deaths = await until('three more workers have died', () => {
			const lines = house.said('status 11 (out of memory').split('\n').filter(Boolean).map((line) => JSON.parse(line));
			return lines.length >= 3 && lines;
		}, 15000);
		assert.ok(deaths.every(({ wasReady }) => !wasReady), 'none was ready');
		const gap = (i) => Date.parse(deaths[i].timestamp) - Date.parse(deaths[i - 1].timestamp);
		assert.ok(gap(2) > 500, `they follow each other after ${gap(1)} and ${gap(2)} ms`);
		const work = await house.deviation(artist);
		await house.add(work);
		limit('unlimited');
		await goesOut(house, work);
	});
}

afterwards();
