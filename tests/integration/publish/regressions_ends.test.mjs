// Faults that once were, about how a job ends: what its row says, what is locked meanwhile, when it is tried again, and when it is given up.
import assert from 'node:assert/strict';

import { Psql } from './psql.mjs';
import { sql } from './servers.mjs';
import { afterwards, build, gaps, inTime, isAlive, scenario, until } from './stage.mjs';

const home = build({ settings: { PUBLISHER_CONCURRENCY: 6 } });
const refusal = (description, more = {}) => ({ status: 400, body: { status: 'error', error: 'invalid_request', error_description: description, ...more } });
const look = /please look at your gallery/i;

/** A post whose first publish had no answer: `action` says what became of it, `then` what further ones are answered. */
async function unknown(house, artist, action, { job = {}, then } = {}) {
	const work = await house.deviation(artist);
	await house.sandbox.fault('publish', { title: work.title }, action);
	if (then) await house.sandbox.fault('publish', { title: work.title }, 'status', then);
	await house.add(work, job);
	await house.rowWas(work, ({ error_message: message, status }) => message && status === 'publishing');
	return work;
}

/** Lets a delayed job be due now. */
const hurry = (house, work) => house.redis.atomically([['ZADD', house.key('delayed'), 'XX', 0, work.job], ['ZADD', house.key('marker'), 0, '0']]);

for (const status of [500, 503]) {
	scenario(`a publish answered ${status} with user_api_threshold may have gone through: never uploaded anew, whatever becomes of the row`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('publish', { title: work.title }, 'status', { status, effect: true, headers: { 'Retry-After': '1' },
			body: { status: 'error', error: 'user_api_threshold', error_description: 'User request limit reached.' } });
		await house.add(work);
		await house.rowIs(work, ({ error_message: message }) => message);
		await house.update(work, "title = title || ' anew'");
		const { row } = await house.published(work);
		assert.ok(row.deviation_url, 'found under the title that it went out with');
		const anew = await house.seen({ ...work, title: `${work.title} anew` });
		const { posts, submits } = await house.seen(work);
		assert.deepEqual([posts.length + anew.posts.length, submits.length + anew.submits.length], [1, 1]);
	});
}

for (const [name, answer] of [
	['a refusal that no refresh helps', { status: 403, body: { status: 'error', error: 'unauthorized', error_description: 'Not for you.' } }],
	['an answer that nobody knows', { status: 418, body: { status: 'error', error: 'teapot', error_description: 'x' } }],
	['a limit', { status: 429, headers: { 'Retry-After': '1' }, body: { status: 'error', error: 'slow_down' } }],
]) {
	scenario(`a post of unknown outcome that meets ${name} for ever burns no attempt, is asked for ever more rarely, and is given up after a day`, async () => {
		const house = await home;
		const work = await unknown(house, await house.artist(), 'close', { job: { opts: { backoff: { type: 'fixed', delay: 100 } } }, then: { ...answer, count: 500 } });
		const asked = await until('it was refused three times', async () => {
			const { requests } = await house.seen(work);
			return gaps(requests, 'publish').length >= (answer.status === 403 ? 5 : 3) && requests;
		}, 30000, 100);
		if (answer.status === 418) {
			const [, second, third] = gaps(asked, 'publish');
			assert.ok(second >= 1900 && third >= 3800, `${gaps(asked, 'publish')}`);
		}
		assert.equal((await house.job(work)).attempts, 0);
		await house.jobIs(work, 'delayed');
		await house.psql.query(`UPDATE publisher.posts SET first_refused_at = now() - interval '25 hours' WHERE deviation_id = '${work.id}'`);
		await hurry(house, work);
		const { row } = await house.failed(work);
		assert.match(row.error_message, look);
		assert.equal((await house.seen(work)).posts.length, 0);
	});
}

scenario('a login that dies while the outcome is unknown: the artist is asked to look as well as to connect again', async () => {
	const house = await build({ settings: { PUBLISHER_UNKNOWN_WAIT_MS: 2500 } });
	const artist = await house.artist({ token_expires_at: inTime('5 minutes 20 seconds') }, { refresh_token: 'another' });
	const work = await unknown(house, artist, 'reset_after');
	await house.psql.query(`UPDATE users SET token_expires_at = now() AT TIME ZONE 'UTC' - interval '1 hour' WHERE id = '${artist.id}'`);
	const { row } = await house.failed(work, 30000);
	assert.match(row.error_message, /connect your DeviantArt account again/);
	assert.match(row.error_message, look);
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a post of unknown outcome that crashed too often: the artist is asked to look', async () => {
	const house = await build({ settings: { PUBLISHER_UNKNOWN_WAIT_MS: 2500 } });
	const work = await unknown(house, await house.artist(), 'reset_after');
	await house.jobIs(work, 'delayed');
	await house.psql.query(`UPDATE publisher.posts SET crashes = 10 WHERE deviation_id = '${work.id}'`);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /crashed 10 times in a row/);
	assert.match(row.error_message, look);
});

scenario('a parked token pair that cannot be opened is not passed over: jobs wait, the spent token is not presented, no login dies', async () => {
	const house = await build();
	const artist = await house.artist({ token_expires_at: inTime('-1 hour'), refresh_token: 'spent', access_token: 'old' }, { refresh_token: 'newer', access_token: 'newer-access' });
	const parked = `isekai-publisher:parked-token:${artist.id}`;
	await house.redis.run('SET', parked, 'c2VhbGVkIHVuZGVyIGFub3RoZXIgc2VjcmV0IGFuZCBsb25nIGVub3VnaCB0byBsb29rIGxpa2Ugb25l', 'EX', 3600);
	const [work, later] = [await house.deviation(artist), await house.deviation(artist, { actual_publish_at: inTime('1 hour') })];
	await house.add(work);
	const job = await house.jobIs(work, 'delayed');
	assert.equal(job.attempts, 0);
	assert.deepEqual([(await house.row(work)).status, (await house.row(later)).status], ['scheduled', 'scheduled']);
	assert.equal(await house.redis.run('EXISTS', parked), 1);
	assert.deepEqual((await house.sandbox.get(`ledger?user=${artist.username}`)).refreshes, []);
	assert.match(house.said('DEVIANTART_CLIENT_SECRET'), /cannot be opened; was DEVIANTART_CLIENT_SECRET changed/);
	// The artist connects again. It is not told which token this pair replaced, so it may still be the newest: it keeps waiting.
	await house.psql.query(`UPDATE users SET refresh_token = 'newer' WHERE id = '${artist.id}'`);
	await hurry(house, work);
	await until('it has looked again', async () => (await house.job(work)).claims > job.claims);
	assert.equal((await house.jobIs(work, 'delayed')).attempts, 0);
	assert.equal(await house.redis.run('EXISTS', parked), 1);
	// The operator gives the pair up.
	await house.redis.run('DEL', parked);
	await hurry(house, work);
	await house.published(work);
});

scenario('a parked token pair of before the client secret was changed waits for its artist to connect again, and is then set aside: his refreshes go on', async () => {
	const house = await build({ own: ['postgres'], settings: { PUBLISHER_CONCURRENCY: 1 } });
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
	const [parked, aside] = ['parked', 'set-aside'].map((where) => `isekai-publisher:${where}-token:${artist.id}`);
	const refreshes = async () => (await house.sandbox.get(`ledger?user=${artist.username}`)).refreshes.length;
	const work = await house.deviation(artist);
	await house.sandbox.fault('token', {}, 'delay', { answer_delay_ms: 700 });
	await house.add(work);
	await house.inFlight('token');
	await house.postgres.process.stop('SIGQUIT');
	await until('the pair is parked', () => house.redis.run('EXISTS', parked), 5000);
	const children = house.children().map(({ pid }) => pid);
	await house.publisher.stop('SIGKILL');
	await until('its children are gone', () => !children.some(isAlive));
	const pair = await house.redis.run('GET', parked);
	await house.postgres.start();

	await house.sandbox.process.stop();
	house.sandbox.secret = 'another-application-secret';
	await house.sandbox.start();
	await house.introduce(artist, { access_token: 'newer-access', refresh_token: 'newer-refresh' });
	await house.start({ DEVIANTART_CLIENT_SECRET: house.sandbox.secret });
	// The token in the row is the one that the pair replaced: the pair may be the newest.
	await until('it was looked at', () => /cannot be opened/.test(house.said('DEVIANTART_CLIENT_SECRET')), 40000);
	const job = await house.jobIs(work, 'delayed');
	assert.deepEqual([job.attempts, await house.redis.run('GET', parked), await refreshes()], [0, pair, 0]);

	// He connects again. The right to refresh that died with its worker would end by itself, after 90 s.
	await house.psql.query(`UPDATE users SET refresh_token = 'newer-refresh', access_token = 'newer-access' WHERE id = '${artist.id}'`);
	await house.psql.query('UPDATE publisher.token_leases SET expires_at = now()');
	await hurry(house, work);
	const { job: end } = await house.published(work);
	assert.deepEqual([end.attempts, await refreshes()], [1, 1]);
	assert.deepEqual([await house.redis.run('EXISTS', parked), await house.redis.run('GET', aside)], [0, pair]);
	assert.ok(await house.redis.run('TTL', aside) > 89 * 86400, 'for as long as it had to live');
	assert.match(house.said(aside), /"level":"warn".*set aside/);
	assert.equal((await house.user(artist)).refresh_token, (await house.sandbox.get('state')).users[0].refresh_token);
});

scenario('a multiple of which a part is out stays publishing and locked while it waits, also over a worker\'s death, and its lock stays fresh', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist(), { files: [{}, {}, {}] });
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, skip: 1, headers: { 'Retry-After': '3' }, body: { status: 'error', error: 'slow_down' } });
	await house.add(work);
	const waits = await house.rowIs(work, ({ error_message: message }) => message);
	assert.deepEqual([waits.status, /^isekai-publisher\|/.test(waits.execution_lock_id)], ['publishing', true]);
	// A neighbour takes a lock for stale after 30 minutes: a new dispatcher looks after them first.
	await house.update(work, "execution_locked_at = now() AT TIME ZONE 'UTC' - interval '11 minutes'");
	process.kill(house.children().find(({ title }) => title.includes('dispatcher')).pid, 'SIGKILL');
	await house.rowIs(work, ({ execution_locked_at: at }) => Date.now() - Date.parse(`${at}Z`) < 60000);
	await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 1500 });
	await house.inFlight('submit');
	for (const { pid, title } of house.children()) if (title.includes('worker')) process.kill(pid, 'SIGKILL');
	const dead = await until('its job is given back', async () => (await house.job(work)).claims >= 2 && house.row(work));
	assert.deepEqual([dead.status, /^isekai-publisher\|/.test(dead.execution_lock_id)], ['publishing', true]);
	await house.published(work);
	assert.equal((await house.seen(work)).posts.length, 3);
});

scenario('a multiple of which a part is out, and that its artist takes back at the very moment when its job has to wait, stays taken back', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist(), { files: [{}, {}] });
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, skip: 1, answer_delay_ms: 4000, headers: { 'Retry-After': '60' }, body: { status: 'error', error: 'slow_down' } });
	await house.add(work);
	await until('the first file is out', async () => (await house.seen(work)).posts.length === 1);
	await house.inFlight('submit');
	const artist = new Psql(house.postgres, house.database);
	await artist.query(`BEGIN; UPDATE deviations SET status = 'draft' WHERE id = ${sql(work.id)}`);
	const [{ pid }] = await artist.rows('SELECT pg_backend_pid() AS pid');
	await until('the worker waits for the row', async () => (await house.psql.rows(`SELECT 1 FROM pg_stat_activity WHERE ${pid} = ANY (pg_blocking_pids(pid))
		AND application_name LIKE '%worker' AND query LIKE '%A claim ends and the post waits%'`)).length > 0);
	await artist.query('COMMIT');
	artist.close();
	await house.jobIs(work, ['delayed', 'completed']);
	const { status, execution_lock_id: lock } = await house.row(work);
	assert.deepEqual([status, lock], ['draft', null]);
});

scenario('a young job of a post that is due in a moment starts at its moment, not at the next look', async () => {
	const house = await build();
	const artist = await house.artist();
	await house.worker();
	const late = [];
	for (let i = 0; i < 5; i++) {
		const work = await house.deviation(artist, { actual_publish_at: inTime('300 milliseconds') });
		const due = Date.parse(`${(await house.row(work)).actual_publish_at}Z`);
		await house.add(work);
		await house.published(work);
		late.push((await house.seen(work)).requests[0].started_ms - due);
	}
	assert.ok(late.every((ms) => ms >= -5), `${late} ms after the date`);
	assert.ok(Math.min(...late) < 120, `${late} ms after the date`);
});

for (const [name, left] of [['as it is', {}], ['with its attempts reset', { atm: 0 }], ['with its attempts and starts reset', { atm: 0, ats: 0 }]]) {
	scenario(`a job that failed for good at its first attempt and is retried by hand, ${name}, runs`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: work.title }, 'status', refusal('No.'));
		await house.add(work);
		await house.failed(work);
		// What Job.retry('failed', {resetAttemptsMade, resetAttemptsStarted}) writes (bullmq-protocol.md 9.5).
		await house.redis.atomically([
			['ZREM', house.key('failed'), work.job], ['HSET', house.key(work.job), 'x', 0, ...Object.entries(left).flat()], ['HDEL', house.key(work.job), 'x'],
			['HDEL', house.key(work.job), 'finishedOn', 'processedOn', 'failedReason', 'returnvalue'],
			['LPUSH', house.key('wait'), work.job], ['ZADD', house.key('marker'), 0, '0'],
		]);
		await house.published(work);
	});
}

for (const [name, answer] of [['an error', { status: 500 }], ['a quota', refusal('Your Sta.sh quota is used up.')]]) {
	scenario(`the job's own back-off does not cut short the wait that DeviantArt asks for with ${name}`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: work.title }, 'status', { ...answer, headers: { 'Retry-After': '3' } });
		await house.add(work, { opts: { backoff: { type: 'fixed', delay: 200 } } });
		await house.published(work);
		const [wait] = gaps((await house.seen(work)).requests, 'submit');
		assert.ok(wait >= 2990, `${wait} ms`);
	});
}

scenario('an item that DeviantArt does not know at the first publish is looked for in the gallery: found there, it is published', async () => {
	const house = await home;
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('publish', { title: work.title }, 'status', refusal('Deviation not found', { error_code: 7 }));
	await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 600 });
	await house.add(work);
	await house.inFlight('submit');
	// Its artist publishes the item on the site.
	const [post] = [await house.sandbox.post('posts', [{ user: artist.username, title: work.title, size_bytes: work.files[0].size }])].flat();
	for (const check of ['not-public', 'other-post']) house.leaves(check, 'a planted post has no item', work);
	const { row } = await house.published(work);
	assert.ok(row.deviation_id && row.deviation_url, JSON.stringify(post));
	assert.equal((await house.seen(work)).submits.length, 1);
});

scenario('an item that DeviantArt does not know at the first publish, and no gallery shows, fails and asks the artist to look', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', refusal('Deviation not found', { error_code: 7 }));
	await house.add(work);
	const { row } = await house.failed(work);
	assert.match(row.error_message, look);
	assert.ok((await house.sandbox.requests(`?user=${work.artist.username}`)).some(({ endpoint }) => endpoint === 'gallery'));
});

scenario('quotas that are used up open the artist\'s circuit', async () => {
	const house = await build({ settings: { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 3 } });
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...refusal('Your Sta.sh quota is used up.'), headers: { 'Retry-After': '1' }, count: 3 });
	await house.add(work, { opts: { backoff: { type: 'fixed', delay: 50 } } });
	await until('the circuit is open', async () => JSON.parse(await house.redis.run('GET', `circuit:deviantart:publish:${artist.id}`) ?? '{}').state === 'OPEN', 15000);
});

scenario('a refresh token that somebody replaces 2.5 s after its refusal kills no login: the row is read again after 4 s, too', async () => {
	const house = await build();
	const artist = await house.artist({ token_expires_at: inTime('-1 hour'), refresh_token: 'spent-late', access_token: 'old-late' }, { refresh_token: 'newer-late', access_token: 'newer-late-access' });
	const work = await house.deviation(artist);
	await house.add(work);
	const refused = await until('it was refused', async () => (await house.sandbox.requests()).some(({ endpoint, outcome }) => endpoint === 'token' && outcome === '400') && Date.now());
	await until('2.5 s later', () => Date.now() - refused > 2500);
	await house.psql.query(`UPDATE users SET refresh_token = 'newer-late', access_token = 'newer-late-access', token_expires_at = now() AT TIME ZONE 'UTC' + interval '1 hour' WHERE id = '${artist.id}'`);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
});

afterwards();
