// What every test uses: three generations of BullMQ, our tool, and ways to look at a queue and to wait for a condition.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(`${process.env.INTEROP_MODULES}/package.json`);
export const IORedis = require('ioredis');
const aliases = { 5.35: 'bullmq535', 5: 'bullmq5', 6: 'bullmq6' };
export const versions = Object.fromEntries(Object.entries(aliases).map(([version, alias]) => [version, require(alias)]));
/** What the generation writes into `meta.version`. */
export const written = Object.fromEntries(Object.entries(aliases).map(([version, alias]) => [version, `bullmq:${require(`${alias}/package.json`).version}`]));
/** The generation that is older than the protocol page's changes of 5.39 to 5.73 (section 18). */
export const OLD = '5.35';
export const connection = { path: process.env.INTEROP_REDIS, maxRetriesPerRequest: null };

/** Waits until `probe` gives something true; never longer than `ms`. */
export async function until(probe, what, ms = 10000) {
	const deadline = Date.now() + ms;
	for (;;) {
		const value = await probe();
		if (value) return value;
		if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
		await new Promise((done) => setTimeout(done, 10));
	}
}

/** Our side: a process that claims, completes and so on when it is told to. */
export class Tool {
	constructor(prefix, queue, settings = {}) {
		const pairs = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
		this.process = spawn(process.env.INTEROP_TOOL,
			[`unix://${process.env.INTEROP_REDIS}`, prefix, queue, ...pairs],
			{ stdio: ['pipe', 'pipe', 'inherit'] });
		this.waiting = [];
		this.ended = new Promise((done) => this.process.once('exit', done));
		createInterface({ input: this.process.stdout }).on('line', (line) => {
			this.waiting.shift()?.(JSON.parse(line));
		});
		this.process.once('exit', (code, signal) => {
			for (const done of this.waiting) done({ ok: false, error: `tool ended: ${code ?? signal}` });
			this.waiting = [];
		});
	}

	/** The answer, whatever it says. */
	ask(cmd, args = {}) {
		return new Promise((done) => {
			this.waiting.push(done);
			this.process.stdin.write(`${JSON.stringify({ cmd, ...args })}\n`);
		});
	}

	/** The answer of a command that must work. */
	async run(cmd, args) {
		const answer = await this.ask(cmd, args);
		if (!answer.ok) throw new Error(`${cmd}: ${answer.category} ${answer.error}`);
		return answer;
	}

	async claim(args) {
		return (await this.run('claim', args)).claim;
	}

	async close() {
		this.process.stdin.end();
		const code = await this.ended;
		if (code !== 0) throw new Error(`the tool ended with ${code}`);
	}

	/** Dies as a crashed worker does. */
	async kill() {
		this.process.kill('SIGKILL');
		await this.ended;
	}
}

/** A queue of its own for one test, seen by BullMQ `version`; everything is closed when the test ends. */
export class Bench {
	constructor(t, version, options = {}) {
		this.bullmq = versions[version];
		this.old = version === OLD;
		this.prefix = options.prefix ?? 'bull';
		this.name = `q-${randomBytes(5).toString('hex')}`;
		this.base = `${this.prefix}:${this.name}:`;
		this.redis = new IORedis(connection);
		this.closing = [];
		this.queue = this.open(this.bullmq.Queue, options.queue);
		t.after(async () => {
			const faults = [];
			for (const one of this.closing.reverse()) await Promise.resolve(one.close()).catch((error) => faults.push(error));
			this.redis.disconnect();
			if (faults.length) throw faults[0];
		});
	}

	/** An object of BullMQ's (Queue, QueueEvents, ...), closed at the end. */
	open(Class, options = {}, ...middle) {
		const one = new Class(this.name, ...middle, { connection, prefix: this.prefix, ...options });
		one.on?.('error', () => {});
		this.closing.push(one);
		return one;
	}

	worker(processor, options = {}) {
		return this.open(this.bullmq.Worker, options, processor);
	}

	async events() {
		// From the beginning: what happens before its first read is not lost.
		const events = this.open(this.bullmq.QueueEvents, { lastEventId: '0-0' });
		await events.waitUntilReady();
		return events;
	}

	tool(settings) {
		const tool = new Tool(this.prefix, this.name, settings);
		this.closing.push({ close: () => (tool.process.killed ? null : tool.close()) });
		return tool;
	}

	key(suffix) {
		return `${this.base}${suffix}`;
	}

	/** The event stream as objects. */
	async stream() {
		return (await this.redis.xrange(this.key('events'), '-', '+')).map(([, fields]) => pairs(fields));
	}

	/** Every key of the queue, as plain values; times and what depends on them are made comparable. */
	async dump() {
		const out = {};
		for (const key of (await this.redis.keys(`${this.base}*`)).sort()) {
			const suffix = key.slice(this.base.length);
			const value = timeless(await this.value(key));
			// By finish time, which is often the same: the order says nothing.
			out[suffix] = suffix === 'completed' || suffix === 'failed' ? members(value) : value;
		}
		return JSON.parse(JSON.stringify(out).replaceAll(this.name, 'QUEUE'));
	}

	async value(key) {
		switch (await this.redis.type(key)) {
		case 'hash': {
			const hash = await this.redis.hgetall(key);
			if (hash.opts) hash.opts = JSON.parse(hash.opts);
			return hash;
		}
		case 'list': return this.redis.lrange(key, 0, -1);
		case 'set': return (await this.redis.smembers(key)).sort();
		case 'zset': return this.redis.zrange(key, 0, -1, 'WITHSCORES');
		case 'stream': return (await this.redis.xrange(key, '-', '+')).map(([, fields]) => pairs(fields));
		default: return this.redis.get(key);
		}
	}
}

/** A sorted set's reply, by member. */
function members(flat) {
	return Object.entries(pairs(flat)).sort();
}

function pairs(flat) {
	const out = {};
	for (let i = 0; i < flat.length; i += 2) out[flat[i]] = flat[i + 1];
	return out;
}

/** Unix times of today, and delayed scores made of them, as words. */
export function timeless(value) {
	if (Array.isArray(value)) return value.map(timeless);
	if (value !== null && typeof value === 'object')
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, timeless(v)]));
	if (typeof value !== 'string' || !/^\d+(\.\d+)?$/.test(value)) return value;
	const number = Number(value);
	// Node asks the clock twice for one delay.
	if (number > 599900 && number < 600000) return '600000';
	if (Math.abs(number - Date.now()) < 86400000 * 30) return 'TIME';
	if (Math.abs(number / 4096 - Date.now()) < 86400000 * 30) return `TIME*4096+${number % 4096}`;
	return value;
}
