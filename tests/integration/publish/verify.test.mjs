// The audit from outside, `isekai-publisher verify`: silent about a house in order, and exact about each thing that is not. The houses
// of this file have no publisher (but the first ones): what is wrong in them is planted by hand, each thing in a house of its own.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';

import { Psql } from './psql.mjs';
import { Redis, application, root, sql } from './servers.mjs';
import { afterwards, build, freePort, inTime, picture, scenario, sleep, until } from './stage.mjs';

const journalSql = readFileSync(`${root}/worker/sql/journal_1.sql`, 'utf8');
// What is wrong has to stay wrong for as long as the publishers would have to mend it: short here.
const quick = { PUBLISHER_RECONCILE_INTERVAL_MS: 500, PUBLISHER_LOCK_DURATION_MS: 500, PUBLISHER_STALE_CHECK_INTERVAL_MS: 500 };

/** A house that a publisher has been in: the journal is there, and an artist. */
async function deserted(settings = {}) {
	const house = await build({ start: false, settings: { ...quick, ...settings } });
	house.leaves('everything', 'what is wrong in it is planted');
	await house.psql.query(journalSql);
	house.someone = await house.artist();
	return house;
}

const verify = (house, ...more) => house.command(['verify', '--json', '--ledger', house.sandbox.url, ...more]);

/** All that verify must leave as it is. */
async function everything(house) {
	const tables = await house.psql.rows(`SELECT schemaname || '.' || tablename AS name FROM pg_tables
		WHERE schemaname IN ('public', 'publisher') ORDER BY 1`);
	const rows = {};
	for (const { name } of tables) rows[name] = await house.psql.rows(`SELECT * FROM ${name} ORDER BY 1, 2`);
	const keys = {};
	for (const key of (await house.redis.run('KEYS', '*')).sort()) keys[key] = await house.redis.run('OBJECT', 'ENCODING', key) + await contents(house, key);
	return { rows, keys, ledger: await house.sandbox.get('ledger'), requests: await house.sandbox.requests() };
}

async function contents(house, key) {
	const type = await house.redis.run('TYPE', key);
	const ask = { string: ['GET'], list: ['LRANGE', 0, -1], set: ['SMEMBERS'], zset: ['ZRANGE', 0, -1, 'WITHSCORES'], hash: ['HGETALL'], stream: ['XRANGE', '-', '+'] };
	const [command, ...rest] = ask[type];
	return JSON.stringify(await house.redis.run(command, key, ...rest));
}

// ---------------------------------------------------------------- ways to plant

/** The row of a post that went out, without a trace in the journal. */
const out = (more = {}) => ({ status: 'published', deviation_id: `POST-${Math.random()}`, deviation_url: 'https://www.deviantart.com/x/art/y', post_count_incremented: true,
	published_at: inTime('0 seconds'), ...more });

const inJournal = (house, work, more) => house.insert('publisher.files', { deviation_id: work.id, file_id: work.files[0].id, stash_item_id: `${Math.random()}`.slice(2),
	digest: '', state: 'published', ...more });

const trail = (house, work, step, detail) => house.insert('publisher.steps', { deviation_id: work.id, step, detail });

/** A request to DeviantArt as somebody sends it. */
async function call(house, artist, path, fields, file) {
	const form = new FormData();
	for (const [name, value] of Object.entries(fields)) form.append(name, value);
	if (file) form.append('file', new Blob([file], { type: 'image/png' }), 'picture.png');
	const answer = await fetch(`${house.sandbox.url}${path}`, { method: 'POST', body: form,
		headers: { 'User-Agent': 'test', 'Accept-Encoding': 'gzip', Authorization: `Bearer ${artist.access}` } });
	const text = await answer.text(); // an item's number is larger than JavaScript's go
	return { status: answer.status, ...JSON.parse(text), item: /"itemid":(\d+)/.exec(text)?.[1] };
}

const submit = async (house, title) => (await call(house, house.someone, '/api/v1/oauth2/stash/submit', { title }, picture(500))).item;
const publish = (house, item) => call(house, house.someone, '/api/v1/oauth2/stash/publish', { itemid: item, is_mature: 'false', agree_submission: '1', agree_tos: '1' });

/** What was made public under a title: {item, post}. */
async function made(house, title) {
	const item = await submit(house, title);
	const answer = await publish(house, item);
	assert.equal(answer.status, 'success', JSON.stringify(answer));
	return { item, post: answer.deviationid };
}

const refresh = async (house, token) => (await fetch(`${house.sandbox.url}/oauth2/token`, { method: 'POST', headers: { 'User-Agent': 'test', 'Accept-Encoding': 'gzip' },
	body: new URLSearchParams({ grant_type: 'refresh_token', client_id: application.id, client_secret: application.secret, refresh_token: token }) })).json();

/** A job's hash, and nothing else. */
async function hash(house, id, more = {}) {
	const fields = { name: 'publish-deviation', data: '{}', opts: '{"attempts":7}', timestamp: Date.now(), delay: 0, priority: 0, ...more };
	await house.redis.run('HSET', house.key(id), ...Object.entries(fields).flat());
	return id;
}

/** A session of PostgreSQL's that calls itself a publisher's, and has run something. */
async function session(house, statement) {
	const psql = new Psql(house.postgres, house.database);
	await psql.query("SET application_name = 'isekai-publisher worker'");
	const [{ pid }] = await psql.rows('SELECT pg_backend_pid() AS pid');
	await psql.query(statement);
	house.sessions = [psql];
	return String(pid);
}

const secret = 'a secret that is long enough';
const lock = (work) => `isekai-publisher|000001795513820|ip.dead.1.2.3.0.1|${work.job}`;

// ---------------------------------------------------------------- each thing that can be wrong

/** [invariant and check, how it is planted (gives the id that is named), settings, further checks that name it, too] */
const wrongs = [
	['I1 no-job', async (house) => (await house.deviation(house.someone, { actual_publish_at: inTime('-1 hour') })).id],
	['I1 no-job', async (house) => {
		const work = await house.deviation(house.someone, { status: 'uploading', updated_at: inTime('-2 minutes') });
		await hash(house, work.job, { finishedOn: 1, returnvalue: '{}' });
		await house.redis.run('ZADD', house.key('completed'), 1, work.job);
		return work.id;
	}],
	['I1 no-reason', async (house) => (await house.deviation(house.someone, { status: 'failed' })).id],
	['I1 no-reason', async (house) => { // behind three full pages of rows that are in order
		await house.psql.query(`INSERT INTO deviations (id, user_id, status, title)
			SELECT ' draft '||i, '${house.someone.id}', 'draft', 'x' FROM generate_series(1, 3000) i`);
		return (await house.deviation(house.someone, { status: 'failed' })).id;
	}],
	['I1 no-link', async (house) => (await house.deviation(house.someone, out({ deviation_url: null }))).id],
	['I1 dead-lock', async (house) => {
		const work = await house.deviation(house.someone, { status: 'failed', error_message: 'no' });
		await house.update(work, `execution_lock_id = ${sql(lock(work))}, execution_locked_at = now()`);
		return work.id;
	}],
	['I2 journal-differs', async (house) => {
		const work = await house.deviation(house.someone, out());
		await inJournal(house, work, { state: 'publishing' });
		return work.id;
	}],
	['I2 journal-differs', async (house) => {
		const { item: stash, post } = await made(house, 'failed by somebody');
		const work = await house.deviation(house.someone, { status: 'failed', error_message: 'no' });
		await inJournal(house, work, { stash_item_id: stash, published_deviation_id: post });
		return work.id;
	}],
	['I2 shared-item', async (house) => {
		for (let i = 0; i < 2; i++) await inJournal(house, await house.deviation(house.someone, { status: 'draft' }), { stash_item_id: '4711', state: 'submitted' });
		return '4711';
	}],
	['I2 shared-post', async (house) => {
		const { item: stash, post } = await made(house, 'both');
		await inJournal(house, await house.deviation(house.someone, { status: 'draft' }), { stash_item_id: stash, published_deviation_id: post, url: 'x' });
		await house.deviation(house.someone, out({ deviation_id: post }));
		return post;
	}],
	['I2 twice-published', async (house) => {
		const [first, second] = [await made(house, 'two'), await made(house, 'two')];
		const work = await house.deviation(house.someone, out({ deviation_id: first.post }));
		await inJournal(house, work, { stash_item_id: first.item, published_deviation_id: first.post, url: 'x' });
		await trail(house, work, 'publishing', `item ${second.item}`);
		return work.id;
	}],
	['I2 twice-published-item', async (house) => {
		await house.sandbox.post('settings', { accept_repeats: true });
		const { item: stash, post } = await made(house, 'again');
		await publish(house, stash);
		const work = await house.deviation(house.someone, out({ deviation_id: post }));
		await inJournal(house, work, { stash_item_id: stash, published_deviation_id: post, url: 'x' });
		return stash;
	}, {}, ['I2 twice-published']],
	['I2 not-public', async (house) => {
		const work = await house.deviation(house.someone, out());
		await inJournal(house, work, {});
		return work.id;
	}],
	['I2 public', async (house) => {
		const { item: stash } = await made(house, 'not to be');
		const work = await house.deviation(house.someone, { status: 'failed', error_message: 'refused' });
		await inJournal(house, work, { stash_item_id: stash, state: 'submitted' });
		return work.id;
	}],
	['I2 other-post', async (house) => {
		const [own, other] = [await made(house, 'own'), await made(house, 'other')];
		const work = await house.deviation(house.someone, out({ deviation_id: other.post }));
		await inJournal(house, work, { stash_item_id: own.item, published_deviation_id: other.post, url: 'x' });
		await inJournal(house, await house.deviation(house.someone, out({ deviation_id: own.post })), { stash_item_id: other.item });
		return work.id;
	}],
	['I2 stray-post', async (house) => (await made(house, 'whose?')).item],
	['I4 not-counted', async (house) => {
		const { item: stash, post } = await made(house, 'counted');
		const work = await house.deviation(house.someone, out({ deviation_id: post, post_count_incremented: false }));
		await inJournal(house, work, { stash_item_id: stash, published_deviation_id: post, url: 'x' });
		return work.id;
	}],
	['I4 sold-twice', async (house) => {
		const work = await house.deviation(house.someone, { status: 'draft' });
		await house.psql.query('ALTER TABLE sale_queue DROP CONSTRAINT sale_queue_deviation_id_key');
		await house.insert('price_presets', { id: 'preset', user_id: house.someone.id, name: 'x', price: 100 });
		for (const id of ['one', 'two']) await house.insert('sale_queue', { id, user_id: house.someone.id, deviation_id: work.id, price_preset_id: 'preset', price: 100 });
		return work.id;
	}],
	['I5 presented-twice', async (house) => {
		const { refresh_token: newest } = await refresh(house, house.someone.refresh);
		await refresh(house, house.someone.refresh);
		await house.psql.query(`UPDATE users SET refresh_token = ${sql(newest)}`);
		return house.someone.id;
	}],
	['I5 lost-token', async (house) => {
		await refresh(house, house.someone.refresh);
		return house.someone.id;
	}],
	['I5 parked-pair', async (house) => {
		await house.redis.run('SET', `isekai-publisher:parked-token:${house.someone.id}`, 'sealed', 'EX', 1000);
		return house.someone.id;
	}],
	['I5 stale-lease', async (house) => {
		await house.insert('publisher.token_leases', { user_id: house.someone.id, holder: 'dead', expires_at: inTime('-1 minute'),
			refresh_token_digest: createHash('sha256').update(house.someone.refresh).digest('hex') });
		return house.someone.id;
	}],
	['I6 burned-attempt', async (house) => {
		const work = await house.deviation(house.someone, { status: 'scheduled' });
		await hash(house, work.job, { data: JSON.stringify({ deviationId: work.id, userId: house.someone.id }), atm: 3, ats: 4 });
		await house.redis.run('LPUSH', house.key('wait'), work.job);
		await trail(house, work, 'attempt failed', 'once');
		return work.id;
	}],
	['I7 early', async (house) => {
		const { item: stash, post } = await made(house, 'too soon');
		const work = await house.deviation(house.someone, out({ deviation_id: post, actual_publish_at: inTime('1 hour') }));
		await inJournal(house, work, { stash_item_id: stash, published_deviation_id: post, url: 'x' });
		return work.id;
	}],
	['I7 late-job', async (house) => {
		const work = await house.deviation(house.someone, { actual_publish_at: inTime('1 hour') });
		await hash(house, work.job);
		await house.redis.run('ZADD', house.key('delayed'), (Date.now() + 7200000) * 4096, work.job);
		return work.id;
	}],
	['I8 too-fast', async (house) => {
		for (let i = 0; i < 2; i++) await submit(house, `fast ${i}`);
		return house.someone.username;
	}, { RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 60000, RATE_LIMITER_MAX_DELAY_MS: 60000 }],
	['I8 too-soon', async (house) => {
		await house.sandbox.post('settings', { user_limit: 1, user_limit_window_ms: 60000, retry_after_s: 60 });
		for (let i = 0; i < 2; i++) await submit(house, `soon ${i}`);
		await sleep(1700);
		await submit(house, 'soon');
		return house.someone.username;
	}],
	['I9 two-places', async (house) => {
		await house.redis.run('LPUSH', house.key('wait'), await hash(house, 'split'));
		await house.redis.run('ZADD', house.key('delayed'), Date.now() * 4096, 'split');
		return 'split';
	}],
	['I9 two-places', async (house) => {
		await house.redis.run('LPUSH', house.key('wait'), await hash(house, 'doubled'), 'doubled');
		return 'doubled';
	}],
	['I9 no-place', (house) => hash(house, 'nowhere')],
	['I9 no-place', async (house) => {
		await house.redis.run('HSET', house.key('storage-cleanup-nowhere', 'storage-cleanup'), 'name', 'cleanup', 'data', '{}');
		return 'storage-cleanup-nowhere';
	}],
	['I9 no-hash', async (house) => {
		await house.redis.run('ZADD', house.key('completed'), Date.now(), 'ghost');
		return 'ghost';
	}],
	['I9 no-lock', async (house) => {
		await house.redis.run('LPUSH', house.key('active'), await hash(house, 'abandoned', { ats: 1, processedOn: 1 }));
		return 'abandoned';
	}],
	['I9 stray-lock', async (house) => {
		await house.redis.run('LPUSH', house.key('wait'), await hash(house, 'locked'));
		await house.redis.run('SET', house.key('locked:lock'), 'somebody');
		return 'locked';
	}],
	['I9 stray-lock', async (house) => {
		await house.redis.run('SET', house.key('removed:lock'), 'somebody');
		return 'removed';
	}],
	['I9 stray-stalled', async (house) => {
		await house.redis.run('LPUSH', house.key('wait'), await hash(house, 'back'));
		await house.redis.run('SADD', house.key('stalled'), 'back');
		return 'back';
	}],
	['I9 ended-openly', async (house) => {
		await house.redis.run('ZADD', house.key('failed'), Date.now(), await hash(house, 'open', { finishedOn: Date.now() }));
		return 'open';
	}],
	['I9 bad-score', async (house) => {
		await house.redis.run('ZADD', house.key('delayed'), Date.now(), await hash(house, 'never'));
		return 'never';
	}],
	['I9 bad-score', async (house) => {
		await house.redis.run('ZADD', house.key('prioritized'), 5, await hash(house, 'unclassed', { priority: 5 }));
		return 'unclassed';
	}],
	['I9 bad-type', async (house) => {
		await house.redis.run('SET', house.key('delayed'), 'text');
		return house.key('delayed');
	}],
	['I9 bad-event', (house) => house.redis.run('XADD', house.key('events'), '*', 'event', 'completed', 'jobId', 'x', 'returnvalue', 'undefined')],
	['I9 no-marker', async (house) => {
		await house.redis.run('LPUSH', house.key('wait'), await hash(house, 'unheard'));
		house.caller = new Redis(house.redisServer.socket, house.number);
		await house.caller.run('CLIENT', 'SETNAME', `bull:${Buffer.from('deviation-publisher').toString('base64')}:w:x`);
		return 'deviation-publisher';
	}],
	['I9 dangling-dedup', async (house) => {
		await house.redis.run('SET', house.key('de:some'), 'gone');
		return house.key('de:some');
	}],
	['I9 stuck-parent', async (house) => {
		await house.redis.run('ZADD', house.key('waiting-children'), Date.now(), await hash(house, 'parent'));
		await house.redis.run('SADD', house.key('parent:dependencies'), house.key('child'));
		return 'parent';
	}],
	['I11 no-ttl', async (house) => {
		const key = 'bull-publisher:deviation-publisher:dead:token';
		await house.redis.run('SET', key, 1);
		house.forgotten = key;
		return key;
	}],
	['I11 idle-session', async (house) => {
		const pid = await session(house, 'BEGIN');
		await sleep(2100);
		return pid;
	}],
	['I11 advisory-lock', (house) => session(house, 'SELECT pg_advisory_lock(1)')],
	['I12 secret', async (house) => (await house.deviation(house.someone, { status: 'failed', error_message: `it said ${secret}!` })).id, { DEVIANTART_CLIENT_SECRET: secret }],
	['I12 secret', async (house) => {
		const work = await house.deviation(house.someone, { status: 'draft' });
		await inJournal(house, work, { state: 'submitted', title: house.someone.access });
		return work.id;
	}],
	['I12 secret', async (house) => {
		const work = await house.deviation(house.someone, { status: 'draft' });
		await trail(house, work, 'waits', `with ${house.someone.refresh}`);
		return '1';
	}],
	['I12 secret', async (house) => {
		await house.redis.run('ZADD', house.key('failed'), Date.now(), await hash(house, 'told', { finishedOn: 1, failedReason: `401 for ${house.someone.access}` }));
		return 'told';
	}],
	['I12 secret', async (house) => {
		await house.redis.run('LPUSH', house.key('wait'), await hash(house, 'logged'));
		await house.redis.run('RPUSH', house.key('logged:logs'), 'storage-secret was refused');
		return 'logged';
	}],
	['I13 untrue', async (house) => {
		house.listener = http.createServer((_, answer) => answer.writeHead(503).end('{"status":"not_ready","service":"isekai-publisher","error":"Redis is away"}'));
		const port = await freePort();
		await new Promise((done) => house.listener.listen(port, '127.0.0.1', done));
		house.changed = { ...house.changed, HEALTH_CHECK_ENABLED: 'true', HEALTH_CHECK_PORT: port };
		return `http://127.0.0.1:${port}/ready`;
	}],
];

for (const [i, [name, plant, settings, also = []]] of wrongs.entries()) {
	const nth = wrongs.slice(0, i).filter(([other]) => other === name).length + 1;
	scenario(`${name}${nth > 1 ? ` (${nth})` : ''} is found where it was planted, and nothing else; nothing is changed`, async () => {
		const house = await deserted(settings);
		try {
			const id = await plant(house);
			const before = await everything(house);
			if (house.forgotten) await until('nobody used it for a while', async () => await house.redis.run('OBJECT', 'IDLETIME', house.forgotten) >= 4, 20000, 200);
			const { code, output, errors } = await verify(house);
			assert.equal(errors, '');
			const { violations, clean } = JSON.parse(output);
			const named = violations.map(({ invariant, check }) => `${invariant} ${check}`);
			assert.deepEqual(named.sort(), [name, ...also].sort(), JSON.stringify(violations));
			assert.equal(violations.find(({ invariant, check }) => `${invariant} ${check}` === name).id, id);
			assert.deepEqual([code, clean], [1, false]);
			for (const { text } of violations) for (const one of [secret, house.someone.access, house.someone.refresh]) assert.ok(!text.includes(one), 'where it is, never what it is');
			assert.deepEqual(await everything(house), before);
		} finally {
			house.listener?.close();
			house.caller?.close();
			for (const psql of house.sessions ?? []) psql.close();
		}
	});
}

// ---------------------------------------------------------------- a house in order

scenario('a house after real publishing, a retry, a date that was not waited for and a reconciled unknown is in order, and told so quickly', async () => {
	const house = await build({ start: false }); // its jobs come before it: a busy machine would let it find due rows without any
	const artist = await house.artist();
	const works = [
		await house.deviation(artist),
		await house.deviation(artist, { files: [{}, {}, {}] }),
		await house.deviation(artist, { stash_only: true }),
		await house.deviation(artist, { title: 'fails once' }),
		await house.deviation(artist, { title: 'unknown' }),
		await house.deviation(artist, { status: 'publishing', actual_publish_at: inTime('1 hour') }),
	];
	const refused = await house.deviation(artist, { title: 'refused' });
	await house.sandbox.fault('submit', { title: 'fails once' }, 'status', { status: 500, count: 1 });
	await house.sandbox.fault('publish', { title: 'unknown' }, 'reset_after', { count: 1 });
	await house.sandbox.fault('publish', { title: 'refused' }, 'status', { status: 400, count: 1, body: { status: 'error', error: 'invalid_request', error_description: 'No.' } });
	for (const work of [...works, refused]) await house.add(work);
	await house.start();
	for (const work of works) await house.published(work, 40000);
	await house.failed(refused);
	const { code, output, errors } = await house.command(['verify', '--ledger', house.sandbox.url]);
	assert.deepEqual([code, errors], [0, ''], output);
	assert.match(output, /^rows: 6 published, 1 failed$/m);
	assert.match(output, /^spare uploads: 0 \(I3\)/m);
	assert.match(output, /^ledger: 7 posts/m);
	assert.match(output, /^verdict: no invariant is violated \(\d+ ms, 1 look\)$/m);
	assert.ok(Number(/\((\d+) ms/.exec(output)[1]) < 5000);
});

scenario('a living house under load is never accused: audits one after another while sixty posts go out and workers die', async () => {
	const house = await build({ start: false, settings: { PUBLISHER_CONCURRENCY: 4, PUBLISHER_UNKNOWN_WAIT_MS: 500 }, site: { latency_ms: 60 } });
	const artists = [await house.artist(), await house.artist(), await house.artist({ token_expires_at: inTime('-1 minute') })];
	const works = [];
	for (let i = 0; i < 60; i++) works.push(await house.deviation(artists[i % 3], { files: i % 10 === 0 ? [{}, {}] : [{}] }));
	for (const match of [{ endpoint: 'submit' }, { endpoint: 'publish' }])
		await house.sandbox.post('faults', { match, action: match.endpoint === 'submit' ? 'status' : 'reset_after', chance: 0.15, count: 8, ...(match.endpoint === 'submit' && { status: 500 }) });
	for (const work of works) await house.add(work);
	await house.start();
	const left = async () => Number((await house.psql.rows("SELECT count(*)::int AS n FROM deviations WHERE status <> 'published'"))[0].n);
	let audits = 0;
	do {
		const { code, output, errors } = await verify(house);
		assert.equal(code, 0, `${output}${errors}`);
		audits++;
		const [victim] = house.children().filter(({ title }) => title.includes('worker'));
		if (audits % 3 === 0 && victim) process.kill(victim.pid, 'SIGKILL');
		assert.ok(audits < 1000);
	} while (await left() > 0);
	assert.ok(audits >= 3, `${audits} audits`);
});

scenario('an audit that waits to look again holds no transaction, and works on one connection', async () => {
	const house = await deserted({ PUBLISHER_RECONCILE_INTERVAL_MS: 1500 });
	await house.deviation(house.someone, { actual_publish_at: inTime('-1 hour') });
	const sessions = () => house.psql.rows("SELECT pid, state FROM pg_stat_activity WHERE application_name = 'isekai-publisher verify'");
	const audit = verify(house);
	const pids = new Set();
	const asleep = await until('it waits', async () => {
		const found = await sessions();
		for (const { pid } of found) pids.add(pid);
		return found.length === 1 && found[0].state === 'idle' && found;
	}, 10000, 5);
	assert.equal((await audit).code, 1);
	assert.deepEqual([...pids], [asleep[0].pid]);
});

scenario('a database that no publisher has been in is told as such; the queue is looked at all the same', async () => {
	const house = await build({ start: false });
	await house.deviation(await house.artist());
	const { code, output } = await house.command(['verify']);
	assert.equal(code, 0, output);
	assert.match(output, /^rows: not checked; no publisher has made its journal/m);
	await hash(house, 'nowhere');
	house.leaves('no-place', 'it is planted');
	const again = await house.command(['verify']);
	assert.equal(again.code, 1);
	assert.match(again.output, /^I9 no-place job nowhere: /m);
});

scenario('what a report tells of others\' texts stays in its line', async () => {
	const house = await deserted();
	await hash(house, 'two\nlines\u001b[31m');
	const { code, output } = await house.command(['verify']);
	assert.equal(code, 1);
	assert.match(output, /^I9 no-place job two\\nlines\\u001b\[31m: it has a hash/m);
});

// ---------------------------------------------------------------- what cannot be reached, or is not meant

scenario('a server that is not reachable is named, with what to do: exit status 69', async () => {
	const house = await deserted();
	const port = await freePort();
	const page = http.createServer((_, answer) => answer.end('<html>'));
	await new Promise((done) => page.listen(0, '127.0.0.1', done));
	const url = (at) => `http://127.0.0.1:${at}`;
	for (const [settings, words, ...more] of [
		[{ DATABASE_URL: 'postgresql://isekai@localhost/none?host=/nowhere' }, /PostgreSQL: cannot connect.*\n.*DATABASE_URL/],
		[{ DATABASE_URL: house.environment().DATABASE_URL.replace('schema=public', 'schema=none') }, /relation "none\.users" does not exist.*\n.*DATABASE_URL/],
		[{ REDIS_URL: 'unix:///nowhere/redis.sock' }, /Redis.*\n.*REDIS_URL/],
		[{}, new RegExp(`${url(port)}/_sandbox/ledger: .*\\n.*sandbox's address`), '--ledger', url(port)],
		[{}, /status 200, no JSON/, '--ledger', url(page.address().port)],
	]) {
		const { code, output, errors } = await house.command(['verify', ...more], settings);
		assert.deepEqual([code, output], [69, ''], errors);
		assert.match(errors, words);
	}
	page.close();
});

scenario('arguments and a configuration that are wrong have their own exit status', async () => {
	const house = await deserted();
	for (const args of [['verify', 'an-id'], ['verify', '--ledger'], ['verify', '--ledger', 'http://192.0.2.1'], ['verify', '--ledger', 'https://localhost'], ['--json']])
		assert.equal((await house.command(args)).code, 64, `${args}`);
	assert.equal((await house.command(['verify'], { PUBLISHER_CONCURRENCY: 'ten' })).code, 78);
});

afterwards();
