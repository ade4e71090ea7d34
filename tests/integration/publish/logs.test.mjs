// The log: whole lines of JSON whatever is in them and however many write, no line worth a job, and not a secret anywhere.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, readFileSync, readSync, readdirSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';

import { Process, directory, root, sanitized, storageKeys } from './servers.mjs';
import { afterwards, build, childrenOf, inTime, isAlive, scenario, until } from './stage.mjs';

const program = process.env.PUBLISHER ?? `${root}/build/isekai-publisher`;

const hostile = ['"}\n{"level":"error","message":"forged"}', 'a\r\nb\tc\x01\x1b[31m\x7f', '\\u0000 \\" \\', '\u2028\u2029\u202e', '😀'.repeat(3000), '\u0001'.repeat(2000), '%s%n%99999d', '</script>', '日本'.repeat(2000), '"'.repeat(5000), '\\'.repeat(5000)];

/** Jobs of hostile names are none that a comparison with PostgreSQL would look for: it would add others, on a busy machine. */
const alone = { PUBLISHER_RECONCILE_INTERVAL_MS: 86400000 };

/** Every line one object with what the contract wants of it; a line is at most 4096 bytes with its end. */
function checkLines(text) {
	assert.ok(text.length === 0 || text.endsWith('\n'), 'the last line is whole');
	const lines = text.split('\n').slice(0, -1).map((line) => {
		assert.ok(Buffer.byteLength(line) <= 4095, `a line of ${Buffer.byteLength(line)} bytes`);
		assert.doesNotMatch(line, /[\p{Cc}\ufffd]/u);
		let entry;
		assert.doesNotThrow(() => { entry = JSON.parse(line); }, `no JSON: ${line.slice(0, 300)}`);
		return entry;
	});
	for (const { timestamp, level, message, pid } of lines) {
		assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
		assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 120000);
		assert.ok(['debug', 'info', 'warn', 'error'].includes(level), level);
		assert.ok(typeof message === 'string' && message.length > 0 && message !== 'forged');
		assert.equal(typeof pid, 'number');
	}
	return lines;
}

/** Posts with hostile words wherever words may be. */
async function hostileWorks(house, count, artists) {
	const works = [];
	for (let i = 0; i < count; i++) {
		const words = hostile[i % hostile.length];
		const work = await house.deviation(artists[i % artists.length], {
			title: `${i} ${words}`, description: words, tags: [words], category_path: words.slice(0, 100), files: [{ original_filename: `${words}.png`, mime_type: words.slice(0, 50) }],
		});
		work.job = `${i}${words}`;
		works.push(work);
	}
	return works;
}

/** A publisher of this house with standard output where the test says. */
function startWith(house, stdout, { shell, ...settings } = {}) {
	const [file, args] = shell ? ['/bin/sh', ['-c', shell, program]] : [program, []];
	const environment = house.environment(settings);
	const publisher = new Process('publisher', file, args, { env: environment, detached: true, stdio: ['ignore', stdout, openSync(`${house.log}.errors`, 'a')] });
	house.publishers.push(publisher);
	house.publisher = publisher;
	return publisher;
}

/** A publisher that may not become ready. */
async function startWithoutReady(house) {
	const publisher = new Process('publisher', program, [], { env: house.environment(), log: house.log, detached: true });
	house.publishers.push(publisher);
	house.publisher = publisher;
	return publisher;
}

const errorsOf = (house) => readFileSync(`${house.log}.errors`, 'utf8');

scenario('hostile titles, names, ids and answers at debug: every line is an object, and none is forged', async () => {
	const house = await build({ settings: { ...alone, LOG_LEVEL: 'debug', PUBLISHER_CONCURRENCY: 3 } });
	const artist = await house.artist();
	const works = await hostileWorks(house, 24, [artist]);
	for (const [i, words] of hostile.entries()) {
		await house.sandbox.fault('submit', { title: [...works[i].title].slice(0, 50).join('') }, 'status', { status: 400, headers: { 'X-Words': 'x' }, body: { status: 'error', error: words, error_description: words } });
		await house.addJob({ id: `job ${i} ${words.slice(0, 200)}`, name: words.slice(0, 500), data: { deviationId: words.slice(0, 100), userId: words } });
	}
	for (const work of works) await house.add(work);
	for (const work of works) await house.jobIs(work, ['completed', 'failed']);
	await until('all has ended', async () => (await house.redis.run('LLEN', house.key('active'))) + (await house.redis.run('LLEN', house.key('wait'))) === 0);
	await house.publisher.stop('SIGTERM');
	const lines = checkLines(readFileSync(house.log, 'utf8'));
	assert.ok(lines.length > 100, `${lines.length} lines`);
	for (const work of works) {
		const his = lines.filter(({ deviationId }) => deviationId === work.id);
		assert.ok(his.length > 0 && his.every(({ userId, attemptNumber, maxAttempts, correlationId }) => userId === artist.id && attemptNumber === 1 && maxAttempts === 7 && correlationId.startsWith('job-')));
	}
});

scenario('128 processes that write at once through a pipe: whole lines, none lost, none mixed', async () => {
	const house = await build({ start: false, health: true, own: ['postgres'], settings: { ...alone, LOG_LEVEL: 'debug', PUBLISHER_CONCURRENCY: 127 } });
	await house.sandbox.post('settings', { latency_ms: 300 }); // so that all of them work at the same time
	const artists = await Promise.all(Array.from({ length: 6 }, () => house.artist()));
	const pipe = path.join(directory, 'log.fifo');
	execFileSync('mkfifo', [pipe]);
	// A reader of its own, as a log collector is: a pipe that fills up drops lines on purpose.
	const reader = new Process('reader', '/bin/cat', [pipe], { log: `${pipe}.out` });
	const stdout = openSync(pipe, 'w');
	startWith(house, stdout);
	closeSync(stdout);
	// Who waited longest has the next turn: where all wait, each gets one.
	await until('all workers are there', async () => Number(/^publisher_workers\{state="idle"\} (\d+)$/m.exec((await house.ask('/metrics')).text)?.[1]) === 127, 60000);
	const works = await hostileWorks(house, 254, artists);
	await house.addTogether(works);
	for (const work of works) await house.published(work, 60000);
	const pids = new Set();
	assert.equal((await house.publisher.stop('SIGTERM', 15000)).code, 0);
	await reader.ended;
	const lines = checkLines(readFileSync(`${pipe}.out`, 'utf8'));
	for (const { pid } of lines) pids.add(pid);
	assert.ok(pids.size >= 128, `${pids.size} processes`);
	assert.ok(!lines.some((line) => 'logLinesDropped' in line));
	for (const work of works) {
		const his = lines.filter(({ deviationId }) => deviationId === work.id).map(({ message }) => message);
		const count = (wanted) => his.filter((message) => wanted.test(message)).length;
		// All connect to PostgreSQL at once; on a slow machine that may not be in time for each, and its job begins once more.
		assert.equal(count(/Starting/), 1 + count(/the job waits/), `${work.id}: ${his}`);
		for (const wanted of [/uploaded/, /published/, /completed/]) assert.equal(count(wanted), 1, `${work.id}: ${his}`);
	}
	assert.equal(errorsOf(house), '');
});

/** A pipe that the test holds both ends of, and one for the publisher: whoever starts a process makes its output block. */
function blockedPipe(name) {
	const file = path.join(directory, name);
	execFileSync('mkfifo', [file]);
	const fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
	return { fd, stdout: openSync(file, constants.O_WRONLY) };
}

/** All that fits in. */
function fill(fd) {
	const page = Buffer.alloc(4096, ' ');
	for (let size = page.length; size > 0;) {
		try {
			writeSync(fd, page, 0, size);
		} catch (error) {
			if (error.code !== 'EAGAIN') throw error;
			size >>= 1;
		}
	}
}

function drain(fd) {
	const part = Buffer.alloc(65536);
	let text = '';
	for (;;) {
		try {
			const size = readSync(fd, part);
			if (size === 0) return text;
			text += part.toString('utf8', 0, size);
		} catch (error) {
			if (error.code === 'EAGAIN') return text;
			throw error;
		}
	}
}

scenario('a pipe that nobody reads stops no job, no reload and no drain; read again, the log says how many lines it lost', async () => {
	const house = await build({ start: false, health: true, settings: { ...alone, LOG_LEVEL: 'debug', PUBLISHER_CONCURRENCY: 4 } });
	const pipe = blockedPipe('blocked.fifo');
	fill(pipe.fd);
	const publisher = startWith(house, pipe.stdout);
	closeSync(pipe.stdout);
	await house.ready();
	const artists = [await house.artist(), await house.artist()];
	const works = await hostileWorks(house, 40, artists);
	for (const work of works) await house.add(work);
	for (const work of works) assert.equal((await house.published(work, 20000)).job.claims, 1);
	publisher.kill('SIGHUP');
	await until('the reload is through', async () => /^publisher_reloads_total\{result="done"\} 1$/m.test((await house.ask('/metrics')).text));
	assert.match(drain(pipe.fd), /^ *$/, 'nothing got through');
	const last = await house.deviation(artists[0]);
	await house.add(last);
	await house.published(last);
	assert.equal((await publisher.stop('SIGTERM', 10000)).code, 0);
	const lines = checkLines(drain(pipe.fd));
	assert.ok(lines.some(({ logLinesDropped: lost }) => lost > 0), 'it tells what was lost');
	assert.equal(errorsOf(house), '');
	closeSync(pipe.fd);
});

scenario('a reader that goes away in the middle stops no job and no drain', async () => {
	const house = await build({ start: false, health: true, settings: { ...alone, LOG_LEVEL: 'debug', PUBLISHER_CONCURRENCY: 3 } });
	const pipe = blockedPipe('closed.fifo');
	const publisher = startWith(house, pipe.stdout);
	closeSync(pipe.stdout);
	await house.ready();
	checkLines(drain(pipe.fd));
	closeSync(pipe.fd); // nobody has it open for reading now: EPIPE, and SIGPIPE where it is not ignored
	const artist = await house.artist();
	const works = await hostileWorks(house, 12, [artist]);
	for (const work of works) await house.add(work);
	for (const work of works) assert.equal((await house.published(work)).job.claims, 1);
	process.kill(await house.worker(), 'SIGKILL');
	const more = await house.deviation(artist);
	await house.add(more);
	await house.published(more);
	assert.equal((await publisher.stop('SIGTERM', 10000)).code, 0);
	assert.equal(errorsOf(house), '');
});

scenario('a socket that nobody reads, as a supervisor of services may give: no job is stopped', async () => {
	const house = await build({ start: false, health: true, settings: { ...alone, LOG_LEVEL: 'debug', PUBLISHER_CONCURRENCY: 3 } });
	// Node gives a child a socket, and reads of it no more than its own buffer holds.
	const child = spawn(program, [], { env: house.environment(), stdio: ['ignore', 'pipe', openSync(`${house.log}.errors`, 'a')], detached: true });
	child.stdout.pause();
	const ended = new Promise((done) => child.once('exit', (code) => done(code)));
	try {
		await house.ready();
		const works = await hostileWorks(house, 150, [await house.artist(), await house.artist()]);
		for (const work of works) await house.add(work);
		for (const work of works) await house.published(work, 30000);
		child.kill('SIGTERM');
		assert.equal(await ended, 0);
		let text = '';
		child.stdout.setEncoding('utf8').on('data', (part) => { text += part; });
		await new Promise((done) => child.stdout.once('close', done));
		checkLines(text);
	} finally {
		child.kill('SIGKILL');
	}
	assert.equal(errorsOf(house), '');
});

for (const [name, shell] of [['closed', 'exec "$0" >&-'], ['a full disk', 'exec "$0" >/dev/full'], ['closed, with standard error and input', 'exec "$0" >&- 2>&- <&-']]) {
	scenario(`standard output ${name}: jobs run as ever`, async () => {
		const house = await build({ start: false, health: true, settings: { ...alone, LOG_LEVEL: 'debug', PUBLISHER_CONCURRENCY: 2 } });
		startWith(house, 'ignore', { shell });
		await house.ready();
		const works = await hostileWorks(house, 6, [await house.artist()]);
		for (const work of works) await house.add(work);
		for (const work of works) assert.equal((await house.published(work)).job.claims, 1);
		assert.equal((await house.publisher.stop('SIGTERM', 10000)).code, 0);
		assert.equal(errorsOf(house), '');
	});
}

// ---------------------------------------------------------------- secrets

/** Canaries, one for each place that a secret may be planted in; each is a word that is nowhere else. */
const canary = (place) => `canary-${place}-8f3e9ac1`;

/** Everything that is text in this house's database but for the users table, which is where tokens belong. */
async function everyRow(house) {
	const tables = await house.psql.rows(`SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
		WHERE table_schema IN ('public', 'publisher') AND table_type = 'BASE TABLE'`);
	const found = [];
	for (const { schema, name } of tables.filter((table) => table.name !== 'users')) {
		const hidden = name === 'deviation_files' ? " - 'storage_url'" : '';
		found.push(`${name}: ${await house.psql.query(`SELECT coalesce(json_agg(to_jsonb(t)${hidden}), '[]') FROM ${schema}.${name} t`)}`);
	}
	assert.ok(found.length > 6);
	return found.join('\n');
}

/** Everything that is in this house's Redis, as Redis would store it; values too large for its short form come in parts. */
async function everyKey(house) {
	const found = [];
	for (const key of await house.redis.run('KEYS', '*')) {
		const type = await house.redis.run('TYPE', key);
		const read = { string: ['GET', key], list: ['LRANGE', key, 0, -1], hash: ['HGETALL', key], zset: ['ZRANGE', key, 0, -1], set: ['SMEMBERS', key], stream: ['XRANGE', key, '-', '+'] }[type];
		found.push(`${key}: ${JSON.stringify(await house.redis.run(...read))}`);
	}
	assert.ok(found.length > 5);
	return found.join('\n');
}

for (const level of ['debug', 'info']) {
	scenario(`secrets planted in every place are nowhere to be read, at ${level}`, async () => {
		const here = path.join(directory, `cwd-${level}`);
		mkdirSync(here);
		const secrets = Object.fromEntries(['postgres', 'redis', 'client', 'storage', 'access', 'refresh', 'next-access', 'next-refresh', 'url', 'location', 'file'].map((place) => [place, canary(`${place}-${level}`)]));
		const house = await build({ start: false, health: true, own: ['redis'] });
		await house.redis.run('CONFIG', 'SET', 'requirepass', secrets.redis);
		await house.redis.run('AUTH', secrets.redis);
		const clientFile = path.join(here, 'client-secret');
		writeFileSync(clientFile, secrets.client);
		const settings = {
			LOG_LEVEL: level, PUBLISHER_CONCURRENCY: 2,
			DATABASE_URL: house.postgres.url(house.database).replace('isekai@', `isekai:${secrets.postgres}@`),
			REDIS_URL: `unix://:${secrets.redis}@${house.redisServer.socket}?db=${house.number}`,
			// Refused by the sandbox: what a refused secret leads to is said loudly, without it.
			S3_SECRET_ACCESS_KEY: secrets.storage, S3_ENDPOINT: house.sandbox.storageUrl,
			DEVIANTART_CLIENT_SECRET: undefined, DEVIANTART_CLIENT_SECRET_FILE: clientFile,
			UNRELATED_SECRET: secrets.file,
		};
		Object.assign(house.changed, settings);
		const start = async () => {
			const publisher = new Process('publisher', '/bin/sh', ['-c', 'ulimit -c unlimited; exec "$0"', program], { env: house.environment(), log: house.log, detached: true, cwd: here });
			house.publishers.push(publisher);
			house.publisher = publisher;
			await house.ready();
			return publisher;
		};
		let publisher = await start();

		// Artists whose tokens are canaries, whose refresh gives canaries, and whom DeviantArt tells what they sent.
		const words = `You sent Bearer ${secrets.access} and ${secrets.refresh}; see https://x:${secrets.url}@example.com/?access_token=${secrets.access}`;
		const works = [];
		const one = async (prepare, user = {}) => {
			const artist = await house.artist({ access_token: secrets.access, refresh_token: secrets.refresh, ...user }, { access_token: undefined, refresh_token: undefined });
			const work = await house.deviation(artist, { files: [{ storage_url: `https://user:${secrets.url}@storage.example/x?X-Amz-Signature=${secrets.url}` }] });
			await prepare(work, artist);
			works.push(work);
			await house.add(work, { opts: { attempts: 2, backoff: { type: 'fixed', delay: 50 } } });
		};
		const stale = { token_expires_at: inTime('-1 hour') };
		const echo = (status) => ({ status, body: { status: 'error', error: 'invalid_request', error_description: words } });
		await one(() => {}); // the storage refuses us
		await one((work, { username }) => house.sandbox.fault('token', { user: username }, 'status', echo(400)), stale);
		// A refresh token that nobody knows belongs to no user: the faults below are for whoever comes.
		await house.sandbox.fault('token', {}, 'status', { status: 200, body: { status: 'success', access_token: secrets['next-access'], refresh_token: secrets['next-refresh'], expires_in: 3600, token_type: 'Bearer' } });
		await one(() => {}, stale);
		await until('its new tokens are stored', async () => (await house.psql.rows(`SELECT 1 FROM users WHERE refresh_token = '${secrets['next-refresh']}'`)).length === 1);
		await house.sandbox.fault('token', {}, 'status', { ...echo(400), count: 2 });
		await one(() => {}, stale);
		await house.sandbox.fault('token', {}, 'status', { status: 302, headers: { Location: `https://x:${secrets.location}@example.com/${secrets.refresh}` } });
		await one(() => {}, stale);
		for (const work of works) await until('it was run', async () => (await house.job(work)).claims > 0);
		// The storage works again, and DeviantArt refuses, in the same words.
		assert.equal((await publisher.stop('SIGTERM', 10000)).code, 0);
		house.changed.S3_SECRET_ACCESS_KEY = storageKeys.secret;
		publisher = await start();
		for (const [endpoint, status] of [['submit', 400], ['submit', 500], ['submit', 429], ['submit', 403], ['publish', 400]]) {
			await one(async (work) => {
				await house.sandbox.fault('submit', { title: work.title }, 'status', endpoint === 'submit' ? { ...echo(status), count: 5 } : { status: 200, body: { status: 'success', itemid: 7 } });
				await house.sandbox.fault('publish', { title: work.title }, 'status', { ...echo(status), count: 5 });
			});
			await until('it was run', async () => {
				const { claims, lock } = await house.job(works.at(-1));
				return claims > 0 && !lock;
			});
		}
		assert.match((await house.psql.rows("SELECT error_message FROM deviations WHERE error_message LIKE '%You sent%'"))[0]?.error_message ?? '', /You sent/, 'what DeviantArt said is told');
		for (const pid of [publisher.pid, ...house.children().map((child) => child.pid)]) {
			for (const name of ['cmdline', 'environ']) {
				const text = readFileSync(`/proc/${pid}/${name}`, 'latin1');
				for (const [place, secret] of Object.entries(secrets)) assert.ok(!text.includes(secret), `the secret of ${place} is in ${name}`);
			}
		}
		const pages = await Promise.all(['/metrics', '/health', '/ready'].map((page) => house.ask(page)));

		assert.equal((await publisher.stop('SIGTERM', 10000)).code, 0);
		const log = readFileSync(house.log, 'utf8');
		checkLines(log);
		const places = { log, 'the health listener': pages.map(({ text }) => text).join('\n'), PostgreSQL: await everyRow(house), Redis: await everyKey(house) };
		for (const [where, text] of Object.entries(places)) {
			for (const [place, secret] of Object.entries(secrets)) assert.ok(!text.includes(secret), `the secret of ${place} is in ${where}: ${text.slice(Math.max(0, text.indexOf(secret) - 300), text.indexOf(secret) + 60)}`);
		}
		assert.match(log, /storage/, 'what is wrong is said all the same');
		house.mayPresentTwice = true;
	});
}

/** Whether a process has these bytes in its memory; null where we may not look. */
function isInMemory(pid, text) {
	const wanted = Buffer.from(text);
	let memory;
	try {
		memory = openSync(`/proc/${pid}/mem`, 'r');
	} catch {
		return null;
	}
	try {
		for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
			const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw-p .*(?:\[heap\]|\[stack\]| 0 *)$/.exec(line) ?? [];
			const size = from === undefined ? 0 : Number(BigInt(`0x${to}`) - BigInt(`0x${from}`));
			if (size === 0 || size > 64 << 20) continue;
			const part = Buffer.alloc(size);
			try {
				readSync(memory, part, 0, size, BigInt(`0x${from}`));
			} catch { /* it is gone meanwhile, or may not be read */ }
			if (part.includes(wanted)) return true;
		}
		return false;
	} finally {
		closeSync(memory);
	}
}

/** A core file lands beside the process as "core...", where nobody else collects them. Sanitizers switch core files off. */
const coresAreHere = /^[^|/]+$/.test(readFileSync('/proc/sys/kernel/core_pattern', 'latin1').trim()) && !sanitized;

for (const level of ['debug', 'info']) {
	scenario(`processes that crash while they hold secrets leave ${level === 'debug' ? 'core files without any' : 'no core file'}, at ${level}`, async () => {
		const here = path.join(directory, `cores-${level}`);
		mkdirSync(here);
		const secrets = Object.fromEntries(['postgres', 'redis', 'client', 'access', 'refresh'].map((place) => [place, canary(`core-${place}-${level}`)]));
		const house = await build({ start: false, health: true, own: ['redis'] });
		await house.redis.run('CONFIG', 'SET', 'requirepass', secrets.redis);
		await house.redis.run('AUTH', secrets.redis);
		const clientFile = path.join(here, 'client-secret');
		writeFileSync(clientFile, secrets.client);
		Object.assign(house.changed, {
			LOG_LEVEL: level, PUBLISHER_CONCURRENCY: 1,
			DATABASE_URL: house.postgres.url(house.database).replace('isekai@', `isekai:${secrets.postgres}@`),
			REDIS_URL: `unix://:${secrets.redis}@${house.redisServer.socket}?db=${house.number}`,
			DEVIANTART_CLIENT_SECRET: undefined, DEVIANTART_CLIENT_SECRET_FILE: clientFile,
		});
		const publisher = new Process('publisher', '/bin/sh', ['-c', 'ulimit -c unlimited; exec "$0"', program], { env: house.environment(), log: house.log, detached: true, cwd: here });
		house.publishers.push(publisher);
		house.publisher = publisher;
		await house.ready();
		const tokens = { access_token: secrets.access, refresh_token: secrets.refresh };
		const work = await house.deviation(await house.artist(tokens, tokens));
		await house.sandbox.fault('submit', { title: work.title }, 'hang', { count: 1 });
		await house.add(work);
		await house.inFlight('submit');

		// The storage's secret belongs to this file's sandboxes; it is as unmistakable.
		const all = { ...secrets, storage: storageKeys.secret };
		const crash = async (pid, held) => {
			for (const place of held) assert.notEqual(isInMemory(pid, all[place]), false, `the secret of ${place} is nowhere: what would be found?`);
			process.kill(pid, 'SIGABRT');
			await until('it is gone', () => !isAlive(pid));
			const cores = readdirSync(here).filter((name) => /^core/.test(name));
			if (coresAreHere) assert.equal(cores.length, level === 'debug' ? 1 : 0);
			for (const name of cores) {
				const core = readFileSync(path.join(here, name));
				assert.equal(core.toString('latin1', 1, 4), 'ELF');
				for (const [place, secret] of Object.entries(all)) assert.ok(!core.includes(secret), `the secret of ${place} is in ${name}`);
				rmSync(path.join(here, name));
			}
		};
		await crash(await house.worker(), ['postgres', 'redis', 'client', 'storage', 'access', 'refresh']);
		await house.published(work);
		await crash(house.children().find(({ title }) => title.includes('dispatcher')).pid, ['postgres', 'redis', 'client']);
		await until('there is another dispatcher', () => house.children().some(({ title }) => title.includes('dispatcher')));
		await crash(publisher.pid, ['postgres', 'redis', 'client', 'storage']);
		const log = readFileSync(house.log, 'utf8');
		for (const [place, secret] of Object.entries(all)) assert.ok(!log.includes(secret), `the secret of ${place} is in the log`);
	});
}

scenario('servers that refuse us are told of on /ready, in metrics and in the log, without what we showed them', async () => {
	const secrets = Object.fromEntries(['redis', 'postgres', 'client'].map((place) => [place, canary(`refused-${place}`)]));
	const house = await build({ start: false, health: true, own: ['redis'] });
	await house.redis.run('CONFIG', 'SET', 'requirepass', 'another password');
	await house.redis.run('AUTH', 'another password');
	// As long as the path of a socket can be (unix(7)): libpq tells it before what the matter is.
	const long = path.join(directory, 'o'.repeat(107 - '/.s.PGSQL.5432'.length - directory.length - 1));
	symlinkSync(house.postgres.directory, long);
	Object.assign(house.changed, {
		LOG_LEVEL: 'debug', PUBLISHER_CONCURRENCY: 1,
		DATABASE_URL: `postgresql://isekai:${secrets.postgres}@localhost/no_such_database?host=${long}`,
		REDIS_URL: `unix://:${secrets.redis}@${house.redisServer.socket}?db=${house.number}`,
		DEVIANTART_CLIENT_SECRET: secrets.client,
	});
	let publisher = await startWithoutReady(house);
	const told = [];
	await until('it says who refuses it', async () => {
		const { status, text } = await house.ask('/ready');
		told.push(text);
		return status === 503 && /Redis is away: .*refused/.test(text) && /PostgreSQL is away: .*no_such_database/.test(text);
	}, 15000);
	told.push((await house.ask('/metrics')).text);
	assert.equal((await publisher.stop('SIGTERM', 10000)).code, 0);

	// Both let us in now, and DeviantArt does not know the application's secret.
	Object.assign(house.changed, { DATABASE_URL: house.postgres.url(house.database), REDIS_URL: `unix://:another%20password@${house.redisServer.socket}?db=${house.number}` });
	publisher = await startWithoutReady(house);
	await house.ready();
	const work = await house.deviation(await house.artist({ token_expires_at: inTime('-1 hour') }));
	await house.add(work);
	await until('the operator is told', async () => {
		const { text } = await house.ask('/ready');
		told.push(text);
		return /DEVIANTART_CLIENT_SECRET/.test(text);
	}, 15000);
	told.push((await house.ask('/metrics')).text);
	assert.equal((await publisher.stop('SIGTERM', 10000)).code, 0);
	const places = { log: readFileSync(house.log, 'utf8'), 'the health listener': told.join('\n'), PostgreSQL: await everyRow(house), Redis: await everyKey(house) };
	checkLines(places.log);
	for (const [where, text] of Object.entries(places)) {
		for (const [place, secret] of Object.entries({ ...secrets, 'other redis': 'another password' })) assert.ok(!text.includes(secret), `the secret of ${place} is in ${where}`);
	}
});

afterwards();
