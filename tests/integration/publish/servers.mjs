// The servers that a publisher lives beside, started and ended by process id: PostgreSQL, Redis, the sandbox; and how a test
// talks to them. Everything listens on unix sockets in one private directory, or on the loopback address.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { Psql } from './psql.mjs';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
/** These programs are slow and need memory as they like: tests/support/sanitized.sh. */
export const sanitized = process.env.VARIANT === 'asan';

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Waits until `probe` gives something true, and gives that; never longer than `ms`. Where an answer takes long, the machine is busy, and
 * is asked more rarely: dozens of scenarios ask at the same time. Who looks for a moment (`every` below 40) asks on.
 */
export async function until(what, probe, ms = 10000, every = 40) {
	const deadline = performance.now() + ms;
	for (;;) {
		const asked = performance.now();
		const value = await probe();
		if (value) return value;
		const now = performance.now();
		if (asked >= deadline) throw new Error(`not within ${ms} ms: ${typeof what === 'function' ? await what() : what}`);
		const pause = every < 40 ? every : Math.max(every, 3 * (now - asked));
		await sleep(Math.max(Math.min(pause, deadline - now), 1));
	}
}

const run = promisify(execFile);

// ---------------------------------------------------------------- processes

const running = new Set();

/** A process of ours. `ended` becomes {code, signal}; whatever still runs is killed when this process exits. */
export class Process {
	constructor(name, program, args, { log, signal = 'SIGKILL', ipc = false, ...options } = {}) {
		const output = log ? openSync(log, 'a') : 'ignore';
		this.name = name;
		this.log = log;
		this.lastSignal = signal;
		this.child = spawn(program, args, { stdio: ['ignore', output, output, ...ipc ? ['ipc'] : []], ...options });
		this.pid = this.child.pid;
		running.add(this);
		this.ended = new Promise((done) => {
			this.child.once('error', (error) => done({ code: -1, error }));
			this.child.once('exit', (code, signalled) => done({ code, signal: signalled }));
		}).then((end) => {
			running.delete(this);
			this.end = end;
			return end;
		});
	}

	kill(signal) {
		if (!this.end && this.pid) process.kill(this.pid, signal);
	}

	/** Signals it and waits for its end. */
	async stop(signal = 'SIGTERM', ms = 10000) {
		this.kill(signal);
		const late = setTimeout(() => this.kill('SIGKILL'), ms);
		const end = await this.ended;
		clearTimeout(late);
		return end;
	}

	said(lines = 15) {
		return this.log && existsSync(this.log) ? readFileSync(this.log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '';
	}
}

/** Ends whatever still runs. */
export function stopAll() {
	return Promise.all([...running].map((one) => one.stop(one.lastSignal)));
}

export const directory = mkdtempSync(path.join(process.env.TMPDIR?.length < 40 ? process.env.TMPDIR : '/tmp', 'publish.'));
chmodSync(directory, 0o711); // PostgreSQL's own user has to get through; nobody can list it

process.on('exit', () => {
	for (const one of running) {
		try {
			one.kill(one.lastSignal);
		} catch { /* it has just ended */ }
	}
	rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1));

/** A loopback port that nobody listens on now. */
export function freePort() {
	return new Promise((done, fail) => {
		const server = net.createServer();
		server.once('error', fail);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => done(port));
		});
	});
}

// ---------------------------------------------------------------- PostgreSQL

function postgresPrograms() {
	const base = '/usr/lib/postgresql';
	const versions = existsSync(base) ? readdirSync(base).filter((v) => existsSync(`${base}/${v}/bin/initdb`)) : [];
	if (versions.length > 0) return `${base}/${versions.sort((a, b) => Number(b) - Number(a))[0]}/bin`;
	return path.dirname(execFileSync('sh', ['-c', 'command -v initdb'], { encoding: 'utf8' }).trim());
}

/** What spares it the most of each exit, where its user can read it (tests/support/quick_exit.c): settings of its environment. */
function quickExit() {
	const built = `${root}/build/release/tests/support/quick_exit.so`;
	const copy = path.join(directory, 'quick_exit.so');
	if (!existsSync(copy) && existsSync(built)) copyFileSync(built, copy);
	return existsSync(copy) ? { LD_PRELOAD: copy } : {};
}

/** It refuses to run as root: then it runs as a user that exists already. */
function postgresUser() {
	if (process.getuid() !== 0) return {};
	for (const name of ['postgres', 'nobody']) {
		try {
			const id = (option) => Number(execFileSync('id', [option, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
			return { uid: id('-u'), gid: id('-g') };
		} catch { /* there is no such user */ }
	}
	throw new Error('PostgreSQL needs an unprivileged user');
}

export class Postgres {
	/** keeps: its databases remember what every row has been; measurements do without. PUBLISH_CLUSTER: one that cluster.mjs has made. */
	constructor(name = 'postgres', { keeps = true } = {}) {
		this.keeps = keeps;
		this.directory = path.join(directory, name);
		this.user = postgresUser();
		this.programs = postgresPrograms();
		this.environment = { PATH: process.env.PATH, HOME: this.directory, PGHOST: this.directory, PGUSER: 'isekai', PGPASSFILE: `${this.directory}/none` };
	}

	/** The first time with a database "template" that has the API server's tables. */
	async start() {
		const isFresh = !existsSync(this.directory);
		const isCopied = isFresh && this.keeps && process.env.PUBLISH_CLUSTER && existsSync(process.env.PUBLISH_CLUSTER);
		this.generation = (this.generation ?? 0) + 1;
		const own = { cwd: this.directory, env: this.environment, ...this.user };
		if (isFresh) {
			mkdirSync(this.directory, { mode: 0o700 });
			if (this.user.uid) chownSync(this.directory, this.user.uid, this.user.gid);
			// It takes a second, and other scenarios look at their clocks meanwhile.
			if (isCopied) await run('cp', ['-a', process.env.PUBLISH_CLUSTER, `${this.directory}/data`]);
			else {
				await run(`${this.programs}/initdb`, ['-D', `${this.directory}/data`, '-U', 'isekai', '-A', 'trust', '-E', 'UTF8',
					'--locale=C', '--no-sync'], own);
			}
		}
		// fsync guards against a machine that loses power, not against a killed server.
		this.process = new Process('postgres', `${this.programs}/postgres`, ['-D', `${this.directory}/data`, '-c', 'listen_addresses=',
			'-c', `unix_socket_directories=${this.directory}`, '-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=300'],
		{ ...own, env: { ...own.env, ...quickExit() }, log: path.join(directory, `${path.basename(this.directory)}.log`), signal: 'SIGQUIT' });
		const asked = new Psql(this, 'postgres');
		await until(() => `PostgreSQL answers; it said:\n${this.process.said()}`, () => asked.query('SELECT 1').then(() => true, () => false), 60000);
		if (isFresh && !isCopied) await this.makeTemplate(asked);
		asked.close();
	}

	async makeTemplate(asked) {
		await asked.query('CREATE DATABASE template');
		const psql = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'template', '-f', `${root}/scripts/demo/schema.sql`];
		await run('psql', psql, { env: this.environment });
		if (this.keeps) await run('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'template', '-c', history], { env: this.environment });
	}

	/** One session makes those that come together: it costs as much as a database. */
	async createDatabase(name) {
		this.maker ??= new Psql(this, 'postgres');
		this.making = (this.making ?? 0) + 1;
		try {
			await this.maker.query(`CREATE DATABASE ${name} TEMPLATE template STRATEGY file_copy`);
		} finally {
			if (--this.making === 0) {
				this.maker.close();
				this.maker = undefined;
			}
		}
	}

	url(database) {
		return `postgresql://isekai@localhost/${database}?host=${this.directory}&schema=public`;
	}
}

/** What every deviation and user has been: a test that looks too late still sees it. */
const history = `
CREATE SCHEMA history;
CREATE TABLE history.rows (seen bigserial PRIMARY KEY, kind name, id text, was jsonb);
CREATE INDEX ON history.rows (kind, id);
CREATE FUNCTION history.keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	INSERT INTO history.rows (kind, id, was) VALUES (TG_TABLE_NAME, NEW.id, to_jsonb(NEW));
	RETURN NULL;
END $$;
CREATE TRIGGER keep AFTER INSERT OR UPDATE ON deviations FOR EACH ROW EXECUTE FUNCTION history.keep();
CREATE TRIGGER keep AFTER INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION history.keep();`;

/** A value as SQL. */
export function sql(value) {
	if (value === null || value === undefined) return 'NULL';
	if (Array.isArray(value)) return value.length > 0 ? `ARRAY[${value.map(sql)}]` : "'{}'";
	if (typeof value === 'string') return value.startsWith('sql:') ? `(${value.slice(4)})` : `'${value.replaceAll("'", "''")}'`;
	return String(value);
}

// ---------------------------------------------------------------- Redis

/** Keeps nothing on disk: started again, it is empty. */
export class RedisServer {
	/** port: where it also listens on the loopback address; 0: nowhere. */
	constructor(name, port = 0) {
		this.name = name;
		this.port = port;
		this.socket = path.join(directory, `${name}.sock`);
	}

	async start() {
		this.process = new Process('redis', 'redis-server', ['--port', String(this.port), '--bind', '127.0.0.1', '--unixsocket', this.socket, '--unixsocketperm', '700', '--save', '',
			'--appendonly', 'no', '--databases', '100', '--dir', directory, '--maxmemory-policy', 'noeviction'],
		{ log: path.join(directory, `${this.name}.log`) });
		const asked = new Redis(this.socket, 0);
		await until(() => `Redis answers; it said:\n${this.process.said()}`, () => asked.run('PING').then(() => true, () => false), 60000);
		asked.close();
	}
}

/** As much of a client as a test needs: commands one after another, answers as strings, numbers, lists and null. */
export class Redis {
	constructor(socket, database) {
		this.path = socket;
		this.database = database;
	}

	/** A connection has its own line of waiting commands: what an old one still says is nothing to a new one. */
	open() {
		const waiting = [];
		let bytes = Buffer.alloc(0);
		const socket = net.connect(this.path);
		this.socket = socket;
		this.waiting = waiting;
		socket.on('data', (data) => {
			bytes = Buffer.concat([bytes, data]);
			for (let reply; (reply = parseReply(bytes, 0));) {
				bytes = bytes.subarray(reply.next);
				const { done, fail } = waiting.shift();
				if (reply.value instanceof Error) fail(reply.value);
				else done(reply.value);
			}
		});
		const lost = (error) => {
			if (this.socket === socket) this.socket = null;
			for (const { fail } of waiting.splice(0)) fail(error ?? new Error('Redis closed the connection'));
		};
		socket.on('error', lost);
		socket.on('close', () => lost());
		if (this.database) this.send(['SELECT', this.database]).catch(() => {});
	}

	send(words) {
		return new Promise((done, fail) => {
			this.waiting.push({ done, fail });
			this.socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join('')}`);
		});
	}

	run(...words) {
		if (!this.socket) this.open();
		return this.send(words);
	}

	/** Several commands in one step; their answers. */
	async atomically(commands) {
		const answers = [['MULTI'], ...commands, ['EXEC']].map((words) => this.run(...words));
		return (await Promise.all(answers)).at(-1);
	}

	async hash(key) {
		return pairs(await this.run('HGETALL', key));
	}

	close() {
		this.socket?.end();
		this.socket = null;
	}
}

/** A flat list of names and values as an object. */
export function pairs(flat) {
	return Object.fromEntries(flat.flatMap((name, i) => (i % 2 ? [] : [[name, flat[i + 1]]])));
}

function parseReply(bytes, at) {
	const end = bytes.indexOf('\r\n', at);
	if (end < 0) return null;
	const line = bytes.toString('utf8', at + 1, end);
	const size = Number(line);
	let next = end + 2;
	switch (String.fromCharCode(bytes[at])) {
	case '+': return { value: line, next };
	case '-': return { value: new Error(line), next };
	case ':': return { value: size, next };
	case '$':
		if (size < 0) return { value: null, next };
		return bytes.length < next + size + 2 ? null : { value: bytes.toString('utf8', next, next + size), next: next + size + 2 };
	default: {
		const value = [];
		for (let i = 0; i < size; i++) {
			const one = parseReply(bytes, next);
			if (!one) return null;
			value.push(one.value);
			next = one.next;
		}
		return { value: size < 0 ? null : value, next };
	}
	}
}

// ---------------------------------------------------------------- HTTP

/** {status, text}; one connection a request. */
export function request(url, { method = 'GET', body } = {}) {
	return new Promise((done, fail) => {
		const sent = http.request(url, { method, agent: false, timeout: 10000 }, (answer) => {
			let text = '';
			answer.setEncoding('utf8');
			answer.on('data', (part) => { text += part; });
			answer.on('end', () => done({ status: answer.statusCode, text }));
			answer.on('error', fail);
		});
		sent.on('timeout', () => sent.destroy(new Error(`no answer from ${url}`)));
		sent.on('error', fail);
		sent.end(body === undefined ? undefined : JSON.stringify(body));
	});
}

// ---------------------------------------------------------------- the sandbox

export const application = { id: '12345', secret: 'application-secret' };
export const storageKeys = { id: 'storage-key', secret: 'storage-secret' };
export const bucket = 'artwork';

/** DeviantArt and the storage. Started again it knows nobody, and listens where it did; `secret` is the application's from then on. */
export class Sandbox {
	secret = application.secret;

	/** objects: the storage's directory, if it is another sandbox's. */
	constructor(name, objects = path.join(directory, `${name}.objects`)) {
		this.name = name;
		this.objects = objects;
		this.files = { site: path.join(directory, `${name}.port`), storage: path.join(directory, `${name}.s3-port`) };
		mkdirSync(path.join(this.objects, bucket), { recursive: true });
	}

	async start() {
		const program = process.env.SANDBOX ?? `${root}/build/deviantart-sandbox`;
		for (const file of Object.values(this.files)) rmSync(file, { force: true });
		this.process = new Process('sandbox', program, ['--quiet', '--die-with-parent', '--port', this.port ?? 0, '--port-file', this.files.site,
			'--s3-root', this.objects, '--s3-port', this.storagePort ?? 0, '--s3-port-file', this.files.storage,
			'--client-id', application.id, '--client-secret', this.secret,
			'--s3-access-key', storageKeys.id, '--s3-secret-key', storageKeys.secret].map(String), { log: path.join(directory, `${this.name}.log`) });
		const read = (file) => existsSync(file) && Number(readFileSync(file, 'utf8'));
		await until(() => `the sandbox listens; it said:\n${this.process.said()}`, () => read(this.files.site) && read(this.files.storage), 60000);
		this.port = read(this.files.site);
		this.storagePort = read(this.files.storage);
		this.url = `http://127.0.0.1:${this.port}`;
		this.storageUrl = `http://127.0.0.1:${this.storagePort}`;
	}

	async get(what) {
		const answer = await request(`${this.url}/_sandbox/${what}`);
		if (answer.status !== 200) throw new Error(`/_sandbox/${what}: ${answer.status} ${answer.text}`);
		return JSON.parse(answer.text);
	}

	async post(what, body) {
		const answer = await request(`${this.url}/_sandbox/${what}`, { method: 'POST', body });
		if (answer.status !== 200) throw new Error(`/_sandbox/${what}: ${answer.status} ${answer.text}`);
		return answer.text ? JSON.parse(answer.text) : null;
	}

	/** fault('submit', {title}, 'status', {status: 500, count: 2}) */
	fault(endpoint, match, action, more = {}) {
		return this.post('faults', { match: { endpoint, ...match }, action, ...more });
	}

	async requests(filter = '') {
		return (await this.get(`ledger/requests${filter}`)).request_log;
	}
}
