// The gates before DeviantArt: an artist's pace, his circuit, and everybody's. A wait at a gate burns no attempt and holds no worker.
import assert from 'node:assert/strict';

import { afterwards, build, gaps, isWait, scenario, sleep, until } from './stage.mjs';

const threshold = (whose, headers) => ({ status: 429, headers, body: { status: 'error', error: `${whose}_api_threshold`, error_description: 'Request limit reached.' } });
const off = { RATE_LIMITER_ENABLED: 'false', CIRCUIT_BREAKER_ENABLED: 'false' };
const paced = { RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_JITTER_PERCENT: 0 };
const circuits = { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 3 };

async function circuit(house, key) {
	return JSON.parse(await house.redis.run('GET', `circuit:deviantart:${key}`) ?? '{}');
}

/** Starts of the requests of an artist to an endpoint. */
async function starts(house, artist, endpoint) {
	return (await house.sandbox.requests(`?user=${artist.username}`)).filter((one) => one.endpoint === endpoint).map(({ started_ms: ms }) => ms).sort((a, b) => a - b);
}

scenario('ten posts of one artist go out one delay apart, while another artist is not held up', async () => {
	const house = await build({ settings: { ...paced, RATE_LIMITER_BASE_DELAY_MS: 400, PUBLISHER_CONCURRENCY: 4 } });
	const [artist, other] = [await house.artist(), await house.artist()];
	const works = [];
	for (let i = 0; i < 10; i++) works.push(await house.deviation(artist));
	const alone = await house.deviation(other);
	await house.addTogether([...works, alone]);
	const ends = [];
	for (const work of [...works, alone]) ends.push(await house.published(work, 20000));
	for (const { row, job } of ends) assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
	const times = await starts(house, artist, 'submit');
	const [his] = await starts(house, other, 'submit');
	assert.equal(times.length, 10);
	assert.ok(his < times[2], 'the other artist did not wait for these');
	// A slot begins in Redis; the request leaves a moment later, by a moment that varies.
	for (const ms of times.slice(1).map((one, i) => one - times[i])) assert.ok(ms >= 400 - 150, `${ms} ms apart`);
	assert.ok(times[9] - times[0] >= 9 * 400 - 150, `ten in ${times[9] - times[0]} ms`);
	assert.ok(times[9] - times[0] <= 9 * 400 + 2500, `ten in ${times[9] - times[0]} ms`);
});

scenario('a limiter slot covers a file: the files of one deviation are one delay apart', async () => {
	const house = await build({ settings: { ...paced, RATE_LIMITER_BASE_DELAY_MS: 700 } });
	const artist = await house.artist();
	const work = await house.deviation(artist, { files: [{}, {}, {}] });
	await house.add(work);
	const { row, job } = await house.published(work);
	assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
	const { requests } = await house.seen(work);
	for (const ms of gaps(requests, 'submit')) isWait(ms, 700, { less: 0.1, more: 0 });
	assert.equal((await house.seen(work)).posts.length, 3);
});

scenario('two publishers keep one pace', async () => {
	const house = await build({ settings: { ...paced, RATE_LIMITER_BASE_DELAY_MS: 400, PUBLISHER_CONCURRENCY: 2 } });
	await house.start();
	const artist = await house.artist();
	const works = [];
	for (let i = 0; i < 6; i++) works.push(await house.deviation(artist));
	for (const work of works) await house.add(work);
	for (const work of works) await house.published(work);
	const times = await starts(house, artist, 'submit');
	assert.ok(times[5] - times[0] >= 5 * 400 - 150, `six in ${times[5] - times[0]} ms`);
});

scenario('429 with Retry-After: not asked again earlier, no attempt burned', async () => {
	const house = await build({ settings: { ...off } });
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', threshold('user', { 'Retry-After': '2' }));
	await house.add(work);
	const waiting = await house.jobIs(work, 'delayed');
	const row = await house.row(work);
	assert.deepEqual([waiting.attempts, row.status, row.retry_count, row.execution_lock_id], [0, 'scheduled', 0, null]);
	// The wait is the artist's: his other posts wait too, with the limiter off as well.
	const other = await house.deviation(artist);
	await house.add(other);
	const [first] = await starts(house, artist, 'submit');
	for (const one of [work, other]) {
		const { job } = await house.published(one);
		assert.equal(job.attempts, 1);
	}
	for (const ms of (await starts(house, artist, 'submit')).slice(1)) isWait(ms - first, 2000, { less: 0 });
});

scenario('429 without Retry-After: the adaptive delay grows with each, and no attempt is burned', async () => {
	const house = await build({ settings: { ...paced, RATE_LIMITER_BASE_DELAY_MS: 300, RATE_LIMITER_FAILURE_INCREASE_FACTOR: 2 } });
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...threshold('user'), count: 3 });
	await house.add(work);
	const { row, job } = await house.published(work);
	assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
	const waits = gaps((await house.seen(work)).requests, 'submit');
	for (const [i, wanted] of [600, 1200, 2400].entries()) isWait(waits[i], wanted, { less: 0 });
});

scenario('three 429s open the circuit, one probe goes through, and its success lets the others', async () => {
	const house = await build({ settings: { ...circuits, CIRCUIT_BREAKER_OPEN_DURATION_MS: 2500, PUBLISHER_CONCURRENCY: 4 } });
	const [artist, other] = [await house.artist(), await house.artist()];
	const works = await Promise.all([1, 2, 3, 4].map(() => house.deviation(artist)));
	const alone = await house.deviation(other);
	await house.sandbox.fault('submit', { user: artist.username }, 'status', { ...threshold('user', { 'Retry-After': '0' }), count: 3 });
	await house.sandbox.fault('publish', { user: artist.username }, 'delay', { answer_delay_ms: 700 });
	await house.add(works[0]);
	const opened = await until('the circuit opens', async () => {
		const state = await circuit(house, `publish:${artist.id}`);
		return state.state === 'OPEN' && state;
	});
	for (const work of works.slice(1)) await house.add(work);
	assert.ok(opened.failures >= 3);
	assert.equal(opened.config.openDuration, 2500);
	assert.ok(await house.redis.run('PTTL', `circuit:deviantart:publish:${artist.id}`) > 0, 'it expires');
	await house.add(alone);
	await house.published(alone, 2000);
	for (const work of works) {
		const { row, job } = await house.published(work);
		assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
	}
	const requests = (await house.sandbox.requests(`?user=${artist.username}`)).sort((a, b) => a.started_ms - b.started_ms);
	const refused = requests.filter(({ outcome }) => outcome === '429').at(-1);
	const submits = requests.filter(({ endpoint, started_ms: ms }) => endpoint === 'submit' && ms > refused.started_ms);
	assert.equal(requests.filter(({ outcome }) => outcome === '429').length, 3);
	isWait(submits[0].started_ms - refused.started_ms, 2500, { less: 0 });
	const probe = requests.find(({ endpoint, started_ms: ms }) => endpoint === 'publish' && ms > refused.started_ms);
	assert.ok(submits[1].started_ms >= probe.started_ms + 690, 'nobody goes beside the probe');
	assert.equal((await circuit(house, `publish:${artist.id}`)).state ?? 'CLOSED', 'CLOSED');
});

scenario('a success that began before the circuit opened does not close it', async () => {
	const house = await build({ settings: { ...circuits, CIRCUIT_BREAKER_OPEN_DURATION_MS: 4000 } });
	const artist = await house.artist();
	const [early, refused] = [await house.deviation(artist), await house.deviation(artist)];
	await house.sandbox.fault('publish', { title: early.title }, 'delay', { answer_delay_ms: 2500 });
	await house.sandbox.fault('submit', { title: refused.title }, 'status', { ...threshold('user', { 'Retry-After': '0' }), count: 3 });
	await house.add(early);
	await house.inFlight('publish');
	await house.add(refused);
	const isOpen = async () => (await circuit(house, `publish:${artist.id}`)).state === 'OPEN';
	await until('the circuit opens', isOpen, 2400);
	await house.published(early);
	assert.ok(await isOpen());
	await house.published(refused);
	const waits = gaps((await house.seen(refused)).requests, 'submit');
	isWait(waits[2], 4000, { less: 0 });
});

scenario('a probe that is refused opens the circuit again', async () => {
	const house = await build({ settings: { ...circuits, CIRCUIT_BREAKER_OPEN_DURATION_MS: 1000 } });
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { user: artist.username }, 'status', { ...threshold('user', { 'Retry-After': '0' }), count: 4 });
	await house.add(work);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	const waits = gaps((await house.seen(work)).requests, 'submit');
	assert.equal(waits.length, 4);
	for (const ms of waits.slice(2)) isWait(ms, 1000, { less: 0 });
});

scenario('application_api_threshold stops everybody, one probe opens the gate again', async () => {
	const house = await build({ settings: { ...off, PUBLISHER_CONCURRENCY: 4 } });
	const [artist, other] = [await house.artist(), await house.artist()];
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', threshold('application', { 'Retry-After': '3' }));
	await house.sandbox.fault('publish', {}, 'delay', { answer_delay_ms: 600 });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	assert.equal((await circuit(house, 'application')).state, 'OPEN');
	const others = await Promise.all([1, 2, 3].map(() => house.deviation(other)));
	for (const one of others) await house.add(one);
	for (const one of [work, ...others]) {
		const { row, job } = await house.published(one);
		assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
	}
	const requests = (await house.sandbox.requests()).filter(({ endpoint }) => endpoint === 'submit' || endpoint === 'publish').sort((a, b) => a.started_ms - b.started_ms);
	isWait(requests[1].started_ms - requests[0].started_ms, 3000, { less: 0 });
	const submits = requests.filter(({ endpoint }) => endpoint === 'submit');
	const probe = requests.find(({ endpoint }) => endpoint === 'publish');
	assert.ok(submits[2].started_ms >= probe.started_ms + 590, 'nobody goes beside the probe');
	assert.equal((await circuit(house, 'application')).state ?? 'CLOSED', 'CLOSED');
});

for (const [name, action, fault] of [['the page of the CDN', 'html_403', {}], ['an empty 403', 'status', { status: 403, body: '' }]]) {
	scenario(`${name} stops everybody for five minutes, and burns nothing`, async () => {
		const house = await build({ settings: { ...circuits, RATE_LIMITER_ENABLED: 'true' } });
		const work = await house.deviation(await house.artist());
		if (fault.body === '') delete fault.body;
		await house.sandbox.fault('submit', { title: work.title }, action, fault);
		await house.add(work);
		await house.rowIs(work, ({ error_message: message }) => message);
		const other = await house.deviation(await house.artist());
		await house.add(other);
		for (const one of [work, other]) {
			const job = await house.jobIs(one, 'delayed');
			const row = await house.row(one);
			assert.deepEqual([job.attempts, row.status, row.retry_count, row.execution_lock_id], [0, 'scheduled', 0, null]);
			isWait(job.due - Date.now(), 300000, { less: 0.02, late: 0 });
		}
		assert.equal((await house.sandbox.requests()).filter(({ endpoint }) => endpoint !== 's3').length, 1);
		const { state, openUntil } = await circuit(house, 'application');
		assert.equal(state, 'OPEN');
		isWait(openUntil - Date.now(), 300000, { less: 0.02, late: 0 });
	});
}

scenario('a post that waits at a gate holds no worker', async () => {
	const house = await build({ settings: { ...paced, RATE_LIMITER_BASE_DELAY_MS: 60000, PUBLISHER_CONCURRENCY: 1 } });
	const [slow, quick] = [await house.artist(), await house.artist()];
	const works = await Promise.all([1, 2, 3].map(() => house.deviation(slow)));
	for (const work of works) await house.add(work);
	await until('two of three wait', async () => (await Promise.all(works.map((work) => house.job(work)))).filter(({ state }) => state === 'delayed').length === 2);
	const due = (await Promise.all(works.map((work) => house.job(work)))).filter(({ state }) => state === 'delayed').map((job) => job.due).sort((a, b) => a - b);
	isWait(due[1] - due[0], 60000, { less: 0.02, more: 0.02, late: 0 });
	const work = await house.deviation(quick);
	await house.add(work);
	await house.published(work, 3000);
	const claims = (await house.job(works[2])).claims;
	await sleep(500);
	assert.equal((await house.job(works[2])).claims, claims, 'a slot is reserved, not polled for');
});

scenario('gates that hold nonsense are opened, not stumbled over', async () => {
	const house = await build({ start: false, settings: { ...paced, ...circuits, RATE_LIMITER_BASE_DELAY_MS: 50 } });
	const artist = await house.artist();
	await house.redis.run('SET', `rate-limit:${artist.id}:state`, '{"delay": "soon", "earliest": {}}');
	await house.redis.run('SET', `circuit:deviantart:publish:${artist.id}`, 'not JSON');
	await house.redis.run('SET', 'circuit:deviantart:application', '[]');
	house.leaves('no-ttl', 'the nonsense is not ours', 'circuit:');
	const work = await house.deviation(artist);
	await house.add(work);
	await house.start();
	await house.published(work);
});

afterwards();
