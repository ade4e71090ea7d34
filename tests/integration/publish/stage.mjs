// What the tests play on: houses. A house has a database, a Redis database, a sandbox and publishers of its own, so that scenarios
// run side by side and each one's evidence (the sandbox's ledger, PostgreSQL, Redis) is its own.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after } from 'node:test';

import { Psql } from './psql.mjs';
import {
	Postgres, Process, Redis, RedisServer, Sandbox, application, bucket, directory, freePort, pairs, request, root, sanitized, sleep, sql, stopAll, storageKeys, until,
} from './servers.mjs';
import { atOnce, inTurn } from './turns.mjs';

export { Sandbox, atOnce, directory, freePort, request, sanitized, sleep, until };

const program = process.env.PUBLISHER ?? `${root}/build/isekai-publisher`;
const queue = 'deviation-publisher';
const only = process.env.ONLY && new RegExp(process.env.ONLY);
/** Names of scenarios, a line each: the list of those that are to play again, and what to play of it. */
const again = process.env.PUBLISH_AGAIN;
const encore = process.env.PUBLISH_ENCORE && readFileSync(process.env.PUBLISH_ENCORE, 'utf8').split('\n');
if (encore) atOnce(1);
/** The houses of the scenario that plays. */
const scene = new AsyncLocalStorage();
const quiet = /^(completed|failed)$/;
const pageSize = 4096;

/**
 * A job added in one step, as BullMQ does it: one that is there already stays as it is (the publisher may have found the row first).
 * Arguments: the queue's prefix, then the job's id, name, data, options, timestamp, delay and priority.
 */
const addScript = `
local prefix, id, name, data, opts = unpack(ARGV, 1, 5)
local timestamp, delay, priority = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
redis.call('INCR', prefix .. 'id')
if redis.call('EXISTS', prefix .. id) == 1 then
	redis.call('XADD', prefix .. 'events', '*', 'event', 'duplicated', 'jobId', id)
	return
end
redis.call('HSET', prefix .. id, 'name', name, 'data', data, 'opts', opts, 'timestamp', ARGV[6], 'delay', ARGV[7], 'priority', ARGV[8])
redis.call('XADD', prefix .. 'events', '*', 'event', 'added', 'jobId', id, 'name', name)
if delay > 0 then
	redis.call('ZADD', prefix .. 'delayed', string.format('%.0f', (timestamp + delay) * 4096), id)
	redis.call('ZADD', prefix .. 'marker', string.format('%.0f', timestamp + delay), '1')
	return
elseif priority > 0 then
	local counter = redis.call('INCR', prefix .. 'pc')
	redis.call('ZADD', prefix .. 'prioritized', string.format('%.0f', priority * 4294967296 + counter), id)
else
	redis.call('LPUSH', prefix .. 'wait', id)
end
redis.call('ZADD', prefix .. 'marker', 0, '0')`;

let shared;
let houses = 0;
const all = [];

/** PostgreSQL and Redis of this file, started by whoever asks first. */
function servers() {
	shared ??= (async () => {
		const postgres = new Postgres();
		const redis = new RedisServer('redis');
		await Promise.all([postgres.start(), redis.start()]);
		return { postgres, redis };
	})();
	return shared;
}

/**
 * A test whose scenario begins as soon as there is room, beside others of its file: most of a scenario's time is waiting. They are told
 * one by one. One that fails in the crowd may only have looked at a clock too late: where somebody keeps the list of these (`again`), it is
 * not judged now, it plays again alone.
 */
export function scenario(name, play) {
	if (only && !only.test(name)) return;
	if (encore && !encore.includes(name)) return;
	const built = [];
	const played = inTurn(async () => {
		await scene.run(built, play);
		for (const house of built) await house.leave();
	});
	played.catch(() => {});
	test(name, { timeout: 120000 }, async (context) => {
		try {
			await played;
		} catch (error) {
			if (!again) throw error;
			appendFileSync(again, `${name}\n`);
			for (const house of built) house.cut();
			context.diagnostic(`in the crowd: ${name}: ${error.stack?.replaceAll('\n', ' ')}`);
			context.skip('plays again alone');
		}
	});
}

after(async () => {
	for (const house of all) await house.close();
	await stopAll();
	// A scenario that ran out of time may still ask servers that are gone; it does not hold up the others, and fails them only if it is
	// judged now.
	setTimeout(() => process.exit(all.some((house) => house.isCut) && !process.exitCode ? 0 : 1), 10000).unref();
});

/** The last test of a file: whatever happened, these hold (faults.md: I2, I5, I9). */
export function afterwards() {
	test('afterwards no house has a double publish, a token presented twice, a broken rule or an inconsistent queue', async () => {
		const faults = [];
		for (const house of all) await house.judge();
		for (const { faults: found } of all) faults.push(...found);
		assert.deepEqual(faults, []);
	});
}

/**
 * A house. Options: settings of its publisher; own: servers not shared with other houses of the file (['postgres', 'redis']); start:
 * false = no publisher yet; health: true = with a health listener.
 */
export async function build({ settings = {}, own = [], start = true, health = false, site = {} } = {}) {
	const house = new House(++houses, settings, health);
	all.push(house);
	scene.getStore()?.push(house);
	await house.furnish(own);
	if (Object.keys(site).length > 0) await house.sandbox.post('settings', site);
	if (start) await house.start();
	return house;
}

class House {
	constructor(number, settings, health) {
		this.number = number;
		this.database = `house_${number}`;
		this.changed = settings;
		this.health = health;
		this.publishers = [];
		this.users = [];
		this.left = [];
	}

	async furnish(own) {
		const common = own.includes('postgres') && own.includes('redis') ? {} : await servers();
		this.postgres = own.includes('postgres') ? new Postgres(`postgres-${this.number}`) : common.postgres;
		this.redisServer = own.includes('redis') ? new RedisServer(`redis-${this.number}`) : common.redis;
		this.sandbox = new Sandbox(`sandbox-${this.number}`);
		await Promise.all([
			this.sandbox.start(),
			own.includes('postgres') && this.postgres.start(),
			own.includes('redis') && this.redisServer.start(),
		]);
		this.own = own;
		await this.postgres.createDatabase(this.database);
		this.psql = new Psql(this.postgres, this.database);
		this.redis = new Redis(this.redisServer.socket, this.number);
		if (this.health) this.port = await freePort();
	}

	// ---------------------------------------------------------------- publishers

	environment(more = {}) {
		const settings = {
			PATH: process.env.PATH,
			ASAN_OPTIONS: process.env.ASAN_OPTIONS,
			UBSAN_OPTIONS: process.env.UBSAN_OPTIONS,
			DATABASE_URL: this.postgres.url(this.database),
			REDIS_URL: `unix://${this.redisServer.socket}?db=${this.number}`,
			DEVIANTART_CLIENT_ID: application.id,
			DEVIANTART_CLIENT_SECRET: application.secret,
			DEVIANTART_BASE_URL: this.sandbox.url,
			S3_ENDPOINT: this.sandbox.storageUrl,
			S3_ACCESS_KEY_ID: storageKeys.id,
			S3_SECRET_ACCESS_KEY: storageKeys.secret,
			S3_BUCKET_NAME: bucket,
			S3_FORCE_PATH_STYLE: 'true',
			PUBLISHER_CONCURRENCY: 3,
			PUBLISHER_UNKNOWN_WAIT_MS: 500,
			PUBLISHER_RECONCILE_INTERVAL_MS: 1000,
			RATE_LIMITER_ENABLED: 'false',
			CIRCUIT_BREAKER_ENABLED: 'false',
			HEALTH_CHECK_ENABLED: this.health ? 'true' : 'false',
			HEALTH_CHECK_HOST: '127.0.0.1',
			HEALTH_CHECK_PORT: this.port ?? 5000,
			LOG_LEVEL: process.env.PUBLISH_LOG_LEVEL ?? 'info',
			...this.changed,
			...more,
		};
		return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]));
	}

	get log() {
		return path.join(directory, `publisher-${this.number}.log`);
	}

	/** A publisher; with a health listener, once it is ready. */
	async start(more, args = []) {
		// Not in our process group: a signal to the tests is not one to it.
		const publisher = new Process('publisher', program, args, { env: this.environment(more), log: this.log, detached: true });
		this.publishers.push(publisher);
		this.publisher = publisher;
		if (this.health) await this.ready();
		return publisher;
	}

	async ready(ms = 60000) {
		await until('/ready answers 200', async () => (await this.ask('/ready')).status === 200, ms);
	}

	/** The health listener's answer; status 0: none. */
	ask(what) {
		return request(`http://127.0.0.1:${this.port}${what}`).catch(() => ({ status: 0, text: '' }));
	}

	/** Pids of the publisher's children: [{pid, title}], workers and the dispatcher. */
	children(publisher = this.publisher) {
		return childrenOf(publisher.pid);
	}

	async worker(publisher) {
		return until('the publisher has a worker', () => this.children(publisher).find((child) => child.title.includes('worker'))?.pid);
	}

	// ---------------------------------------------------------------- what there is to publish

	/** An artist that the sandbox knows. row: other columns of users; known: what the sandbox is told instead. */
	async artist(row = {}, known = {}) {
		const number = this.users.length + 1;
		const name = `artist-${this.number}-${number}`;
		const artist = { id: `user-${name}`, username: name, access: `access-${name}`, refresh: `refresh-${name}` };
		this.users.push(artist);
		await this.introduce(artist, known);
		await this.insert('users', {
			id: artist.id, deviantart_id: `da-${name}`, username: name, access_token: artist.access, refresh_token: artist.refresh,
			token_expires_at: inTime('1 hour'), refresh_token_expires_at: inTime('80 days'), ...row,
		});
		return artist;
	}

	introduce(artist, known = {}) {
		const user = { username: artist.username, access_token: artist.access, refresh_token: artist.refresh, ...known };
		return this.sandbox.post('users', [Object.fromEntries(Object.entries(user).filter(([, value]) => value !== undefined))]);
	}

	/**
	 * A deviation, scheduled and due, with files in the storage: each of `files` is {size, content, ...columns of deviation_files};
	 * stored: false = the object is missing.
	 */
	async deviation(artist, { files = [{}], ...row } = {}) {
		const id = randomUUID();
		const deviation = { id, title: row.title ?? `Work ${id.slice(0, 8)}`, artist, job: `deviation-${id}`, files: [] };
		const columns = {
			id, user_id: artist.id, title: deviation.title, status: 'scheduled', actual_publish_at: inTime('-1 second'),
			upload_mode: files.length > 1 ? 'multiple' : 'single', ...row,
		};
		const made = files.map((file, i) => this.file(deviation, i, file));
		deviation.files = made.map(({ file }) => file);
		await this.insertTogether([['deviations', columns], ...made.map((one) => ['deviation_files', one.row])]);
		return deviation;
	}

	/** Stores the object; the row is its caller's to insert. */
	file(deviation, i, { size = 2000 + i, content = picture(size), stored = true, ...more }) {
		const key = `uploads/${deviation.id}/picture ${i}.png`;
		const object = path.join(this.sandbox.objects, bucket, key);
		const file = { id: randomUUID(), key, size: content.length };
		if (stored) {
			mkdirSync(path.dirname(object), { recursive: true });
			writeFileSync(object, content);
		}
		const row = {
			id: file.id, deviation_id: deviation.id, original_filename: `picture ${i}.png`, storage_key: key, storage_url: `https://storage.example/${key}`,
			mime_type: 'image/png', file_size: content.length, sort_order: i, ...more,
		};
		return { file, row };
	}

	insert(table, row) {
		return this.insertTogether([[table, row]]);
	}

	/** Rows of several tables, [[table, row], ...], in one statement: whoever looks sees all of them or none. */
	insertTogether(rows) {
		const inserts = rows.map(([table, row]) => `INSERT INTO ${table} (${Object.keys(row)}) VALUES (${Object.values(row).map(sql)})`);
		const last = inserts.pop();
		return this.psql.query(`${inserts.map((one, i) => `${i > 0 ? ',' : 'WITH'} row_${i} AS (${one}) `).join('')}${last}`);
	}

	/** Runs one of the program's commands: {code, output, errors}. */
	command(args, more) {
		return new Promise((done) => {
			execFile(program, args, { env: this.environment(more), timeout: 110000 }, (error, output, errors) => done({ code: error ? error.code : 0, output, errors }));
		});
	}

	/** The program's own command. Gives its exit status. */
	async enqueue(...deviations) {
		return (await this.command(['enqueue', ...deviations.map(({ id }) => id)])).code;
	}

	/** BullMQ's Queue.add (bullmq-protocol.md 5). job: {id, name, data, opts, timestamp, delay, priority} */
	async addJob({ id, data, name = 'publish-deviation', opts = {}, timestamp = Date.now(), delay = 0, priority = 0 }) {
		const options = { attempts: 7, jobId: id, ...opts };
		const text = typeof data === 'string' ? data : JSON.stringify(data);
		await this.redis.run('EVAL', addScript, 0, this.key(''), id, name, text, JSON.stringify(options), timestamp, delay, priority);
	}

	/** The deviation's job, as the API server adds it. */
	add(deviation, { data = {}, ...job } = {}) {
		return this.addJob({
			id: deviation.job, data: { deviationId: deviation.id, userId: deviation.artist.id, uploadMode: deviation.files.length > 1 ? 'multiple' : 'single', ...data },
			...job,
		});
	}

	/** Jobs of which none is taken before all of them are there. */
	async addTogether(deviations, job) {
		await this.redis.run('HSET', this.key('meta'), 'paused', 1);
		for (const one of deviations) await this.add(one, job);
		await this.redis.atomically([['HDEL', this.key('meta'), 'paused'], ['ZADD', this.key('marker'), 0, '0']]);
	}

	// ---------------------------------------------------------------- what became of it

	key(suffix, name = queue) {
		return `bull:${name}:${suffix}`;
	}

	async row(deviation) {
		return (await this.psql.rows(`SELECT * FROM deviations WHERE id = ${sql(deviation.id)}`))[0];
	}

	async user(artist) {
		return (await this.psql.rows(`SELECT *, token_expires_at > now() AT TIME ZONE 'UTC' + interval '50 minutes' AS lives
			FROM users WHERE id = ${sql(artist.id)}`))[0];
	}

	/** The journal's files in upload order; [] where there is none, also before the publisher has made its schema. */
	async journal(deviation) {
		const [{ there }] = await this.psql.rows("SELECT to_regclass('publisher.steps') AS there");
		if (!there) return [];
		return this.psql.rows(`SELECT j.* FROM publisher.files j JOIN deviation_files f ON f.id = j.file_id
			WHERE j.deviation_id = ${sql(deviation.id)} ORDER BY f.sort_order`);
	}

	update(deviation, changes) {
		return this.psql.query(`UPDATE deviations SET ${changes} WHERE id = ${sql(deviation.id)}`);
	}

	/** A job's hash, as numbers where they are, and `state`: the structures its id is in, joined by "+". */
	async job(one, name = queue) {
		const id = one.job ?? one;
		const lists = ['wait', 'paused', 'active'];
		const sets = ['prioritized', 'delayed', 'completed', 'failed', 'waiting-children'];
		const [flat, lock, ...places] = await this.redis.atomically([
			['HGETALL', this.key(id, name)], ['GET', this.key(`${id}:lock`, name)],
			...lists.map((list) => ['LRANGE', this.key(list, name), 0, -1]), ...sets.map((set) => ['ZSCORE', this.key(set, name), id]),
		]);
		const hash = pairs(flat);
		const scores = places.slice(lists.length);
		const states = [...lists.filter((_, i) => places[i].includes(id)), ...sets.filter((_, i) => scores[i] !== null)];
		const due = scores[1] === null ? undefined : Math.floor(Number(scores[1]) / 4096);
		return {
			...hash, id, due, state: states.join('+') || 'missing', attempts: Number(hash.atm ?? 0), claims: Number(hash.ats ?? 0),
			lock, data: parsed(hash.data), opts: parsed(hash.opts), returned: parsed(hash.returnvalue),
		};
	}

	/** The job, once it is in one of these states and there is no lock on it. */
	jobIs(one, states, ms = 20000) {
		let job;
		return until(() => `job ${one.job ?? one} is ${states}; it is ${job.state}: ${JSON.stringify(job)}\n${this.said(one)}`, async () => {
			job = await this.job(one);
			return [states].flat().includes(job.state) && (!quiet.test(job.state) || !job.lock) && job;
		}, ms);
	}

	/** The row, once it is so: a status, or a function of the row. */
	rowIs(deviation, wanted, ms = 20000) {
		let row;
		return until(() => `row ${deviation.id} is ${wanted}; it is ${JSON.stringify(row)}\n${this.said(deviation)}`, async () => {
			row = await this.row(deviation);
			return (typeof wanted === 'string' ? row.status === wanted : wanted(row)) && row;
		}, ms);
	}

	/** Everything that a row of `deviations` or `users` has been, in order. */
	async history(kind, { id }) {
		return (await this.psql.rows(`SELECT was FROM history.rows WHERE kind = ${sql(kind)} AND id = ${sql(id)} ORDER BY seen`)).map(({ was }) => was);
	}

	/** The first row of the deviation that was so, whatever became of it since: a state that the next attempt ends. */
	rowWas(deviation, wanted, ms = 20000) {
		let rows;
		return until(() => `row ${deviation.id} was once ${wanted}; it was ${JSON.stringify(rows)}\n${this.said(deviation)}`, async () => {
			rows = await this.history('deviations', deviation);
			return rows.find(wanted);
		}, ms);
	}

	/** {row, job} of a deviation that ended well. */
	async published(deviation, ms = 20000) {
		const row = await this.rowIs(deviation, 'published', ms);
		return { row, job: await this.jobIs(deviation, 'completed', ms) };
	}

	async failed(deviation, ms = 20000) {
		const row = await this.rowIs(deviation, 'failed', ms);
		return { row, job: await this.jobIs(deviation, 'failed', ms) };
	}

	/** The ledger of one deviation: its accepted posts, all publish requests, submits and every request, in order. */
	async seen(deviation) {
		const title = `?title=${encodeURIComponent([...deviation.title].slice(0, 50).join(''))}&user=${deviation.artist.username}`;
		const [ledger, requests] = await Promise.all([this.sandbox.get(`ledger${title}`), this.sandbox.requests(title)]);
		return { posts: ledger.posts, publishes: ledger.publishes, submits: ledger.submits, requests };
	}

	/** Waits until DeviantArt has a request of this kind that it has not answered. */
	inFlight(endpoint, ms = 10000) {
		return until(`a ${endpoint} is in flight`, async () => (await this.sandbox.get('state')).inflight
			.find((call) => call.endpoint === endpoint && call.step !== 'reading'), ms, 10);
	}

	/** What the log says about a deviation, for a failed test's message. */
	said(deviation, lines = 12) {
		if (!existsSync(this.log)) return '';
		const id = deviation?.id ?? deviation?.job ?? deviation ?? '';
		return readFileSync(this.log, 'utf8').split('\n').filter((line) => line.includes(id)).slice(-lines).join('\n');
	}

	/** Inspects it, once; what was found is in `faults`. */
	async judge() {
		if (this.faults) return;
		this.faults = [];
		await this.inspect().catch((error) => this.faults.push(error.message));
	}

	/** Its scenario is over: judged now, it need not live on beside the others, where its publishers look about twice a second. */
	async leave() {
		await this.judge();
		await this.close();
		const owned = [this.sandbox, ...this.own.map((name) => (name === 'redis' ? this.redisServer : this.postgres))];
		await Promise.all(owned.map(({ process: server }) => server?.stop(server.lastSignal)));
	}

	/** Nothing was published twice, no rule of the site was broken, no token presented twice, and the queue is consistent. */
	async inspect() {
		if (this.left.some(({ check }) => check === 'everything')) return;
		const faults = await this.inspectLedger();
		if (!this.isCut) {
			const twice = await this.psql.rows('SELECT deviation_id FROM sale_queue GROUP BY 1 HAVING count(*) > 1');
			if (twice.length) faults.push(`two sale queue rows: ${JSON.stringify(twice)}`);
			faults.push(...await this.inspectLog());
			faults.push(...await this.inspectQueue(queue), ...await this.inspectQueue('storage-cleanup'));
			faults.push(...await this.verify());
		}
		if (faults.length) throw new Error(`house ${this.number} (${JSON.stringify(this.changed)}): ${faults.join('; ')}`);
	}

	/** Its scenario ended in the middle, and will play in another house: of this one only what DeviantArt saw is judged. */
	cut() {
		this.isCut = true;
		for (const publisher of this.publishers) publisher.kill('SIGKILL');
		this.sandbox?.process?.kill('SIGCONT');
	}

	async inspectLedger() {
		if (this.isCut && (!this.sandbox?.process || this.sandbox.process.end)) return [];
		const summary = await this.sandbox.get('ledger/summary');
		const faults = [];
		if (summary.double_publish_count) faults.push(`double publishes: ${JSON.stringify(summary.double_publishes)}`);
		if (summary.violations) faults.push(`${summary.violations} violations`);
		if (Object.keys(summary.unknown_fields).length) faults.push(`undocumented fields: ${JSON.stringify(summary.unknown_fields)}`);
		if (summary.tokens_presented_twice.length && !this.mayPresentTwice) faults.push(`tokens presented twice: ${JSON.stringify(summary.tokens_presented_twice)}`);
		return faults;
	}

	/** The log is lines of JSON, nothing is on standard error (it goes to the same file), and no secret is in either. */
	async inspectLog() {
		const bytes = existsSync(this.log) ? readFileSync(this.log) : Buffer.alloc(0);
		const text = bytes.toString();
		const secrets = [application.secret, storageKeys.secret];
		for (const row of await this.psql.rows('SELECT access_token, refresh_token FROM users')) secrets.push(...Object.values(row));
		for (const { access, refresh } of this.users) secrets.push(access, refresh);
		const faults = secrets.filter((secret) => secret.length > 8 && text.includes(secret)).map((secret) => `the log tells ${secret}`);
		for (let at = 0, end; (end = bytes.indexOf('\n', at)) >= 0; at = end + 1) {
			const line = bytes.subarray(at, end);
			if (!isLogged(line, at)) faults.push(`no line of a log: ${line}`);
			if (line.length > 4095 && parsed(line)) faults.push(`a line of ${line.length} bytes`);
		}
		return faults;
	}

	/** What a scenario leaves behind on purpose: the audit's name for it, and its id or a part of it (none: any); 'ruins':
	 * nothing that an audit could read; 'everything': it is not even inspected. `why` is for readers. */
	leaves(check, why, id = '') {
		assert.ok(why);
		this.left.push({ check, id: id.id ?? id });
	}

	/** What the program's own audit finds, besides what was left on purpose; nothing where a server of the house is gone. */
	async verify() {
		const servers = [this.postgres.process, this.redisServer.process, this.sandbox.process];
		if (servers.some((server) => server.end) || this.left.some(({ check }) => check === 'ruins')) return [];
		// Where nobody sweeps for a day, a day is not waited for.
		const sweep = Math.min(Number(this.environment().PUBLISHER_RECONCILE_INTERVAL_MS), 5000);
		const { code, output, errors } = await this.command(['verify', '--json', '--ledger', this.sandbox.url], { PUBLISHER_RECONCILE_INTERVAL_MS: sweep });
		if (code !== 0 && code !== 1) return [`verify: ${code} ${errors}`];
		return JSON.parse(output).violations.filter((one) => !this.left.some(({ check, id }) => check === one.check && one.id.includes(id)))
			.map(({ invariant, check, subject, id, text }) => `${invariant} ${check} ${subject} ${id}: ${text}`);
	}

	async inspectQueue(name) {
		const faults = [];
		const prefix = this.key('', name);
		// In one step: a publisher may still be at work.
		const [all_keys, ...members] = await this.redis.run('EVAL', `local all = { redis.call('KEYS', ARGV[1] .. '*') }
			for _, list in ipairs({ 'wait', 'paused', 'active' }) do all[#all + 1] = redis.call('LRANGE', ARGV[1] .. list, 0, -1) end
			for _, set in ipairs({ 'prioritized', 'delayed', 'completed', 'failed' }) do all[#all + 1] = redis.call('ZRANGE', ARGV[1] .. set, 0, -1) end
			return all`, 0, prefix);
		const keys = all_keys.map((key) => key.slice(prefix.length));
		const places = new Map();
		for (const [i, where] of ['wait', 'paused', 'active', 'prioritized', 'delayed', 'completed', 'failed'].entries()) {
			for (const id of members[i]) places.set(id, [...places.get(id) ?? [], where]);
		}
		for (const [id, where] of places) {
			if (where.length > 1) faults.push(`${id} is in ${where}`);
			if (!keys.includes(id)) faults.push(`${id} in ${where} has no hash`);
			if (keys.includes(`${id}:lock`) && where[0] !== 'active') faults.push(`${id} in ${where} has a lock`);
		}
		for (const key of keys) {
			if ((/^deviation-[^:]*$/.test(key) || /^storage-cleanup-[^:]*$/.test(key)) && !places.has(key)) faults.push(`${key} is in no structure`);
		}
		return faults;
	}

	async close() {
		await Promise.all(this.publishers.map((publisher) => publisher.stop('SIGQUIT')));
		this.psql?.close(); // a house that could not be furnished has none
		this.redis?.close();
	}
}

/** Times between the requests to one endpoint (all: to any), ms. */
export function gaps(requests, endpoint) {
	const starts = requests.filter((one) => !endpoint || one.endpoint === endpoint).map(({ started_ms: ms }) => ms);
	return starts.slice(1).map((ms, i) => ms - starts[i]);
}

/** How late a busy machine may be; later still where everything is slowed down by sanitizers (tests/support/sanitized.sh). */
const lateness = sanitized ? 10000 : 1500;

/** `ms` is a wait of `wanted` with that much jitter; a machine that is busy may make it longer, never shorter. */
export function isWait(ms, wanted, { less = 0.2, more = 0.2, late = lateness } = {}) {
	assert.ok(ms >= wanted * (1 - less) - 2, `waited ${ms} ms, wanted ${wanted}`);
	assert.ok(ms <= wanted * (1 + more) + late, `waited ${ms} ms, wanted ${wanted}`);
}

/** SQL for a timestamp so far from now, UTC. */
export function inTime(interval) {
	return `sql:now() AT TIME ZONE 'UTC' + interval '${interval}'`;
}

/** Something that begins like a PNG of 640 x 480. */
export function picture(size) {
	const head = Buffer.from('89504e470d0a1a0a0000000d4948445200000280000001e0080200000', 'hex');
	const bytes = Buffer.alloc(Math.max(size, 1));
	for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + (i >> 8)) & 255;
	head.copy(bytes, 0, 0, Math.min(head.length, bytes.length));
	return bytes;
}

/**
 * Lines of a log, `at` so far into its file: one; or the head of one, up to a page of the file, where SIGKILL ended the write of it, and
 * then whatever the next process wrote there (Linux' generic_perform_write() looks for such a signal between two pages).
 */
function isLogged(line, at) {
	if (typeof parsed(line)?.message === 'string') return true;
	if (!line.toString('latin1', 0, 13).startsWith('{"timestamp":')) return false;
	for (let page = pageSize - at % pageSize; page <= line.length; page += pageSize) {
		if (page === line.length || isLogged(line.subarray(page), at + page)) return true;
	}
	return false;
}

function parsed(text) {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** The process' own list of its children, where the kernel keeps one: this is asked thousands of times. Else everybody. */
function mayBeChildrenOf(pid) {
	try {
		return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
	} catch {
		return isAlive(pid) ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
	}
}

export function childrenOf(pid) {
	const children = [];
	for (const name of mayBeChildrenOf(pid)) {
		try {
			const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
			const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
			if (Number(parent) !== pid || state === 'Z') continue;
			children.push({ pid: Number(name), title: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', '') });
		} catch { /* it has just ended */ }
	}
	return children;
}

export function isAlive(pid) {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
		return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
	} catch {
		return false;
	}
}
