// What each setting does to the running program. How settings are read, bounded and refused is tests/unit/test_config.c.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { application, bucket, storageKeys } from './servers.mjs';
import { afterwards, build, directory, freePort, request, scenario, until } from './stage.mjs';

/** A house whose publisher is not started, with files of its own. */
async function prepared(options = {}) {
	const house = await build({ ...options, start: false });
	house.files = path.join(directory, `files-${house.number}`);
	mkdirSync(house.files);
	house.write = (name, text) => {
		writeFileSync(path.join(house.files, name), text, { mode: 0o600 });
		return path.join(house.files, name);
	};
	return house;
}

async function publishes(house, row) {
	const work = await house.deviation(await house.artist(), row);
	await house.add(work);
	return { work, ...await house.published(work) };
}

scenario('DATABASE_URL: its schema qualifies every statement, whatever its name; Prisma\'s own parameters do no harm', async () => {
	const house = await prepared();
	const schema = 'Api "1" server';
	const quoted = `"${schema.replaceAll('"', '""')}"`;
	await house.psql.query(`CREATE SCHEMA ${quoted}`);
	for (const { name } of await house.psql.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")) {
		await house.psql.query(`ALTER TABLE public.${name} SET SCHEMA ${quoted}`);
	}
	await house.psql.query(`SET search_path = ${quoted}, public`);
	const url = new URL(house.environment().DATABASE_URL.replace('postgresql:', 'http:'));
	url.searchParams.set('schema', schema);
	for (const [name, value] of Object.entries({ connection_limit: 3, pool_timeout: 10, sslaccept: 'strict', statement_cache_size: 0, socket_timeout: 5, pgbouncer: true })) {
		url.searchParams.set(name, value);
	}
	const settings = { DATABASE_URL: url.href.replace('http:', 'postgresql:').replaceAll('+', '%20') };
	await house.start(settings);
	const { work } = await publishes(house);
	assert.equal((await house.seen(work)).posts.length, 1);
	const verified = await house.command(['verify', '--ledger', house.sandbox.url], settings);
	assert.deepEqual([verified.code, verified.errors], [0, ''], verified.output);
	house.leaves('ruins', 'where the other settings look there are no tables');
});

scenario('QUEUE_PREFIX and QUEUE_NAME: jobs are taken from there, clean-up jobs lie beside them, and no key of ours lies among BullMQ\'s', async () => {
	const house = await prepared({ settings: { QUEUE_PREFIX: '{isekai}', QUEUE_NAME: 'posts' } });
	const elsewhere = house.key.bind(house);
	house.key = (suffix, name = 'deviation-publisher') => `{isekai}:${name === 'deviation-publisher' ? 'posts' : name}:${suffix}`;
	const stranger = await house.deviation(await house.artist());
	await house.start();
	const { work } = await publishes(house);
	await house.redis.run('HSET', elsewhere(stranger.job), 'name', 'publish-deviation', 'data', '{}', 'opts', '{}', 'timestamp', 1);
	await house.redis.run('LPUSH', elsewhere('wait'), stranger.job);
	await house.redis.run('ZADD', elsewhere('marker'), 0, '0');
	assert.equal((await house.job(`storage-cleanup-${work.id}`, 'storage-cleanup')).state, 'wait');
	await publishes(house);
	assert.deepEqual(await house.redis.run('LRANGE', elsewhere('wait'), 0, -1), [stranger.job]);
	const known = /^\{isekai\}:posts:(id|meta|wait|active|completed|marker|events|stalled-check|pc|prioritized|delayed|failed|stalled|metrics:.*|deviation-[0-9a-f-]+(:logs|:lock)?)$/;
	const keys = (await house.redis.run('KEYS', '*')).filter((key) => !key.startsWith('bull:deviation-publisher:') && !key.startsWith('{isekai}:storage-cleanup:'));
	for (const key of keys) assert.match(key, key.startsWith('{isekai}:') ? known : /^(\{isekai\}-publisher:posts:|rate-limit:|circuit:)/);
	await house.redis.run('DEL', elsewhere('wait'), elsewhere(stranger.job), elsewhere('marker'));
});

for (const [name, opts] of [['none', { attempts: undefined }], ['0, as BullMQ stores none', { attempts: 0 }]]) {
	scenario(`PUBLISHER_MAX_ATTEMPTS is for a job whose own options give ${name}`, async () => {
		const house = await prepared({ settings: { PUBLISHER_MAX_ATTEMPTS: 2 } });
		await house.start();
		const [work, own] = [await house.deviation(await house.artist()), await house.deviation(await house.artist())];
		for (const { title } of [work, own]) await house.sandbox.fault('submit', { title }, 'status', { status: 500, count: 2 });
		await house.add(work, { opts: { ...opts, backoff: { type: 'fixed', delay: 50 } } });
		await house.add(own, { opts: { attempts: 3, backoff: { type: 'fixed', delay: 50 } } });
		const { job } = await house.failed(work);
		assert.equal(job.attempts, 2);
		assert.equal((await house.published(own)).job.attempts, 3);
	});
}

scenario('PUBLISHER_LIMITER_MAX: so many jobs start per second, over two instances', async () => {
	const house = await prepared({ settings: { PUBLISHER_LIMITER_MAX: 4, PUBLISHER_CONCURRENCY: 4 } });
	await house.start();
	await house.start();
	const works = [];
	for (let i = 0; i < 13; i++) works.push(await house.deviation(await house.artist()));
	for (const work of works) await house.add(work);
	const started = [];
	for (const work of works) {
		const { job } = await house.published(work);
		assert.deepEqual([job.attempts, job.claims], [1, 1]);
		started.push(Number(job.processedOn));
	}
	started.sort((a, b) => a - b);
	// A window begins with its first job and lasts a second.
	for (let i = 0; i < 13; i += 4) assert.ok(started[i] - started[0] >= (i / 4) * 1000 - 20, `job ${i + 1} after ${started[i] - started[0]} ms`);
});

scenario('PUBLISHER_LOCK_DURATION_MS is the life of a job\'s lock, renewed while the job lasts', async () => {
	const house = await prepared({ settings: { PUBLISHER_LOCK_DURATION_MS: 3000 } });
	await house.start();
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 6500 });
	await house.add(work);
	await house.inFlight('submit');
	const seen = [];
	await until('the upload is over', async () => {
		const left = await house.redis.run('PTTL', house.key(`${work.job}:lock`));
		if ((await house.job(work)).state === 'active') seen.push(left);
		else return true;
		return false;
	}, 15000, 100);
	assert.ok(seen.length > 20 && seen.every((left) => left > 0 && left <= 3000), `${seen}`);
	const { job } = await house.published(work);
	assert.deepEqual([job.attempts, job.claims, job.stc], [1, 1, undefined]);
});

scenario('PUBLISHER_STALE_CHECK_INTERVAL_MS and PUBLISHER_MAX_STALLED_COUNT: the job of a dead neighbour is taken up, and given up by the queue, never by us, after so many', async () => {
	const house = await prepared({ settings: { PUBLISHER_STALE_CHECK_INTERVAL_MS: 300, PUBLISHER_MAX_STALLED_COUNT: 1, PUBLISHER_RECONCILE_INTERVAL_MS: 300 } });
	const stalled = async (count) => {
		const work = await house.deviation(await house.artist());
		await house.redis.atomically([
			['HSET', house.key(work.job), 'name', 'publish-deviation', 'data', JSON.stringify({ deviationId: work.id, userId: work.artist.id }), 'opts', '{"attempts":7}',
				'timestamp', Date.now(), 'delay', 0, 'priority', 0, 'processedOn', Date.now(), 'ats', 1, ...(count ? ['stc', count] : [])],
			['HSET', house.key('meta'), 'version', 'bullmq:5.81.5'],
			['LPUSH', house.key('active'), work.job],
		]);
		return work;
	};
	const [first, often] = [await stalled(0), await stalled(1)];
	await house.start();
	const { job } = await house.published(first);
	assert.deepEqual([job.attempts, job.claims, job.stc], [1, 2, '1']);
	const given = await house.jobIs(often, 'failed');
	assert.equal(given.failedReason, 'job stalled more than allowable limit');
	// PostgreSQL does not forget: a new job publishes it.
	await house.published(often);
});

scenario('every secret and address may be a file', async () => {
	const house = await prepared();
	const names = ['DATABASE_URL', 'REDIS_URL', 'DEVIANTART_CLIENT_ID', 'DEVIANTART_CLIENT_SECRET', 'DEVIANTART_BASE_URL', 'S3_ENDPOINT',
		'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY', 'S3_BUCKET_NAME', 'PUBLISHER_CONCURRENCY'];
	const given = house.environment();
	const more = Object.fromEntries(names.flatMap((name) => [[name, undefined], [`${name}_FILE`, house.write(name, `${given[name]}\n`)]]));
	await house.start(more);
	await until('its three workers are there', () => house.children().length === 4);
	await publishes(house);
});

scenario('an INI file is enough to run by; the environment wins over it', async () => {
	const house = await prepared();
	const { DATABASE_URL: database, REDIS_URL: redis, S3_ENDPOINT: endpoint, DEVIANTART_BASE_URL: site } = house.environment();
	const file = house.write('publisher.ini', `
[database]
url = ${database}
[redis]
url = ${redis}
[deviantart]
client_id = ${application.id}
client_secret = ${application.secret}
base_url = ${site}
[storage]
endpoint = ${endpoint}
access_key_id = ${storageKeys.id}
secret_access_key = ${storageKeys.secret}
bucket = ${bucket}
force_path_style = yes
path_prefix = not/applied
[publisher]
concurrency = 6
[rate_limiter]
enabled = off
[health]
enabled = no
`);
	const none = Object.fromEntries(Object.keys(house.environment()).filter((name) => !['PATH', 'LOG_LEVEL', 'ASAN_OPTIONS', 'UBSAN_OPTIONS'].includes(name)).map((name) => [name, undefined]));
	await house.start({ ...none, PUBLISHER_CONCURRENCY: 2 }, ['-c', file]);
	await until('its two workers are there', () => house.children().length === 3);
	const { work } = await publishes(house);
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('S3_PATH_PREFIX is accepted and not applied', async () => {
	const house = await prepared({ settings: { S3_PATH_PREFIX: 'media/2026' } });
	await house.start();
	await publishes(house);
});

scenario('LOG_LEVEL: nothing below it is written, and everything from it on is', async () => {
	const levels = ['debug', 'info', 'warn', 'error'];
	for (const [at, level] of levels.entries()) {
		const house = await prepared({ settings: { LOG_LEVEL: level } });
		await house.start();
		await publishes(house);
		const bad = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: bad.title }, 'status', { status: 500 });
		await house.add(bad, { opts: { attempts: 1 } });
		await house.failed(bad);
		await house.publisher.stop('SIGTERM');
		const told = new Set(readFileSync(house.log, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line).level));
		assert.deepEqual(levels.filter((one) => told.has(one) && levels.indexOf(one) < at), [], `at ${level}`);
		assert.ok(told.has('error') && (at > 1 || told.has('info')) && (at > 0 || told.has('debug')), `at ${level}: ${[...told]}`);
	}
});

scenario('HEALTH_CHECK_DETAILS: titles and user names are told with it alone, and a reload takes them back', async () => {
	const house = await prepared({ health: true });
	const settings = house.write('details.ini', '[health]\ndetails = true\n');
	await house.start({}, ['-c', settings]);
	const artist = await house.artist();
	const lost = await house.deviation(artist, { title: 'The "lost" one', files: [{ stored: false, original_filename: 'lost one.png' }] });
	const slow = await house.deviation(artist, { title: 'The slow one' });
	await house.sandbox.fault('publish', { title: slow.title }, 'delay', { answer_delay_ms: 8000 });
	await house.add(lost);
	await house.add(slow);
	await house.failed(lost);
	await house.inFlight('publish');
	const status = async () => JSON.parse((await house.ask('/status')).text);
	const told = await status();
	const job = told.slots.map((slot) => slot.job).find((one) => one?.id === slow.job);
	assert.deepEqual([told.details, job.title, job.user], [true, slow.title, artist.username]);
	const [failure] = told.failures;
	assert.deepEqual([failure.result, failure.category, failure.jobId, failure.title, failure.user], ['failed', 'VALIDATION_ERROR', lost.job, lost.title, artist.username]);
	assert.match(failure.reason, /^upload of lost one\.png: /);

	house.write('details.ini', '[health]\ndetails = false\n');
	house.publisher.kill('SIGHUP');
	const after = await until('the reload is taken', async () => {
		const now = await status();
		return !now.details && now;
	});
	const text = JSON.stringify(after);
	for (const name of [slow.title, 'lost\\" one', artist.username]) assert.ok(!text.includes(name), `${name} is in ${text}`);
	const other = await house.deviation(artist, { title: 'Another', files: [{ stored: false, original_filename: 'secret one.png' }] });
	await house.add(other);
	await house.failed(other);
	const { reason } = await until('it is told', async () => (await status()).failures.find(({ jobId }) => jobId === other.job));
	assert.match(reason, /^upload of \(file\): /);
	await house.published(slow);
});

scenario('HEALTH_CHECK_ENABLED, _HOST and _PORT: where it listens, and that it does not', async () => {
	const house = await prepared();
	const port = await freePort();
	const off = await house.start({ HEALTH_CHECK_ENABLED: 'false', HEALTH_CHECK_HOST: '127.0.0.1', HEALTH_CHECK_PORT: port });
	await publishes(house);
	await assert.rejects(request(`http://127.0.0.1:${port}/health`));
	await off.stop('SIGTERM');
	await house.start({ HEALTH_CHECK_ENABLED: 'true', HEALTH_CHECK_HOST: '127.0.0.2', HEALTH_CHECK_PORT: port });
	await until('it answers', () => request(`http://127.0.0.2:${port}/health`).then(({ status }) => status === 200, () => false));
	await assert.rejects(request(`http://127.0.0.1:${port}/health`));
});

scenario('CIRCUIT_BREAKER_ENABLED=false: refusals open no circuit of an artist', async () => {
	const house = await prepared({ settings: { CIRCUIT_BREAKER_ENABLED: 'false', CIRCUIT_BREAKER_THRESHOLD: 2, RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 60, RATE_LIMITER_MAX_DELAY_MS: 100 } });
	await house.start();
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, count: 5, body: { status: 'error', error: 'slow_down' } });
	await house.add(work);
	const { job } = await house.published(work);
	assert.equal(job.attempts, 1);
	assert.equal((await house.seen(work)).requests.filter(({ endpoint }) => endpoint === 'submit').length, 6);
	assert.equal(await house.redis.run('EXISTS', `circuit:deviantart:publish:${artist.id}`), 0);
});

scenario('the adaptive delay grows by RATE_LIMITER_FAILURE_INCREASE_FACTOR up to RATE_LIMITER_MAX_DELAY_MS, and falls by RATE_LIMITER_SUCCESS_DECREASE_FACTOR', async () => {
	const house = await prepared({ settings: { RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 100, RATE_LIMITER_MAX_DELAY_MS: 350, RATE_LIMITER_JITTER_PERCENT: 0,
		RATE_LIMITER_FAILURE_INCREASE_FACTOR: 3, RATE_LIMITER_SUCCESS_DECREASE_FACTOR: 0.5 } });
	await house.start();
	const artist = await house.artist();
	const delay = async () => JSON.parse(await house.redis.run('GET', `rate-limit:${artist.id}:state`) ?? '{}').delay;
	const work = await house.deviation(artist);
	const slow = { status: 429, body: { status: 'error', error: 'slow_down' }, answer_delay_ms: 300 };
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...slow, count: 3 });
	await house.add(work);
	const seen = [];
	await until('it is published', async () => {
		const now = await delay();
		if (now !== undefined && now !== seen.at(-1)) seen.push(now);
		return (await house.row(work)).status === 'published';
	}, 20000, 20);
	assert.deepEqual(seen.slice(0, 2), [300, 350], `${seen}`);
	assert.equal(await delay(), 175);
});

afterwards();
