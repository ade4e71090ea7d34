// Access and refresh tokens: refreshed once, presented once, never lost; whose fault a refusal is.
import assert from 'node:assert/strict';

import { afterwards, build, gaps, inTime, isWait, scenario, until } from './stage.mjs';

const home = build({ settings: { PUBLISHER_CONCURRENCY: 4 } });

async function refreshes(house, artist) {
	return (await house.sandbox.get(`ledger?user=${artist.username}`)).refreshes;
}

/** The stored pair is the newest that DeviantArt gave out, and the row says so everywhere. */
async function checkPair(house, artist) {
	const user = await house.user(artist);
	const known = (await house.sandbox.get('state')).users.find(({ username }) => username === artist.username);
	assert.ok(JSON.stringify(known).includes(user.access_token), 'the newest access token is stored');
	assert.ok(JSON.stringify(known).includes(user.refresh_token), 'the newest refresh token is stored');
	assert.notEqual(user.access_token, artist.access);
	assert.notEqual(user.refresh_token, artist.refresh);
	assert.equal(user.lives, true);
	const days = (Date.parse(`${user.refresh_token_expires_at}Z`) - Date.now()) / 86400000;
	assert.ok(days > 89 && days < 91, `the refresh token lives ${days} days`);
	assert.ok(user.last_refresh_token_refresh);
	assert.equal((await house.psql.rows(`SELECT 1 FROM publisher.token_leases WHERE user_id = '${artist.id}' AND expires_at > now()`)).length, 0, 'no lease is left');
	assert.equal(await house.redis.run('EXISTS', `isekai-publisher:parked-token:${artist.id}`), 0, 'no pair is parked');
}

for (const [name, expiry] of [['has expired', '-1 hour'], ['lives less than five minutes more', '4 minutes']]) {
	scenario(`an access token that ${name} is refreshed once before anything is sent`, async () => {
		const house = await home;
		const artist = await house.artist({ token_expires_at: inTime(expiry) }, { access_expires_in_s: -1 });
		const work = await house.deviation(artist);
		await house.add(work);
		const { job } = await house.published(work);
		assert.deepEqual((await refreshes(house, artist)).map(({ ok, presented_times: times }) => [ok, times]), [[true, 1]]);
		assert.deepEqual((await house.seen(work)).requests.map(({ endpoint, outcome }) => [endpoint, outcome]), [['submit', '200'], ['publish', '200']]);
		assert.equal(job.attempts, 1);
		await checkPair(house, artist);
	});
}

scenario('an access token with ten minutes left is used as it is', async () => {
	const house = await home;
	const artist = await house.artist({ token_expires_at: inTime('10 minutes') });
	const work = await house.deviation(artist);
	await house.add(work);
	await house.published(work);
	assert.equal((await refreshes(house, artist)).length, 0);
});

scenario('several jobs of one artist at once refresh the token once', async () => {
	const house = await home;
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
	const works = await Promise.all([1, 2, 3, 4, 5].map(() => house.deviation(artist)));
	await house.sandbox.fault('token', { user: artist.username }, 'delay', { answer_delay_ms: 500 });
	for (const work of works) await house.add(work);
	for (const work of works) assert.equal((await house.published(work)).job.attempts, 1);
	assert.equal((await refreshes(house, artist)).length, 1);
	await checkPair(house, artist);
});

scenario('two publishers of one queue refresh a token once', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2 } });
	await house.start();
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
	const works = await Promise.all([1, 2, 3, 4].map(() => house.deviation(artist)));
	await house.sandbox.fault('token', {}, 'delay', { answer_delay_ms: 500 });
	for (const work of works) await house.add(work);
	for (const work of works) await house.published(work);
	assert.equal((await refreshes(house, artist)).length, 1);
});

for (const [name, endpoint, known] of [
	['an expired access token', null, { access_expires_in_s: -1 }],
	['an access token that DeviantArt does not know', null, { access_token: 'another' }],
	['401 at publish', 'publish', {}],
	['403 with JSON at submit', 'submit', {}],
]) {
	scenario(`${name}, fresh by the row's date, is refreshed and tried again at once`, async () => {
		const house = await home;
		const artist = await house.artist({}, known);
		const work = await house.deviation(artist);
		if (endpoint) {
			await house.sandbox.fault(endpoint, { title: work.title }, 'status', endpoint === 'submit'
				? { status: 403, body: { status: 'error', error: 'unauthorized', error_description: 'Not today.' } }
				: { status: 401, body: { status: 'error', error: 'invalid_token', error_description: 'Expired oAuth2 user token.' } });
		}
		await house.add(work);
		const { row, job } = await house.published(work);
		assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
		assert.equal((await refreshes(house, artist)).length, 1);
		const { posts, requests } = await house.seen(work);
		assert.equal(posts.length, 1);
		for (const ms of gaps(requests)) assert.ok(ms < 1500, `at once: ${ms} ms`);
		await checkPair(house, artist);
	});
}

scenario('403 with JSON that stays burns three retries, 2, 5 and 10 s apart, with one refresh a run', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 403, body: { status: 'error', error: 'unauthorized', error_description: 'Not for you.' }, count: 50 });
	await house.add(work);
	const { row, job } = await house.failed(work, 40000);
	assert.match(row.error_message, /Not for you/);
	assert.equal(job.attempts, 4);
	const waits = gaps((await house.seen(work)).requests, 'submit').filter((ms) => ms > 1000);
	for (const [i, wanted] of [2000, 5000, 10000].entries()) isWait(waits[i], wanted);
	assert.equal(waits.length, 3);
});

scenario('a refresh whose answer is an internal error is retried; the token is not given up', async () => {
	const house = await build();
	house.mayPresentTwice = true; // what a refused request did to it, nobody can know but by asking
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') });
	const work = await house.deviation(artist);
	await house.sandbox.fault('token', { user: artist.username }, 'status', { status: 500 });
	await house.add(work);
	await house.published(work);
	await checkPair(house, artist);
});

for (const [name, known, user] of [
	['that DeviantArt refuses', { refresh_token: 'another' }, {}],
	['past its date', {}, { refresh_token_expires_at: inTime('-1 day') }],
]) {
	scenario(`a refresh token ${name} fails this deviation, makes the others drafts and removes their jobs`, async () => {
		const house = await home;
		const artist = await house.artist({ token_expires_at: inTime('-1 hour'), ...user }, known);
		const other = await house.artist();
		const now = await house.deviation(artist);
		const later = [await house.deviation(artist, { actual_publish_at: inTime('1 hour') }), await house.deviation(artist, { actual_publish_at: inTime('2 hours') })];
		const draft = await house.deviation(artist, { status: 'draft' });
		const foreign = await house.deviation(other, { actual_publish_at: inTime('1 hour') });
		assert.equal(await house.enqueue(...later, foreign), 0);
		await house.add(now);
		const { row, job } = await house.failed(now);
		assert.match(row.error_message, /connect/i);
		assert.equal(job.claims, 1);
		for (const work of later) {
			const paused = await house.rowIs(work, 'draft');
			assert.match(paused.error_message, /connect/i);
			await house.jobIs(work, 'missing');
		}
		assert.equal((await house.row(draft)).error_message, null);
		assert.equal((await house.row(foreign)).status, 'scheduled');
		await house.jobIs(foreign, 'delayed');
		assert.ok((await refreshes(house, artist)).length <= 1, 'presented once at most');
		const stored = await house.user(artist);
		assert.deepEqual([stored.access_token, stored.refresh_token], [artist.access, artist.refresh]);
	});
}

scenario('a refresh token that somebody else has replaced meanwhile kills no login', async () => {
	const house = await build();
	const artist = await house.artist({ token_expires_at: inTime('-1 hour'), refresh_token: 'spent', access_token: 'old' }, { refresh_token: 'newer', access_token: 'newer-access' });
	const work = await house.deviation(artist);
	await house.add(work);
	await until('the spent token was refused', async () => (await house.sandbox.requests()).some(({ endpoint, outcome }) => endpoint === 'token' && outcome === '400'));
	await house.psql.query(`UPDATE users SET refresh_token = 'newer', access_token = 'newer-access', token_expires_at = now() AT TIME ZONE 'UTC' + interval '1 hour' WHERE id = '${artist.id}'`);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	assert.equal((await refreshes(house, artist)).length, 0, 'the newer one was not needed');
});

scenario('a refused application is the operator\'s fault: the job waits, the artist is left alone, /ready and /metrics say so', async () => {
	const house = await build({ health: true, settings: { DEVIANTART_CLIENT_SECRET: 'wrong' } });
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') });
	const [work, later] = [await house.deviation(artist), await house.deviation(artist, { actual_publish_at: inTime('1 hour') })];
	assert.equal(await house.enqueue(work, later), 0);
	const before = await house.user(artist);
	const waiting = await until('the job waits after a try', async () => {
		const job = await house.job(work);
		return job.state === 'delayed' && job.claims > 0 && job;
	});
	assert.equal(waiting.attempts, 0);
	isWait(waiting.due - Date.now(), 30000, { less: 0.25 });
	const row = await house.row(work);
	assert.deepEqual([row.status, row.retry_count, row.execution_lock_id], ['scheduled', 0, null]);
	assert.deepEqual(await house.user(artist), before);
	assert.equal((await house.row(later)).status, 'scheduled');
	await house.jobIs(later, 'delayed');
	const ready = await house.ask('/ready');
	assert.match(ready.text, /DEVIANTART_CLIENT/);
	const { text } = await house.ask('/metrics');
	assert.match(text, /^publisher_operator_fault 1$/m);
	// Mended, the same token still serves: it was not spent.
	await house.publisher.stop();
	await house.start({ DEVIANTART_CLIENT_SECRET: 'application-secret' });
	await house.redis.run('ZADD', house.key('delayed'), Date.now() * 4096, work.job);
	await house.published(work);
	house.mayPresentTwice = true; // a refused application does not spend it
});

afterwards();
