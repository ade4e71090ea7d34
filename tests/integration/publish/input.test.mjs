// Bad input of every kind: job data, job hashes, ids, rows, files, users, answers. Each gets a reason that a person understands,
// or does no harm; the next job runs.
import assert from 'node:assert/strict';
import http from 'node:http';

import { afterwards, build, inTime, isWait, scenario, until } from './stage.mjs';

// No comparison with PostgreSQL: some 200 rows lie there at once, and on a busy machine it would find some before their jobs are added.
const alone = { PUBLISHER_RECONCILE_INTERVAL_MS: 86400000 };
const home = build({ settings: { PUBLISHER_CONCURRENCY: 3, ...alone } });
(await home).leaves('no-job', 'nobody sweeps, so that a job that cannot be run is not added again');
const answers = build({ settings: { PUBLISHER_CONCURRENCY: 4, ...alone } });
const unknownId = '00000000-0000-4000-8000-00000000dead';

/** Words, on one line, of a length that somebody reads; and they say what `what` says. */
function understandable(reason, what = /\w/) {
	assert.match(reason, what);
	assert.match(reason, /^[^\p{Cc}\ufffd]{10,1000}$/u, 'a line of text');
	assert.match(reason, /\w{3,} \w{2,}/, 'words');
	assert.doesNotMatch(reason, /undefined|\[object|\(null\)|%s/);
	return true;
}

/** Whatever came before, the next job runs. */
async function goesOn(house) {
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await house.published(work, 10000);
}

/** An id, as it is, and its turn. */
async function push(house, id) {
	await house.redis.run('LPUSH', house.key('wait'), id);
	await house.redis.run('ZADD', house.key('marker'), 0, '0');
}

// ---------------------------------------------------------------- what a job says

const json = (more) => JSON.stringify({ deviationId: unknownId, userId: 'u', uploadMode: 'single', ...more });

for (const [name, data, reason] of [
	['true', 'true', /JSON object/],
	['a number', '7', /JSON object/],
	['a text', '"deviationId"', /JSON object/],
	['nothing', '', /JSON object/],
	['blanks', '   ', /JSON object/],
	['an object cut short', json().slice(0, -1), /JSON object/],
	['an object and something behind it', `${json()} {}`, /JSON object/],
	['a lone surrogate', '{"deviationId":"\\ud800","userId":"u"}', /JSON object/],
	['a deviationId that is an object', json({ deviationId: { id: unknownId } }), /deviationId/],
	['a deviationId that is null', json({ deviationId: null }), /deviationId/],
	['a deviationId beyond all numbers', '{"deviationId":1e999,"userId":"u"}', /deviationId/],
	['a deviationId of 256 bytes', json({ deviationId: 'x'.repeat(256) }), /deviationId.*255/],
	['a deviationId of two lines', json({ deviationId: 'a\nb' }), /deviationId.*control/],
	['a userId that is a list', json({ userId: ['u'] }), /userId/],
	['no userId', json({ userId: undefined }), /userId/],
	['an uploadMode that is a number', json({ uploadMode: 3 }), /uploadMode/],
	['an uploadMode in capitals', json({ uploadMode: 'SINGLE' }), /uploadMode/],
	['a prototype for an object', `{"__proto__":${json()}}`, /deviationId/],
	['SQL for ids', json({ deviationId: "' OR 1=1 --", userId: "'; DROP TABLE users; --" }), /no such deviation/],
	['a path for an id', json({ deviationId: '../../etc/passwd' }), /no such deviation/],
	['ten million bytes', json({ userId: 'x'.repeat(1e7) }), /larger/],
	['a hundred thousand brackets', '[{'.repeat(50000), /deeper|larger/],
]) {
	scenario(`job data: ${name}`, async () => {
		const house = await home;
		const id = `data-${name.replaceAll(' ', '-')}`;
		await house.addJob({ id, data });
		const job = await house.jobIs(id, 'failed');
		understandable(job.failedReason, reason);
		assert.deepEqual([job.claims, job.attempts], [1, 1]);
		await goesOn(house);
	});
}

scenario('job data whose ids hold a NUL are not taken for what is before it', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.addJob({ id: 'data-nul', data: { deviationId: `${work.id}\0x`, userId: work.artist.id } });
	understandable((await house.jobIs('data-nul', 'failed')).failedReason, /NUL/);
	assert.equal((await house.seen(work)).requests.length, 0);
	assert.equal((await house.row(work)).execution_version, 0);
});

/** Bytes as they are: the client of the tests writes text. */
function redisBytes(house, words) {
	const { socket } = house.redis;
	return new Promise((done, fail) => {
		house.redis.waiting.push({ done, fail });
		socket.write(Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.flatMap((word) => {
			const bytes = Buffer.from(word);
			return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
		})]));
	});
}

scenario('job data, a job id and a job name that are no UTF-8: refused in words that are, and the log stays JSON', async () => {
	const house = await home;
	const bad = Buffer.from([0xc3, 0x28, 0xff, 0xfe, 0xed, 0xa0, 0x80]);
	const id = Buffer.concat([Buffer.from('bytes-'), bad]);
	const fields = (name, data) => ['name', name, 'data', data, 'opts', '{}', 'timestamp', '1', 'delay', '0', 'priority', '0'];
	await house.redis.run('PING');
	await redisBytes(house, ['HSET', house.key('bytes-1'), ...fields('publish-deviation', Buffer.concat([Buffer.from('{"userId":"u","deviationId":"'), bad, Buffer.from('"}')]))]);
	await redisBytes(house, ['HSET', house.key('bytes-2'), ...fields(bad, json())]);
	await redisBytes(house, ['HSET', Buffer.concat([Buffer.from(house.key('')), id]), ...fields('publish-deviation', json())]);
	for (const one of ['bytes-1', 'bytes-2', id]) await redisBytes(house, ['LPUSH', house.key('wait'), one]);
	await house.redis.run('ZADD', house.key('marker'), 0, '0');
	for (const one of ['bytes-1', 'bytes-2']) understandable((await house.jobIs(one, 'failed')).failedReason.replaceAll('\ufffd', '?'));
	await until('the third has failed too', async () => await redisBytes(house, ['ZSCORE', house.key('failed'), id]) !== null);
	await goesOn(house);
});

for (const [name, fields, ends] of [
	['without anything', {}, 'failed'],
	['without a name', { name: undefined }, 'failed'],
	['without data', { data: undefined }, 'failed'],
	['without options, times and counters', { opts: undefined, timestamp: undefined, delay: undefined, priority: undefined }, 'completed'],
	['with counters that are words', { atm: 'seven', ats: 'NaN', stc: '-1e999', timestamp: 'yesterday', delay: '{}', priority: 'high' }, 'completed'],
	['with numbers out of range', { atm: '-99999999999999999999', ats: '1e308', timestamp: '99999999999999999999999', delay: '-1', priority: '1e400' }, 'completed'],
	['with options that are a list', { opts: '[1, 2]' }, 'completed'],
	['with options of every wrong kind', { opts: '{"attempts":-3,"backoff":{"type":7,"delay":"long"},"removeOnComplete":"yes","removeOnFail":{"age":-1,"count":1e300},"keepLogs":{},"lifo":1,"kl":-5}' }, 'completed'],
	['with a million attempts', { opts: '{"attempts":1e300}' }, 'completed'],
	['with a parent that is none', { parentKey: 'nonsense', parent: '{"id":7,"queueKey":[]}' }, 'completed'],
	['with a stack trace that is none', { stacktrace: '{"a":', progress: '}{', logs: 'x' }, 'completed'],
	['with a thousand more fields', Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`field ${i}`, 'x'.repeat(100)])), 'completed'],
]) {
	scenario(`a job hash ${name}: ${ends}`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		work.job = `hash-${name.replaceAll(' ', '-').replaceAll(',', '')}`;
		const hash = { name: 'publish-deviation', data: JSON.stringify({ deviationId: work.id, userId: work.artist.id }), opts: '{}', timestamp: Date.now(), delay: 0, priority: 0, ...fields };
		const written = name === 'without anything' ? ['x', 'y'] : Object.entries(hash).filter(([, value]) => value !== undefined).flat();
		await house.redis.run('HSET', house.key(work.job), ...written);
		await push(house, work.job);
		const job = await house.jobIs(work.job, ends);
		if (ends === 'failed') understandable(job.failedReason);
		else assert.equal((await house.row(work)).status, 'published');
		await goesOn(house);
	});
}

// ---------------------------------------------------------------- ids

for (const id of ['a:b', 'deviation:*', '*', '?[a]', 'line\nbreak', 'tab\tand\r\0nul', '"quoted"', "'; --", '{tag}', 'ünï ☃', '', ' ', '0', '12', '%s%n', '../..', 'a'.repeat(5000), '0:0:0', 'x:logs', 'repeat:x:1', '__proto__']) {
	scenario(`a job id ${JSON.stringify(id).slice(0, 30)}: an id as any other`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist());
		work.job = id;
		await house.add(work);
		const { job } = await house.published(work);
		assert.deepEqual([job.attempts, job.claims], [1, 1]);
		await goesOn(house);
	});
}

scenario('ids that belong to no job, or to a key of the queue that is none: dropped, and everything behind them runs', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1, PUBLISHER_STALE_CHECK_INTERVAL_MS: 300 } });
	const before = await house.deviation(await house.artist());
	await house.add(before); // so that the queue's keys exist
	await house.published(before);
	const nobody = ['no-such-job', 'a:b', '', '\n', '*', 'events', 'completed', 'id', 'wait', 'active', 'delayed', `${before.job}:logs`];
	await house.redis.run('SET', house.key('id'), 'some');
	const works = [];
	for (const id of nobody) {
		await house.redis.run('LPUSH', house.key('wait'), id);
		const work = await house.deviation(await house.artist());
		works.push(work);
		const data = JSON.stringify({ deviationId: work.id, userId: work.artist.id });
		await house.redis.run('HSET', house.key(work.job), 'name', 'publish-deviation', 'data', data, 'opts', '{}', 'timestamp', Date.now());
		await push(house, work.job);
	}
	for (const work of works) assert.equal((await house.published(work)).job.claims, 1);
	await until('nothing is left', async () => (await house.redis.run('LLEN', house.key('active'))) + (await house.redis.run('LLEN', house.key('wait'))) === 0);
	await house.redis.run('DEL', house.key('id'));
	await goesOn(house);
});

// ---------------------------------------------------------------- rows

/** The row with its job: how it ends, within one claim. */
async function run(house, row, artist) {
	const work = await house.deviation(artist ?? await house.artist(), row);
	await house.add(work);
	const job = await house.jobIs(work, ['completed', 'failed']);
	const end = await house.row(work);
	assert.deepEqual([job.attempts, job.claims], [1, 1], JSON.stringify({ job, end }));
	assert.equal(end.status, job.state === 'completed' ? 'published' : 'failed', `job ${job.state}: ${job.failedReason}`);
	assert.equal(end.execution_lock_id, null);
	if (job.state === 'failed') for (const reason of [end.error_message, job.failedReason]) understandable(reason);
	const { submits } = await house.sandbox.get(`ledger?user=${work.artist.username}`);
	return { work, row: end, job, submits };
}

for (const [name, row, sent] of [
	['empty', '', undefined],
	['of blanks', '   ', undefined],
	['of 10 000 characters', 'x'.repeat(10000), 'x'.repeat(50)],
	['of 60 faces', '😀'.repeat(60), '😀'.repeat(50)],
	['of 80 accents over one letter', `e${'\u0301'.repeat(80)}`, undefined],
	['with control characters', 'a\nb\tc\x01d\x7f\r\n\r\nX-Evil: yes', undefined],
	['like a form', 'x"; name="file"; filename="y"\r\n--boundary--', undefined],
	['turned round', '\u202eevil\u2066', undefined],
	['like a format', '%s%n%x{}$(id)`id`', '%s%n%x{}$(id)`id`'],
]) {
	scenario(`a title ${name} is published`, async () => {
		const { work, row: end, submits } = await run(await home, { title: row });
		assert.equal(end.status, 'published', end.error_message);
		assert.equal(submits.length, 1);
		assert.ok([...submits[0].fields.title ?? ''].length <= 50);
		if (sent) assert.equal(submits[0].fields.title, sent);
		assert.equal(end.title, work.title, 'the row keeps it as it is');
		await goesOn(await home);
	});
}

for (const [name, row, reason] of [
	['a description of a megabyte', { description: 'ä'.repeat(500000) }],
	['a description with scripts and control characters', { description: '<script>x</script>\x01\x02\r\n.\r\n' }],
	['hostile tags', { tags: ['', '   ', 'a&b=c', 'x\r\ny', "'; --", '#'.repeat(50), 'ä'.repeat(1000), 'x'.repeat(5000), '{}', '\\', 'NULL'] }],
	['a thousand tags', { tags: Array.from({ length: 1000 }, (_, i) => `tag${i}`) }],
	['hostile galleries', { gallery_ids: ['', '../x', 'a&galleryids[]=b', 'x'.repeat(3000), '\r\n'] }, /galler/],
	['a hostile category', { category_path: '../../&x=1\r\n\x01' }],
	['a display resolution under all', { display_resolution: -2147483648, add_watermark: true }],
	['a display resolution over all', { display_resolution: 2147483647, add_watermark: true }],
	['mature without a level', { is_mature: true, mature_level: null }],
	['a negative number of retries', { retry_count: -2147483648 }],
	['a stash item that is a word', { stash_item_id: 'not a number' }, /item/],
	['a stash item of 300 digits', { stash_item_id: '9'.repeat(300) }, /item/],
	['an empty stash item', { stash_item_id: '' }],
	['a lock without a time', { execution_lock_id: 'w' }],
	['a date before all time', { actual_publish_at: "sql:timestamp '-infinity'" }, /value/],
	['a date after all time', { actual_publish_at: "sql:timestamp 'infinity'" }, /value/],
	['a version that cannot grow', { execution_version: 2147483647 }, /value/],
	['a change in the future', { updated_at: inTime('100 years') }],
]) {
	scenario(`a row with ${name} ${reason ? 'fails, and says why' : 'is published'}`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), row);
		await house.add(work);
		const job = await house.jobIs(work, ['completed', 'failed'], 10000);
		const end = await house.row(work);
		if (!reason) assert.equal(job.attempts, 1);
		assert.equal(end.status, reason ? 'failed' : 'published', `${job.failedReason}: ${end.error_message}`);
		if (reason) for (const told of [end.error_message, job.failedReason]) understandable(told, reason);
		assert.equal((await house.seen(work)).posts.length, reason ? 0 : 1);
		await goesOn(house);
	});
}

scenario('a count of retries that cannot grow stays where it is, and its post is retried as any other', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { retry_count: 2147483647 });
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500 });
	await house.add(work, { opts: { backoff: { type: 'fixed', delay: 100 } } });
	const { row, job } = await house.published(work);
	assert.deepEqual([job.attempts, row.retry_count], [2, 2147483647]);
});

for (const [name, date] of [['the year 9999', '9999-12-31'], ['the last that there is', '294276-12-31']]) {
	scenario(`a date in ${name} is waited for, and no job is in its way`, async () => {
		const house = await home;
		const work = await house.deviation(await house.artist(), { actual_publish_at: `sql:timestamp '${date}'` });
		await house.add(work, { timestamp: Date.now() - 60000 });
		const job = await house.jobIs(work, 'delayed');
		assert.ok(job.due > Date.now() + 86400000 * 365 * 100, `due ${job.due}`);
		assert.equal((await house.row(work)).status, 'scheduled');
		await goesOn(house);
	});
}

// ---------------------------------------------------------------- files

for (const [name, file] of [
	['that is a path', { original_filename: '../../etc/passwd' }],
	['with quotes', { original_filename: 'a"; filename="b.exe' }],
	['with lines', { original_filename: 'a\r\nContent-Type: text/html\r\n\r\nx.png' }],
	['of 5000 characters', { original_filename: `${'x'.repeat(5000)}.png` }],
	['that is empty', { original_filename: '' }],
	['turned round', { original_filename: 'a\u202egnp.exe' }],
	['like a format', { original_filename: '%s%n%00.png' }],
	['of another system', { original_filename: 'C:\\x\\y".png\\' }],
	['of other scripts', { original_filename: '日本語 😀.png' }],
]) {
	scenario(`a file name ${name} goes out as a plain one`, async () => {
		const { row, submits } = await run(await home, { files: [file] });
		assert.equal(row.status, 'published');
		assert.deepEqual([submits.length, submits[0].size_bytes, submits[0].mime], [1, 2000, 'image/png']);
		assert.match(submits[0].filename, /^[^"\\/\p{Cc}]{1,255}$/u);
		await goesOn(await home);
	});
}

for (const [name, type] of [['with lines', 'image/png\r\nX-Evil: 1'], ['that is empty', ''], ['of 5000 characters', `image/${'x'.repeat(5000)}`], ['with a quote', 'text/html; x="y'], ['of one word', 'nonsense']]) {
	scenario(`a MIME type ${name} forges no header`, async () => {
		const { row, submits } = await run(await home, { files: [{ mime_type: type }] });
		assert.equal(row.status, 'published');
		assert.match(submits[0].mime, /^[\w.+-]+\/[\w.+-]+$/);
	});
}

for (const [name, file, reason] of [
	['of no bytes', { size: 0, content: Buffer.alloc(0) }, /empty/],
	['of fewer than no bytes', { file_size: -2147483648 }, /empty|size|bytes/],
	['of more bytes than there are', { file_size: 2147483647 }, /2000/],
	['that is not in the storage', { stored: false }, /storage/],
	['whose key climbs', { storage_key: '../../../etc/passwd', stored: false }, /\.\./],
	['whose key is empty', { storage_key: '', stored: false }, /empty/],
	['whose key is a root', { storage_key: '/etc/passwd', stored: false }, /slash/],
	['whose key is a question', { storage_key: 'x?versionId=1#frag&X-Amz-Signature=0', stored: false }, /storage/],
	['whose key has lines', { storage_key: 'a\r\nHost: evil.example\r\n\r\n', stored: false }, /storage/],
	['whose key is another host', { storage_key: '@evil.example/x', stored: false }, /storage/],
	['whose key is a URL', { storage_key: 'http://evil.example/x', stored: false }, /storage|key/],
	['whose key has 3000 characters', { storage_key: 'k'.repeat(3000), stored: false }, /1024/],
	['whose key is in other scripts, encoded in part', { storage_key: 'ü/日本 %2e%2e%2f%00', stored: false }, /storage/],
]) {
	scenario(`a file ${name} fails its post, and says why; nothing is uploaded`, async () => {
		const { row, submits } = await run(await home, { files: [file] });
		assert.equal(row.status, 'failed');
		understandable(row.error_message, reason);
		assert.equal(submits.length, 0);
		await goesOn(await home);
	});
}

scenario('where the storage URL of the row points makes no difference', async () => {
	const { row } = await run(await home, { files: [{ storage_url: 'http://user:password@127.0.0.1:1/../../x' }] });
	assert.equal(row.status, 'published');
});

// ---------------------------------------------------------------- artists

scenario('a row whose artist is gone fails with that reason', async () => {
	const house = await build();
	await house.psql.query('ALTER TABLE deviations DROP CONSTRAINT deviations_user_id_fkey');
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.psql.query(`DELETE FROM users WHERE id = '${artist.id}'`);
	await house.add(work);
	const { row, job } = await house.failed(work);
	understandable(row.error_message, /user|artist|account/);
	assert.equal(job.claims, 1);
	await goesOn(house);
});

for (const [name, token] of [['empty', ''], ['of two lines', 'a\r\nX-Evil: 1'], ['of 20 000 characters', 'x'.repeat(20000)], ['of other scripts', 'ü日'], ['with a NUL in words', 'a%00b']]) {
	scenario(`an access token ${name} is refreshed`, async () => {
		const house = await home;
		const artist = await house.artist({ access_token: token });
		const { row } = await run(house, {}, artist);
		assert.equal(row.status, 'published');
		assert.equal((await house.sandbox.get(`ledger?user=${artist.username}`)).refreshes.length, 1);
	});
	scenario(`a refresh token ${name} asks the artist to connect again`, async () => {
		const house = await home;
		const { row } = await run(house, {}, await house.artist({ refresh_token: token, token_expires_at: inTime('-1 hour') }));
		understandable(row.error_message, /connect/);
		await goesOn(house);
	});
}

scenario('dates of tokens that are no dates fail the post, and say why', async () => {
	const house = await home;
	for (const date of ['infinity', '-infinity']) {
		const { row } = await run(house, {}, await house.artist({ token_expires_at: `sql:timestamp '${date}'` }));
		understandable(row.error_message, /value/);
	}
	await goesOn(house);
});

// ---------------------------------------------------------------- answers

/** A fault whose body may be bytes: `raw` stands where a JSON text would be. */
async function fault(house, endpoint, match, action, { raw, ...more }) {
	if (!raw) return house.sandbox.fault(endpoint, match, action, more);
	const text = Buffer.from(JSON.stringify({ match: { endpoint, ...match }, action, ...more, body: 'RAW' }));
	const at = text.lastIndexOf('RAW');
	const whole = Buffer.concat([text.subarray(0, at), raw, text.subarray(at + 3)]);
	return new Promise((done, fail) => {
		const sent = http.request(`${house.sandbox.url}/_sandbox/faults`, { method: 'POST', agent: false }, (answer) => {
			answer.resume().on('end', () => (answer.statusCode === 200 ? done() : fail(new Error(`faults: ${answer.statusCode}`))));
		});
		sent.on('error', fail);
		sent.end(whole);
	});
}

const broken = Buffer.from('{\\"status\\":\\"error\\",\\"error\\":\\"invalid_request\\",\\"error_description\\":\\"caf\xe9 \xff\xfe is \xed\xa0\x80 wrong\\"}', 'latin1');

for (const [name, answer, reason] of [
	['whose words are no UTF-8', { status: 400, raw: broken }, /caf/],
	['whose words hold NUL and control characters', { status: 400, body: '{"status":"error","error":"invalid_request","error_description":"Not\\u001b[31m\\r\\nthis\\u0007 one"}' }, /Not.*this/],
	['of half a million words', { status: 400, body: { status: 'error', error: 'x', error_description: 'much '.repeat(100000) } }, /much/],
	['whose error is a number and whose words are a list', { status: 400, body: '{"status":"error","error":7,"error_description":[]}' }, /400/],
	['whose details are of every kind', { status: 400, body: '{"status":"error","error":"invalid_request","error_description":"Wrong.","error_details":[7,{"title":{}},null],"error_code":"nine"}' }, /Wrong/],
]) {
	for (const endpoint of ['submit', 'publish']) {
		scenario(`a refusal of ${endpoint} ${name} fails the post in words`, async () => {
			const house = await answers;
			const work = await house.deviation(await house.artist());
			await fault(house, endpoint, { title: work.title }, 'status', answer);
			await house.add(work);
			const { row, job } = await house.failed(work);
			assert.equal(job.claims, 1);
			for (const told of [row.error_message, job.failedReason]) understandable(told, reason);
			await goesOn(house);
		});
	}
}

const page = '<html><script>alert(1)</script></html>';
const kinds = [
	['a list', { status: 200, body: '[]' }],
	['null', { status: 200, body: 'null' }],
	['a number', { status: 200, body: '7' }],
	['success and nothing else', { status: 200, body: '{"status":"success"}' }],
	['everything as objects', { status: 200, body: '{"status":{},"itemid":{},"deviationid":[],"url":{},"access_token":{},"refresh_token":[],"expires_in":{}}' }],
	['numbers beyond all', { status: 200, body: '{"status":"success","itemid":1e400,"deviationid":7,"url":-1,"access_token":9,"refresh_token":8,"expires_in":1e400}' }],
	['below nothing', { status: 200, body: '{"status":"success","itemid":-1,"deviationid":"","url":"","access_token":"","refresh_token":""}' }],
	['lines in its values', { status: 200, body: '{"status":"success","itemid":"1\\r\\n2","deviationid":"a\\r\\nb","url":"javascript:alert(1)\\n","access_token":"a\\r\\nX-Evil: 1","refresh_token":"b\\n","expires_in":3600}' }],
	['a hundred thousand brackets', { status: 200, body: '['.repeat(100000) }],
	['broken UTF-8', { status: 200, raw: Buffer.from('{\\"status\\":\\"success\\",\\"itemid\\":\\"\xff\\",\\"deviationid\\":\\"\xff\xfe\\",\\"url\\":\\"http://x/\xe9\\"}', 'latin1') }],
	['a page', { status: 200, body: page }],
	['nothing', { status: 204 }],
	['a page as a refusal', { status: 400, body: page }],
	['another place to go', { status: 302, headers: { Location: 'http://127.0.0.1:1/secret' } }],
	['an unknown success', { status: 299, body: 'fine' }],
	['a bomb', { action: 'bomb', bytes: 64000000 }],
	['megabytes of NULs', { action: 'garbage', bytes: 4000000 }],
];

for (const [name, { action = 'status', ...answer }] of kinds) {
	scenario(`an upload answered by ${name}: one attempt, in words, then again`, async () => {
		const house = await answers;
		const work = await house.deviation(await house.artist());
		await fault(house, 'submit', { title: work.title }, action, answer);
		await house.add(work);
		const row = await house.rowWas(work, ({ retry_count: count }) => count > 0);
		understandable(row.error_message);
		assert.deepEqual([row.retry_count, row.status], [1, 'scheduled']);
		const { job } = await house.published(work);
		assert.equal(job.attempts, 2);
		assert.equal((await house.seen(work)).posts.length, 1);
	});
	scenario(`a publish answered by ${name} that took effect: found out, published once`, async () => {
		const house = await answers;
		const work = await house.deviation(await house.artist());
		await fault(house, 'publish', { title: work.title }, action, { ...answer, ...(action === 'status' || action === 'garbage' || action === 'bomb' ? { effect: true } : {}) });
		await house.add(work);
		const { row, job } = await house.published(work);
		const { posts } = await house.seen(work);
		assert.equal(posts.length, 1);
		assert.deepEqual([row.deviation_id, row.deviation_url, row.error_message, job.attempts], [posts[0].deviationid, posts[0].url, null, 1]);
	});
	scenario(`a refresh answered by ${name}: nothing is stored, in words, then again`, async () => {
		const house = await answers;
		house.mayPresentTwice = true; // what an unusable answer did to the token, nobody can know but by asking
		const artist = await house.artist({ token_expires_at: inTime('-1 hour') });
		const work = await house.deviation(artist);
		await fault(house, 'token', { user: artist.username }, action, answer);
		await house.add(work);
		const row = await house.rowWas(work, ({ error_message: message }) => message);
		understandable(row.error_message);
		assert.doesNotMatch(row.error_message, /connect/i, 'the login is not given up');
		await house.published(work);
		const pairs = new Set((await house.history('users', artist)).map(({ refresh_token: token }) => token));
		const { refresh_token: newest } = (await house.sandbox.get('state')).users.find(({ username }) => username === artist.username);
		assert.deepEqual([...pairs], [artist.refresh, newest], 'the first pair, then that of the next answer');
	});
	scenario(`a gallery answered by ${name} while an outcome is unknown: looked at again, published once`, async () => {
		const house = await answers;
		const artist = await house.artist();
		const work = await house.deviation(artist);
		await house.sandbox.fault('publish', { title: work.title }, 'reset_after', {});
		await fault(house, 'gallery', { user: artist.username }, action, answer);
		await house.add(work);
		const { row, job } = await house.published(work, 30000);
		const { posts, publishes } = await house.seen(work);
		assert.deepEqual([posts.length, publishes.length, job.attempts, row.error_message], [1, 1, 1, null]);
	});
}

for (const [name, body] of [
	['that never ends', '{"has_more":true,"next_offset":0,"results":[]}'],
	['of odd things', '{"has_more":"x","next_offset":"y","results":[null,7,[],{"title":7},{"deviationid":null,"published_time":"soon","title":[]}]}'],
	['with objects for results', '{"has_more":false,"results":{"0":{}}}'],
]) {
	scenario(`a gallery ${name} proves nothing; the post is published once`, async () => {
		const house = await answers;
		const artist = await house.artist();
		const work = await house.deviation(artist);
		await house.sandbox.fault('publish', { title: work.title }, 'reset_after', {});
		await house.sandbox.fault('gallery', { user: artist.username }, 'status', { status: 200, body });
		await house.add(work);
		const { job } = await house.published(work, 30000);
		const { posts, submits } = await house.seen(work);
		assert.deepEqual([posts.length, submits.length, job.attempts], [1, 1, 1]);
	});
}

for (const [name, answer] of [
	['nothing', { status: 204 }],
	['a part', { status: 206, body: 'x' }],
	['another place to go', { status: 302, headers: { Location: 'http://127.0.0.1:1/' } }],
	['a refusal nobody knows', { status: 400, body: '<Error><Code>Nonsense</Code></Error>' }],
	['a refusal that never ends', { status: 403, body: `<Error><Code>${'x'.repeat(100000)}` }],
	['a refusal in broken UTF-8', { status: 403, raw: Buffer.from('<Error><Code>\xff\xe9</Code>', 'latin1') }],
	['a limit', { status: 429, headers: { 'Retry-After': '-7' } }],
]) {
	scenario(`a storage that answers ${name}: the job waits, no attempt is burned, then the whole file goes out`, async () => {
		const house = await answers;
		const work = await house.deviation(await house.artist());
		await fault(house, 's3', { key: work.files[0].key }, 'status', answer);
		await house.add(work);
		const waiting = await house.jobIs(work, 'delayed');
		isWait(waiting.due - Date.now(), 1000, { less: 1, late: 1500 });
		const { row, job } = await house.published(work);
		assert.deepEqual([job.attempts, row.retry_count], [1, 0]);
		assert.deepEqual((await house.seen(work)).submits.map(({ size_bytes: size }) => size), [2000]);
	});
}

scenario('a storage that answers with a page of its own instead of the file: nothing of it is uploaded', async () => {
	const house = await answers;
	const work = await house.deviation(await house.artist());
	await fault(house, 's3', { key: work.files[0].key }, 'status', { status: 200, body: page });
	await house.add(work);
	const job = await house.jobIs(work, ['failed', 'delayed']);
	const row = await house.row(work);
	if (job.state === 'failed') understandable(row.error_message, /bytes/);
	assert.equal((await house.seen(work)).submits.length, 0);
});

for (const [name, code] of [['a key it cannot have', 'InvalidURI'], ['a key that is too long for it', 'KeyTooLongError']]) {
	scenario(`a storage that refuses ${name} fails the post, and says why`, async () => {
		const house = await answers;
		const work = await house.deviation(await house.artist());
		await fault(house, 's3', { key: work.files[0].key }, 'status', { status: 400, body: `<Error><Code>${code}</Code></Error>` });
		await house.add(work);
		const { row } = await house.failed(work);
		understandable(row.error_message, /key/);
		await goesOn(house);
	});
}

scenario('Retry-After of every wrong kind is no wait for ever, and no attempt', async () => {
	const house = await build();
	for (const wait of ['-5', 'soon', '', '1e300', '0x10', '999999999999999999999999', 'Thu, 01 Jan 1970 00:00:00 GMT']) {
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, headers: { 'Retry-After': wait }, body: { status: 'error', error: 'user_api_threshold' } });
		await house.add(work);
		const job = await house.jobIs(work, ['delayed', 'completed']);
		assert.ok(job.state === 'completed' || job.due - Date.now() <= 24 * 3600 * 1000 * 1.2, `${wait}: ${job.due - Date.now()} ms`);
		assert.equal(job.state === 'completed' ? job.attempts - 1 : job.attempts, 0);
		understandable((await house.row(work)).error_message ?? 'no message was needed');
	}
	await goesOn(house);
});

afterwards();
