// What fails, and what happens then: which failures are retried and when, what burns an attempt, what is final, what is repaired.
import assert from 'node:assert/strict';

import { Sandbox, afterwards, build, gaps, isWait, scenario } from './stage.mjs';

const home = build({ settings: { PUBLISHER_CONCURRENCY: 4 } });
/** Nothing was asked of its site before: an upload goes out on a connection that is not used again. */
const unused = () => build({ settings: { PUBLISHER_CONCURRENCY: 1 } });
const categories = build({ settings: { PUBLISHER_CONCURRENCY: 2 }, site: { catpath_error_code: 2 } });

/** A refusal as DeviantArt words it. */
const refusal = (description, more = {}) => ({ status: 400, body: { status: 'error', error: 'invalid_request', error_description: description, ...more } });

const slowDown = { status: 429, body: { status: 'error', error: 'user_api_threshold', error_description: 'User request limit reached.' } };

/** How often something failed, by category, as the journal counts. */
async function retries(house, work) {
	return (await house.psql.rows(`SELECT retries FROM publisher.posts WHERE deviation_id = '${work.id}'`))[0]?.retries;
}

// ---------------------------------------------------------------- an upload that fails

for (const [name, action, fault, category, wait, stored] of [
	['500', 'status', { status: 500 }, 'SERVER_ERROR', 3000, 1],
	['502 with HTML', 'status', { status: 502, body: '<html>Bad gateway</html>' }, 'SERVER_ERROR', 3000, 1],
	['504', 'status', { status: 504, body: '<html>Gateway time-out</html>' }, 'SERVER_ERROR', 3000, 1],
	['a reset in the middle', 'reset_middle', {}, 'NETWORK_ERROR', 2000, 1],
	['a reset instead of the answer', 'reset_after', {}, 'NETWORK_ERROR', 2000, 2],
	['a connection closed instead of the answer', 'close', {}, 'NETWORK_ERROR', 2000, 1],
	['half an answer', 'truncate', {}, 'NETWORK_ERROR', 2000, 2],
	['an answer of blanks', 'empty', {}, 'NETWORK_ERROR', 2000, 2],
	['an answer that is no JSON', 'garbage', {}, 'NETWORK_ERROR', 2000, 1],
	['a status that nobody knows', 'status', { status: 418, body: { status: 'error', error: 'teapot' } }, 'UNKNOWN', 5000, 1],
]) {
	scenario(`an upload answered by ${name} burns one attempt, is counted as ${category} and retried after ${wait} ms`, async () => {
		const house = await (/^(reset|close)/.test(action) ? unused() : home);
		const work = await house.deviation(await house.artist(), { files: [{ size: 150000 }] });
		await house.sandbox.fault('submit', { title: work.title }, action, fault);
		await house.add(work);
		const row = await house.rowWas(work, ({ retry_count: count }) => count > 0);
		assert.equal(row.retry_count, 1);
		assert.equal(row.status, 'scheduled');
		assert.ok(row.error_message.length > 10, row.error_message);
		assert.ok(row.last_retry_at);
		assert.equal(row.execution_lock_id, null);
		assert.deepEqual(await retries(house, work), { [category]: 1 });
		const waiting = await house.jobIs(work, 'delayed');
		assert.equal(waiting.attempts, 1);
		assert.ok(waiting.failedReason.length > 10);

		const { row: end, job } = await house.published(work);
		assert.equal(job.attempts, 2);
		assert.deepEqual([end.error_message, end.retry_count, end.execution_version], [null, 1, 2]);
		const { posts, submits, requests } = await house.seen(work);
		assert.deepEqual([posts.length, submits.length], [1, stored]);
		isWait(gaps(requests, 'submit')[0], wait);
	});
}

for (const [how, action, spare] of [
	['is reset at its first bytes', 'reset_before', 0],
	['is reset in its middle', 'reset_middle', 0],
	['is reset instead of answering', 'reset_after', 1],
	['is closed instead of answering', 'close', 0],
]) {
	scenario(`an upload on a kept connection that ${how} is sent once more on a new one; only if that dies, too, an attempt has failed`, async () => {
		const house = await unused();
		const artist = await house.artist();
		const before = await house.deviation(artist);
		await house.add(before);
		await house.published(before); // its connections are kept for half a minute

		const work = await house.deviation(artist, { files: [{ size: 150000 }] });
		await house.sandbox.fault('submit', {}, action, { count: 1 });
		await house.add(work);
		const { row, job } = await house.published(work);
		assert.deepEqual([row.retry_count, job.attempts, job.claims], [0, 1, 1]);
		const { posts, submits } = await house.seen(work);
		assert.deepEqual([posts.length, submits.length], [1, 1 + spare]);
		const uploads = async () => (await house.sandbox.requests()).filter(({ endpoint }) => endpoint === 'submit').length;
		assert.equal(await uploads(), 1 + 2, 'it was sent twice');

		const unlucky = await house.deviation(artist);
		await house.sandbox.fault('submit', {}, action, { count: 2 });
		await house.add(unlucky);
		const burned = await house.published(unlucky);
		assert.deepEqual([burned.row.retry_count, burned.job.attempts], [1, 2]);
		assert.equal((await house.seen(unlucky)).posts.length, 1);
		assert.equal(await uploads(), 1 + 2 + 3);
	});
}

// A way that is gone says nothing. What is still to be acknowledged is waited for 15 s; where all was, a probe goes out after 15 s, and another one 5 s later.
for (const [what, action, more, least, most] of [
	['in the middle of its file', 'deaf', {}, 14000, 25000],
	['before its answer', 'deaf_after', { delay_ms: 500 }, 19000, 35000], // until then all that came is acknowledged
]) {
	scenario(`an upload on a kept connection whose way is gone without a word, ${what}, is sent once more on a new one: no attempt`, async () => {
		const house = await unused();
		const artist = await house.artist();
		const before = await house.deviation(artist);
		await house.add(before);
		await house.published(before);

		const work = await house.deviation(artist, { files: [{ size: 150000 }] });
		await house.sandbox.fault('submit', {}, action, { count: 1, ...more });
		await house.add(work);
		const { row, job } = await house.published(work, 60000);
		assert.deepEqual([row.retry_count, job.attempts, job.claims], [0, 1, 1]);
		const { posts, submits } = await house.seen(work);
		assert.deepEqual([posts.length, submits.length], [1, 1]);
		await house.sandbox.post('release', {}); // what hangs is in the ledger when it has ended
		const [, waited] = gaps((await house.sandbox.requests()).sort((one, other) => one.started_ms - other.started_ms), 'submit');
		assert.ok(waited >= least && waited <= most, `sent again after ${waited} ms`);
	});
}

for (const [how, action] of [['is reset', 'reset_before'], ['is closed', 'close']]) {
	scenario(`a download on a kept connection that ${how} is asked for again at once`, async () => {
		const house = await unused();
		const artist = await house.artist();
		const before = await house.deviation(artist);
		await house.add(before);
		await house.published(before);
		const work = await house.deviation(artist);
		await house.sandbox.fault('s3', { key: work.files[0].key }, action, { count: 1 });
		await house.add(work);
		const { row, job } = await house.published(work);
		assert.deepEqual([row.retry_count, job.attempts, job.claims], [0, 1, 1]);
		assert.equal((await house.sandbox.requests()).filter(({ endpoint }) => endpoint === 's3').length, 1 + 2);
	});
}

scenario('each category counts its own retries: 500, reset, 500 wait 3, 2 and 6 s', async () => {
	const house = await unused();
	const work = await house.deviation(await house.artist());
	// Closed, so that the reset meets no kept connection: that would not count.
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500, headers: { Connection: 'close' } });
	await house.sandbox.fault('submit', { title: work.title }, 'reset_after', { effect: false });
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500 });
	await house.add(work);
	const { job } = await house.published(work, 30000);
	assert.equal(job.attempts, 4);
	const waits = gaps((await house.seen(work)).requests, 'submit');
	for (const [i, wanted] of [3000, 2000, 6000].entries()) isWait(waits[i], wanted);
});

scenario('the back-off of the job itself wins over our waits', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500, count: 3 });
	await house.add(work, { opts: { backoff: { type: 'exponential', delay: 300 } } });
	await house.published(work);
	const waits = gaps((await house.seen(work)).requests, 'submit');
	for (const [i, wanted] of [300, 600, 1200].entries()) isWait(waits[i], wanted, { less: 0, more: 0 });
});

scenario('503 burns no attempt and is waited out', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 503, body: '<html>Maintenance</html>' });
	await house.add(work);
	const waiting = await house.jobIs(work, 'delayed');
	const row = await house.row(work);
	assert.deepEqual([waiting.attempts, row.retry_count, row.status, row.execution_lock_id], [0, 0, 'scheduled', null]);
	assert.ok(row.error_message);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	isWait(gaps((await house.seen(work)).requests, 'submit')[0], 3000);
});

scenario('503 with Retry-After is not asked again earlier than that', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 503, headers: { 'Retry-After': '1' }, count: 2 });
	await house.add(work);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	for (const ms of gaps((await house.seen(work)).requests, 'submit')) isWait(ms, 1000, { less: 0 });
});

scenario('429 at publish burns no attempt; the same item is published, nothing is uploaded anew', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { ...slowDown, headers: { 'Retry-After': '1' } });
	await house.add(work);
	const { job } = await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([job.attempts, posts.length, submits.length], [1, 1, 1]);
});

scenario('a row that was changed between upload and publish is uploaded anew, and the old item never published', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { ...slowDown, headers: { 'Retry-After': '3' } });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	await house.update(work, "title = title || ' changed'");
	const { row } = await house.published(work);
	const old = await house.seen(work);
	const now = await house.seen({ ...work, title: `${work.title} changed` });
	assert.deepEqual([old.posts.length, now.posts.length], [0, 1]);
	assert.equal(row.stash_item_id, now.submits[0].itemid);
	assert.notEqual(row.stash_item_id, old.submits[0].itemid);
});

scenario('DeviantArt not listening burns no attempt', async () => {
	const house = await build({ start: false });
	const storage = new Sandbox(`${house.sandbox.name}-storage`, house.sandbox.objects);
	await storage.start();
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.process.stop();
	await house.add(work);
	await house.start({ S3_ENDPOINT: storage.storageUrl });
	const waiting = await house.jobIs(work, 'delayed');
	const row = await house.row(work);
	assert.deepEqual([waiting.attempts, row.retry_count, row.status], [0, 0, 'scheduled']);
	await house.sandbox.start();
	await house.introduce(artist);
	const { job } = await house.published(work);
	assert.deepEqual([job.attempts, (await house.seen(work)).posts.length], [1, 1]);
});

scenario('an upload that never ends is ended by the job time-out: one attempt, then again', async () => {
	const house = await build({ settings: { PUBLISHER_JOB_TIMEOUT_MS: 1500 } });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'hang');
	await house.add(work);
	const row = await house.rowWas(work, ({ retry_count: count }) => count > 0);
	assert.equal(row.status, 'scheduled');
	const { job } = await house.published(work);
	assert.equal(job.attempts, 2);
	const { posts, requests } = await house.seen(work);
	assert.equal(posts.length, 1);
	isWait(gaps(requests, 'submit')[0], 1500 + 2000, { late: 2500 });
});

scenario('an outage is given up 24 h after its first refusal, a success in between begins anew', async () => {
	const house = await home;
	const [work, lucky] = [await house.deviation(await house.artist()), await house.deviation(await house.artist(), { files: [{}, {}] })];
	const outage = { status: 503, headers: { 'Retry-After': '1' } };
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...outage, count: 2 });
	await house.sandbox.fault('submit', { title: lucky.title }, 'status', outage);
	await house.sandbox.fault('submit', { title: lucky.title }, 'status', { ...outage, skip: 1 });
	for (const one of [work, lucky]) {
		await house.add(one);
		await house.jobIs(one, 'delayed');
		await house.psql.query(`UPDATE publisher.posts SET first_refused_at = first_refused_at - interval '25 hours' WHERE deviation_id = '${one.id}'`);
	}
	const { row, job } = await house.failed(work);
	assert.ok(row.error_message.length > 10);
	assert.ok(job.attempts <= 1);
	await house.published(lucky);
});

// ---------------------------------------------------------------- several files

scenario('multiple resumes at the first file that is not done; what is published is not touched again', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [{}, {}, {}] });
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500, skip: 1 });
	await house.add(work, { opts: { backoff: { type: 'fixed', delay: 300 } } });
	const row = await house.rowWas(work, ({ retry_count: count }) => count > 0);
	assert.notEqual(row.status, 'published');
	const { row: end, job } = await house.published(work);
	const { posts, submits, publishes } = await house.seen(work);
	assert.equal(job.attempts, 2);
	assert.deepEqual([posts.length, submits.length, publishes.length], [3, 3, 3]);
	assert.deepEqual(publishes.map(({ size_bytes: size }) => size), work.files.map(({ size }) => size));
	assert.equal(end.deviation_id, publishes[0].deviationid);
	assert.deepEqual(job.returned.results.map(({ deviationId }) => deviationId), publishes.map(({ deviationid }) => deviationid));
});

scenario('multiple whose second publish is refused for good fails, and goes on there when it is scheduled again', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [{}, {}] });
	await house.sandbox.fault('publish', { title: work.title }, 'status', { ...refusal('Submission policy'), skip: 1 });
	await house.add(work);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /Submission policy/);
	await house.update(work, "status = 'scheduled', error_message = NULL");
	assert.equal(await house.enqueue(work), 0);
	const { job } = await house.published(work);
	const { posts, submits, publishes } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length, publishes.length], [2, 2, 3]);
	assert.equal(job.returned.results.length, 2);
});

// ---------------------------------------------------------------- final refusals

scenario('an upload refused with 400 fails at once, with what DeviantArt said', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', refusal('Request field validation failed.', { error_details: { title: 'title has a forbidden word' } }));
	await house.add(work);
	const { row, job } = await house.failed(work);
	assert.match(row.error_message, /validation failed/);
	assert.match(row.error_message, /forbidden word/);
	assert.match(job.failedReason, /forbidden word/);
	assert.deepEqual([job.claims, row.execution_lock_id, row.retry_count], [1, null, 1]);
	assert.equal((await house.seen(work)).requests.length, 1);
});

scenario('an error in an answer with status 200 is an error', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...refusal('The file is damaged.'), status: 200 });
	await house.add(work);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /file is damaged/);
});

for (const [code, words] of [[0, 'submission policy'], [1, 'terms of service'], [4, 'licen[cs]e'], [8, 'preview image']]) {
	scenario(`publish refused with error_code ${code} fails at once and says why`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), code === 8 ? { files: [{ mime_type: 'image/webp' }] } : {});
		if (code !== 8) await house.sandbox.fault('publish', { title: work.title }, 'status', refusal('So says the site.', { error_code: code }));
		await house.add(work);
		const { row, job } = await house.failed(work);
		assert.match(row.error_message, new RegExp(words, 'i'));
		assert.equal(job.claims, 1);
		const { posts, publishes } = await house.seen(work);
		assert.deepEqual([posts.length, publishes.length], [0, 1]);
	});
}

scenario('a refused publish is tried with the same item once the post is scheduled again', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', refusal('Terms of service', { error_code: 1 }));
	await house.add(work);
	await house.failed(work);
	await house.update(work, "status = 'scheduled'");
	assert.equal(await house.enqueue(work), 0);
	await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length], [1, 1]);
});

// ---------------------------------------------------------------- what is repaired

for (const code of [2, 3]) {
	scenario(`a category refused with error_code ${code} is left out, at once`, async () => {
		const house = await (code === 2 ? categories : home);
		const work = await house.deviation(await house.artist(), { category_path: 'digitalart/gone' });
		if (code === 3) await house.sandbox.fault('publish', { title: work.title }, 'status', refusal('Invalid category', { error_code: 3 }));
		await house.add(work);
		const { job } = await house.published(work);
		const { posts, submits, publishes } = await house.seen(work);
		assert.deepEqual([job.attempts, posts.length, submits.length, publishes.length], [1, 1, 1, 2]);
		assert.deepEqual(publishes.map(({ fields }) => fields.catpath), ['digitalart/gone', undefined]);
	});
}

scenario('a display resolution refused with error_code 5 becomes 0, at once and without a watermark', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { display_resolution: 3, add_watermark: true });
	await house.sandbox.fault('publish', { title: work.title }, 'status', refusal('Invalid display resolution', { error_code: 5 }));
	await house.add(work);
	const { job } = await house.published(work);
	const { posts, publishes } = await house.seen(work);
	assert.deepEqual([job.attempts, posts.length, publishes.length], [1, 1, 2]);
	assert.deepEqual(publishes.map(({ fields: f }) => [f.display_resolution, f.add_watermark]), [['3', 'true'], ['0', undefined]]);
});

scenario('what is refused again after its repair fails', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { display_resolution: 3 });
	await house.sandbox.fault('publish', { title: work.title }, 'status', { ...refusal('Invalid display resolution', { error_code: 5 }), count: 9 });
	await house.add(work);
	const { job } = await house.failed(work);
	assert.equal(job.claims, 1);
	assert.equal((await house.seen(work)).publishes.length, 2);
});

scenario('a quota that is used up is asked for again after a minute', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', refusal('Your Sta.sh quota is used up.'));
	await house.add(work);
	const row = await house.rowIs(work, ({ retry_count: count }) => count === 1);
	assert.match(row.error_message, /quota/);
	const job = await house.jobIs(work, 'delayed');
	assert.equal(job.attempts, 1);
	isWait(job.due - Date.now(), 60000, { late: 0, less: 0.25 });
});

// ---------------------------------------------------------------- storage

scenario('a file that is not in the storage fails with that reason, nothing is sent', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [{ stored: false, original_filename: 'lost.png' }] });
	await house.add(work);
	const { row, job } = await house.failed(work);
	assert.match(row.error_message, /lost\.png/);
	assert.equal(job.claims, 1);
	assert.equal((await house.seen(work)).submits.length, 0);
});

for (const [name, difference] of [['larger', 1], ['smaller', -1]]) {
	scenario(`an object ${name} than the row says fails, and is never submitted`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), { files: [{ size: 5000, file_size: 5000 - difference }] });
		await house.add(work);
		const { row, job } = await house.failed(work);
		assert.match(row.error_message, /5000/);
		assert.equal(job.claims, 1);
		assert.equal((await house.seen(work)).submits.length, 0);
	});
}

for (const [name, action, fault] of [
	['that ends in the middle of an object', 'truncate', {}],
	['that resets the connection', 'reset_after', {}],
	['that asks to slow down', 'status', { status: 503, body: '<Error><Code>SlowDown</Code></Error>' }],
	['with an internal error', 'status', { status: 500, body: '<Error><Code>InternalError</Code></Error>' }],
	['that is not ours to read', 'status', { status: 403, body: '<Error><Code>SignatureDoesNotMatch</Code></Error>' }],
]) {
	scenario(`a storage ${name} is waited for: no attempt burned, the whole file is published once`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), { files: [{ size: 400000 }] });
		await house.sandbox.fault('s3', { key: work.files[0].key }, action, { ...fault, count: 2 });
		await house.add(work);
		const waiting = await house.jobIs(work, 'delayed');
		assert.equal(waiting.attempts, 0);
		assert.equal((await house.row(work)).execution_lock_id, null);
		const { row, job } = await house.published(work, 60000);
		assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
		const { posts, submits } = await house.seen(work);
		assert.deepEqual([posts.length, submits.length, submits[0].size_bytes], [1, 1, 400000]);
	});
}

scenario('wrong storage credentials fail no post: the job waits', async () => {
	const house = await build({ settings: { S3_SECRET_ACCESS_KEY: 'wrong' } });
	const work = await house.deviation(await house.artist());
	await house.add(work);
	const waiting = await house.jobIs(work, 'delayed');
	const row = await house.row(work);
	assert.deepEqual([waiting.attempts, row.retry_count, row.status, row.execution_lock_id], [0, 0, 'scheduled', null]);
	assert.equal((await house.seen(work)).submits.length, 0);
});

afterwards();
