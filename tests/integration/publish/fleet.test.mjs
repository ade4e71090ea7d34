// Two instances of eight workers on one queue: one refresh, one pace, one gate. A wait at a gate burns no attempt and holds nobody.
import assert from 'node:assert/strict';

import { afterwards, atOnce, build, inTime, isWait, scenario, until } from './stage.mjs';

// Each has sixteen workers, which all connect at the same moment.
atOnce(4);

const eight = { PUBLISHER_CONCURRENCY: 8 };
const threshold = (whose, headers) => ({ status: 429, headers, body: { status: 'error', error: `${whose}_api_threshold`, error_description: 'Request limit reached.' } });

/** Two instances, with the same settings. */
async function fleet(options = {}) {
	const house = await build({ ...options, start: false, settings: { ...eight, ...options.settings } });
	await house.start();
	await house.start();
	await until('all workers are there', () => house.publishers.every((one) => house.children(one).length === 9));
	return house;
}

const many = async (house, artist, count, row = {}) => {
	const works = [];
	for (let i = 0; i < count; i++) works.push(await house.deviation(artist, row));
	return works;
};

async function addAll(house, works) {
	await Promise.all(works.map((work) => house.add(work)));
}

/** Requests to these endpoints, in the order in which they began. */
async function requests(house, endpoints, filter = '') {
	return (await house.sandbox.requests(filter)).filter(({ endpoint }) => endpoints.includes(endpoint)).sort((a, b) => a.started_ms - b.started_ms);
}

async function unburned(house, works, ms = 20000) {
	for (const work of works) {
		const { row, job } = await house.published(work, ms);
		assert.deepEqual([job.attempts, row.retry_count, row.error_message], [1, 0, null]);
		assert.equal((await house.seen(work)).posts.length, 1);
	}
}

const refreshes = async (house, artist) => (await house.sandbox.get(`ledger?user=${artist.username}`)).refreshes;

// ---------------------------------------------------------------- tokens

for (const [name, user, known] of [
	['has expired', { token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 }],
	['lives four minutes more', { token_expires_at: inTime('4 minutes') }, {}],
	['DeviantArt no longer takes, against its date', {}, { access_expires_in_s: -1 }],
]) {
	scenario(`sixteen workers find that a token ${name}: it is refreshed once, presented once, and all go on with the new one`, async () => {
		const house = await fleet();
		const artists = [];
		const works = [];
		for (let i = 0; i < 2; i++) {
			const artist = await house.artist(user, known);
			await house.sandbox.fault('token', { user: artist.username }, 'delay', { answer_delay_ms: 700 });
			artists.push(artist);
			works.push(...await many(house, artist, 16));
		}
		await addAll(house, works);
		await unburned(house, works);
		for (const artist of artists) {
			assert.deepEqual((await refreshes(house, artist)).map(({ ok, presented_times: times }) => [ok, times]), [[true, 1]]);
			const stored = await house.user(artist);
			const { access_token: access, refresh_token: refresh } = (await house.sandbox.get('state')).users.find(({ username }) => username === artist.username);
			assert.deepEqual([stored.access_token, stored.refresh_token, stored.lives], [access, refresh, true]);
		}
		assert.equal((await house.psql.rows('SELECT 1 FROM publisher.token_leases WHERE expires_at > now()')).length, 0, 'no lease is left');
	});
}

scenario('tokens that die one after the other under load of both instances: each presented once, no post fails', async () => {
	const house = await fleet();
	await house.sandbox.post('settings', { access_token_lifetime_s: 301, refresh_revokes_access: true });
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
	const works = await many(house, artist, 40);
	await addAll(house, works.slice(0, 20));
	for (let i = 0; i < 3; i++) {
		await until('some more are published', async () => (await house.psql.rows(`SELECT 1 FROM deviations WHERE status = 'published'`)).length > 3 * (i + 1), 15000);
		await house.psql.query(`UPDATE users SET token_expires_at = now() AT TIME ZONE 'UTC' + interval '1 minute' WHERE id = '${artist.id}'`);
		await addAll(house, works.slice(20 + i * 6, 26 + i * 6));
	}
	await addAll(house, works.slice(38));
	for (const work of works) {
		await house.published(work, 20000);
		assert.equal((await house.seen(work)).posts.length, 1);
	}
	const all = await refreshes(house, artist);
	assert.ok(all.length >= 4, `${all.length} refreshes`);
	assert.ok(all.every(({ ok, presented_times: times }) => ok && times === 1));
});

scenario('a dead login that sixteen workers meet at once: its token is presented once, no post goes out, and all do after a new login', async () => {
	const house = await fleet();
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1, refresh_expires_in_s: -1 });
	// What is to be published at once is not paused with the rest: each such job meets the dead login itself.
	const works = [...await many(house, artist, 12), ...await many(house, artist, 12, { status: 'publishing' })];
	const later = await house.deviation(artist, { actual_publish_at: inTime('1 hour') });
	assert.equal(await house.enqueue(later), 0);
	await addAll(house, works);
	for (const work of [...works, later]) {
		const row = await house.rowIs(work, ({ status }) => ['failed', 'draft'].includes(status));
		assert.match(row.error_message, /connect your DeviantArt account again/);
		assert.equal(row.execution_lock_id, null);
		// A job that was under way when its row was paused ends as skipped.
		await house.jobIs(work, row.status === 'failed' ? 'failed' : ['missing', 'completed']);
	}
	assert.equal((await house.row(later)).status, 'draft');
	assert.deepEqual((await refreshes(house, artist)).map(({ ok, presented_times: times }) => [ok, times]), [[false, 1]]);
	const login = { ...artist, access: `${artist.access}-new`, refresh: `${artist.refresh}-new` };
	await house.introduce(login);
	await house.psql.query(`UPDATE users SET refresh_token = '${login.refresh}' WHERE id = '${artist.id}'`); // its access token has to be refreshed
	await house.psql.query(`UPDATE deviations SET status = 'scheduled', actual_publish_at = now() AT TIME ZONE 'UTC' - interval '10 seconds'`);
	for (const work of [...works, later]) {
		await house.published(work);
		assert.equal((await house.seen(work)).posts.length, 1);
	}
	assert.deepEqual((await refreshes(house, artist)).map(({ ok }) => ok), [false, true]);
});

scenario('a refused application that sixteen workers meet: no artist\'s post is touched, all go out when it is mended', async () => {
	const house = await fleet({ settings: { DEVIANTART_CLIENT_SECRET: 'wrong' } });
	house.mayPresentTwice = true; // a refused application does not spend it
	const artists = [await house.artist({ token_expires_at: inTime('-1 hour') }), await house.artist({ token_expires_at: inTime('-1 hour') })];
	const works = [...await many(house, artists[0], 8), ...await many(house, artists[1], 8)];
	const later = await many(house, artists[0], 2, { actual_publish_at: inTime('1 hour') });
	assert.equal(await house.enqueue(...later), 0);
	await addAll(house, works);
	for (const work of works) {
		await until('it waits for the operator', async () => {
			const job = await house.job(work);
			return job.state === 'delayed' && job.attempts === 0 && job.due - Date.now() > 10000;
		}, 15000);
		const { status, retry_count: count, execution_lock_id: lock } = await house.row(work);
		assert.deepEqual([status, count, lock], ['scheduled', 0, null]);
	}
	for (const work of later) assert.deepEqual([(await house.row(work)).status, (await house.job(work)).state], ['scheduled', 'delayed']);
	for (const { id, access, refresh } of artists) {
		const stored = await house.user({ id });
		assert.deepEqual([stored.access_token, stored.refresh_token], [access, refresh]);
	}
	await Promise.all(house.publishers.map((one) => one.stop()));
	await house.start({ DEVIANTART_CLIENT_SECRET: 'application-secret' });
	for (const work of works) await house.redis.run('ZADD', house.key('delayed'), Date.now() * 4096, work.job);
	for (const work of works) assert.equal((await house.published(work)).job.attempts, 1);
});

// ---------------------------------------------------------------- gates

// Long enough for twenty jobs to be looked at and put aside meanwhile, also with sanitizers.
const pause = process.env.VARIANT === 'asan' ? 12 : 6;

for (const [whose, endpoint] of [['user', 'submit'], ['user', 'publish'], ['application', 'submit'], ['application', 'publish']]) {
	scenario(`429 at ${endpoint}, ${whose}_api_threshold, Retry-After ${pause}: not one of both instances asks earlier; it holds no worker and burns nothing`, async () => {
		const house = await fleet({ settings: { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 100 } });
		const [artist, other] = [await house.artist(), await house.artist()];
		const [first] = await many(house, artist, 1);
		await house.sandbox.fault(endpoint, { title: first.title }, 'status', threshold(whose, { 'Retry-After': String(pause) }));
		await house.add(first);
		await house.jobIs(first, 'delayed');
		const [refused] = (await requests(house, [endpoint])).filter(({ outcome }) => outcome === '429');
		const [his, theirs] = [await many(house, artist, 10), await many(house, other, 10)];
		await addAll(house, [...his, ...theirs]);
		if (whose === 'user') await unburned(house, theirs, pause * 1000 - 500); // his wait is none of theirs, and no worker sits it out
		await until('nobody holds a worker', async () => (await house.redis.run('LLEN', house.key('active'))) === 0, pause * 1000 - 500);
		await unburned(house, [first, ...his, ...theirs], 20000 + pause * 1000);
		const asked = (await requests(house, ['submit', 'publish'], whose === 'user' ? `?user=${artist.username}` : '')).filter(({ started_ms: ms }) => ms > refused.started_ms);
		isWait(asked[0].started_ms - refused.started_ms, pause * 1000, { less: 0 });
		assert.equal((await requests(house, ['submit', 'publish'])).filter(({ outcome }) => outcome === '429').length, 1, 'asked too early, it would have been refused again');
	});
}

scenario('a block by the CDN closes the gate of both instances for everybody: one request, then none', async () => {
	const house = await fleet({ settings: { CIRCUIT_BREAKER_ENABLED: 'true' } });
	const artists = await Promise.all(Array.from({ length: 5 }, () => house.artist()));
	const [first] = await many(house, artists[0], 1);
	await house.sandbox.fault('submit', { title: first.title }, 'html_403', {});
	const asked = Date.now();
	await house.add(first);
	await house.jobIs(first, 'delayed');
	const works = (await Promise.all(artists.map((artist) => many(house, artist, 4)))).flat();
	await addAll(house, works);
	for (const work of [first, ...works]) {
		const [job, row] = [await house.jobIs(work, 'delayed'), await house.row(work)];
		assert.deepEqual([job.attempts, row.status, row.retry_count, row.execution_lock_id], [0, 'scheduled', 0, null]);
		assert.ok(job.due >= asked + 300000 && job.due - Date.now() <= 361000, `due in ${job.due - Date.now()} ms`);
		assert.ok(job.claims <= 2, `${job.claims} claims`);
	}
	assert.equal((await requests(house, ['submit', 'publish', 'token', 'gallery'])).length, 1);
	assert.equal(await house.redis.run('LLEN', house.key('active')), 0);
});

scenario('an open circuit of an artist lets one probe of sixteen workers through, again and again until it succeeds', async () => {
	const house = await fleet({ settings: { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 1, CIRCUIT_BREAKER_OPEN_DURATION_MS: 1000 } });
	const [artist, other] = [await house.artist(), await house.artist()];
	await house.sandbox.fault('submit', { user: artist.username }, 'status', { ...threshold('user', { 'Retry-After': '0' }), count: 3 });
	const [works, theirs] = [await many(house, artist, 20), await many(house, other, 4)];
	await house.add(works[0]);
	await house.jobIs(works[0], 'delayed');
	await addAll(house, [...works.slice(1), ...theirs]);
	await unburned(house, theirs, 3000);
	await unburned(house, works, 30000);
	const refused = (await requests(house, ['submit'], `?user=${artist.username}`)).filter(({ outcome }) => outcome === '429');
	assert.equal(refused.length, 3);
	for (let i = 1; i < refused.length; i++) assert.ok(refused[i].started_ms - refused[i - 1].started_ms >= 998, 'one probe for each time that it opened');
});

scenario('both instances keep one pace for an artist, while others pass', async () => {
	const house = await fleet({ settings: { RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_JITTER_PERCENT: 0, RATE_LIMITER_BASE_DELAY_MS: 400 } });
	const artist = await house.artist();
	const works = await many(house, artist, 12);
	const others = [];
	for (let i = 0; i < 6; i++) others.push(...await many(house, await house.artist(), 1));
	await addAll(house, [...works, ...others]);
	await unburned(house, others, 3000);
	await unburned(house, works, 20000);
	const starts = (await requests(house, ['submit'], `?user=${artist.username}`)).map(({ started_ms: ms }) => ms);
	assert.equal(starts.length, 12);
	for (let i = 1; i < 12; i++) assert.ok(starts[i] - starts[i - 1] >= 250, `${starts[i] - starts[i - 1]} ms apart`);
	isWait(starts[11] - starts[0], 11 * 400, { less: 0.04, more: 0, late: 2500 });
	// A gap's few ms of lateness may send a job back once more; polling would claim it dozens of times.
	for (const work of works) assert.ok((await house.job(work)).claims <= 8, 'a slot is reserved, not polled for');
});

afterwards();
