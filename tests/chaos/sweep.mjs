// A process killed at its 1st, 2nd, 3rd ... system call, one job a call; and what must be true of each job afterwards.
import { existsSync, readFileSync } from 'node:fs';

import { build, inTime, sleep } from '../integration/publish/stage.mjs';
import { sql } from '../integration/publish/servers.mjs';
import { busiest } from './points.mjs';

/** A job of each kind that the publisher knows: how it is made, and what it has to end with. */
export const modes = {
	single: { posts: 1, submits: 1 },
	/** A publish whose answer died with its worker: what became of it is found out. */
	unknown: { posts: 1, submits: 1, before: { endpoint: 'publish', fault: { effect: true } } },
	unknown_without: { posts: 1, submits: 1, before: { endpoint: 'publish', fault: {} } },
	/** The first of three files is out. */
	resumed: { posts: 3, submits: 3, row: { files: [{}, {}, {}] }, before: { endpoint: 'submit', fault: { skip: 1 } } },
	multiple: { posts: 3, submits: 3, row: { files: [{}, {}, {}] } },
	stash_only: { posts: 0, submits: 1, row: { stash_only: true }, fileState: 'submitted' },
	token: { posts: 1, submits: 1, artist: { token_expires_at: inTime('-1 hour') } },
};

/** What a house of a sweep is like. PostgreSQL is not compared with the queue: a job that was lost stays lost. */
export function sweepHouse(settings = {}, more = {}) {
	return build({
		settings: {
			PUBLISHER_CONCURRENCY: 1, PUBLISHER_UNKNOWN_WAIT_MS: 30, PUBLISHER_RECONCILE_INTERVAL_MS: 600000, RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 1,
			RATE_LIMITER_MAX_DELAY_MS: 1000, CIRCUIT_BREAKER_ENABLED: 'true', ...settings,
		},
		...more,
	});
}

const soon = (ms) => ({ until: Date.now() + ms });
const isOver = ({ until }) => Date.now() > until;

/** What `probe` gives, once it is something; undefined after `ms`. */
export async function wait(probe, ms, every = 5) {
	for (const end = soon(ms); ;) {
		const value = await probe();
		if (value) return value;
		if (isOver(end)) return undefined;
		await sleep(every);
	}
}

/** The points of one sweep in one house, and what came of them. */
export class Sweep {
	/** cold: each job is the first of its worker, which has yet to connect. */
	constructor(name, house, { mode = modes.single, cold = false } = {}) {
		this.name = name;
		this.house = house;
		this.mode = mode;
		this.cold = cold;
		this.gone = new Set(); // Redis' ids of clients whose process is dead
		this.points = 0;
		this.spares = 0;
		this.burned = 0;
		this.lostLogins = 0;
		this.again = []; // ms from a kill to the job in work again
		this.violations = [];
	}

	/** The next sweep in the same house. */
	follow(name, options) {
		const { house, gone, logRead, tearsLog, calls } = this;
		return Object.assign(new this.constructor(name, house, options), { gone, logRead, tearsLog, calls });
	}

	// ---------------------------------------------------------------- the job

	/** An artist of its own with one due post, whose deviation goes to the sale queue as well. */
	async work(row) {
		const { house, mode } = this;
		const artist = await house.artist(mode.artist);
		await house.psql.query(`INSERT INTO price_presets (id, user_id, name, price) VALUES ('preset-${artist.id}', '${artist.id}', 'p', 100);
			INSERT INTO automations (id, user_id, name, auto_add_to_sale_queue, sale_queue_preset_id)
			VALUES ('automation-${artist.id}', '${artist.id}', 'a', true, 'preset-${artist.id}')`);
		return house.deviation(artist, { automation_id: `automation-${artist.id}`, ...mode.row, ...row });
	}

	/** Clients of this house that wait for a turn, by Redis' ids. */
	async turnTakers() {
		const clients = String(await this.house.redis.run('CLIENT', 'LIST')).split('\n')
			.filter((line) => line.includes(` db=${this.house.number} `) && line.includes(' cmd=brpoplpush'));
		return clients.map((line) => /^id=(\d+)/.exec(line)[1]);
	}

	/** The pid of the worker, once it waits for a turn. */
	async idleWorker() {
		const idle = await wait(async () => {
			this.taker = (await this.turnTakers()).find((id) => !this.gone.has(id));
			const workers = this.taker ? this.house.children().filter(({ title }) => title.includes('worker')) : [];
			return workers.length === 1 && workers[0].pid;
		}, 30000);
		if (!idle) throw new Error(`${this.name}: no worker is idle within 30 s: ${await this.scene()}\n${this.house.said()}`);
		return idle;
	}

	/** Who there is, for a complaint. */
	async scene() {
		const clients = String(await this.house.redis.run('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(` db=${this.house.number} `));
		return JSON.stringify({ pid: this.house.publisher.pid, children: this.house.children(), clients, gone: [...this.gone] });
	}

	async dispatcher() {
		const [found] = await wait(() => {
			const all = this.house.children().filter(({ title }) => title.includes('dispatcher'));
			return all.length === 1 && all;
		}, 10000) ?? [];
		if (!found) throw new Error(`${this.name}: there is no dispatcher`);
		return found.pid;
	}

	/** Whether the job and its row came to their end, whichever. */
	async ended(work) {
		const [completed, failed, lock] = await this.house.redis.atomically([
			['ZSCORE', this.house.key('completed'), work.job], ['ZSCORE', this.house.key('failed'), work.job],
			['EXISTS', this.house.key(`${work.job}:lock`)],
		]);
		return lock === 0 && (completed !== null || failed !== null);
	}

	/**
	 * Adds the job. In a mode with something `before`, its first worker has been killed at that already, and the queue was paused until
	 * `hold`, which is given the next worker, has come back.
	 */
	async begin(work, hold) {
		const { house, mode: { before } } = this;
		let pid = await this.idleWorker();
		if (before) {
			await house.sandbox.fault(before.endpoint, { title: work.title }, 'hang', before.fault);
			await house.add(work);
			if (!await wait(async () => (await house.sandbox.get('state')).inflight.some(({ step }) => step === 'hanging'), 20000)) throw new Error(`${this.name}: nothing hangs`);
			await house.redis.run('HSET', house.key('meta'), 'paused', 1);
		}
		if (before || this.cold) {
			process.kill(pid, 'SIGKILL');
			this.gone.add(this.taker);
			pid = await this.idleWorker();
		}
		const held = await hold(pid);
		if (before) await house.redis.atomically([['HDEL', house.key('meta'), 'paused'], ['RPOPLPUSH', house.key('paused'), house.key('wait')], ['ZADD', house.key('marker'), 0, '0']]);
		else await house.add(work);
		return held;
	}

	// ---------------------------------------------------------------- one point

	/** Until the tool has struck, or the job is over without that. `over`: when it is, for a play that waits for something else. */
	async strike(tool, work, over = () => this.ended(work)) {
		let stop = false;
		const done = wait(async () => stop || over(), 30000);
		await Promise.race([tool.told('killed', 'failed', 'over'), done]);
		stop = true;
		await done;
		if (tool.find('killed')) await tool.over;
		await tool.release();
		// It may have struck in the very last moment.
		const struck = tool.find('killed', 'failed');
		if (struck) this.points++;
		else this.count(tool);
		return struck;
	}

	/** What a play that only counts was told; others that met no point know of no calls. */
	count(tool) {
		const calls = busiest(tool.events);
		if (calls.length === 0) return;
		this.calls = calls;
		this.counted = calls.length;
	}

	/** Waits for the end of the job and judges it. */
	async settle(point, work, struck, more = []) {
		const ended = await wait(async () => await this.ended(work) || (struck?.event === 'failed' && await this.hurry(work)), 30000, 10);
		const problems = ended ? await this.judge(work, struck) : [`not over after 30 s: ${JSON.stringify(await this.house.job(work))}`];
		problems.push(...more, ...this.crashes());
		if (problems.length > 0) this.complain(point, struck, work, problems.join('; '));
		if (struck) await this.measure(work, struck);
	}

	/** Deaths by a signal that nobody sent, in the log since it was asked last. */
	crashes() {
		const log = existsSync(this.house.log) ? readFileSync(this.house.log, 'utf8') : '';
		const lines = log.slice(this.logRead ?? 0).split('\n').filter((line) => /signal SIG(?!KILL)/.test(line));
		this.logRead = log.length;
		return lines.map((line) => `it died by ${/signal (SIG[A-Z]+)/.exec(line)[1]}`);
	}

	/** A job that waits after a failure waits no longer: how long it does is another test's matter. */
	async hurry(work) {
		const { house } = this;
		await house.redis.atomically([['ZADD', house.key('delayed'), 'XX', 0, work.job], ['ZADD', house.key('marker'), 0, '0']]);
		return false;
	}

	complain(point, struck, work, problem) {
		const where = struck ? `${struck.call} (${struck.on}) "${struck.data}"` : 'not struck';
		const line = `${this.name} ${pointText(point)}: ${where}: ${problem}`;
		this.violations.push(line);
		console.log(`# ${line}\n# ${this.house.said(work, 30).replaceAll('\n', '\n# ')}`);
	}

	async measure(work, { event, atMs }) {
		if (event !== 'killed') return;
		const events = await this.house.redis.run('XRANGE', this.house.key('events'), atMs, '+');
		for (const [id, flat] of events) {
			if (!flat.includes('active') || !flat.includes(work.job)) continue;
			this.again.push(Number(id.split('-')[0]) - atMs);
			return;
		}
	}

	// ---------------------------------------------------------------- the judgement

	async judge(work, struck) {
		const { house, mode } = this;
		const [job, row, seen, journal, cleanup] = await Promise.all([
			house.job(work), house.row(work), house.seen(work), house.journal(work), house.job(`storage-cleanup-${work.id}`, 'storage-cleanup'),
		]);
		const problems = [...await this.judgeTraces(work, struck)];
		const expect = (what, is, wanted) => {
			if (JSON.stringify(is) !== JSON.stringify(wanted)) problems.push(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`);
		};
		const accepted = seen.publishes.filter((one) => one.accepted);

		expect('places of the job, times stalled, lock', [Number(job.stc ?? 0), Number(job.stalledCounter ?? 0), job.lock], [0, 0, null]);
		expect('lock of the row', [row.execution_lock_id, row.execution_locked_at], [null, null]);
		if (this.mayLoseLogin(struck) && row.status === 'failed') return [...problems, ...await this.judgeLostLogin(work, row, job, struck)];
		expect('posts, accepted publishes', [seen.posts.length, accepted.length], [mode.posts, mode.posts]);
		expect('status, message', [row.status, row.error_message], ['published', null]);
		expect('ids of the row', [row.deviation_id, row.deviation_url], mode.posts > 0 ? [accepted[0]?.deviationid, accepted[0]?.url] : [null, null]);
		expect('items that were published', accepted.map(({ itemid }) => String(itemid)), journal.slice(0, mode.posts).map((file) => file.stash_item_id));
		expect('item of the row', row.stash_item_id, journal[0]?.stash_item_id);
		expect('files of the journal', journal.map(({ state }) => state), Array(mode.submits).fill(mode.fileState ?? 'published'));
		expect('state of the job', job.state, 'completed');
		const burned = Math.max(job.attempts - 1, row.retry_count);
		if (job.attempts < 1 || burned > (this.mayBurn(struck) ? 1 : 0)) problems.push(`attempts ${job.attempts}, retries ${row.retry_count}`);
		this.burned += burned;
		expect('success', job.returned?.success, true);
		expect('clean-up', cleanup.state, 'wait');
		if (seen.submits.length < mode.submits || seen.submits.length > mode.submits + 2) problems.push(`${seen.submits.length} uploads`);
		this.spares += Math.max(0, seen.submits.length - mode.submits);
		if (mode.artist) problems.push(...await this.judgeTokens(work));
		return problems;
	}

	/** A call that failed after DeviantArt was sent something may be a failed attempt (contract.md: NETWORK_ERROR); a kill is none. */
	mayBurn(struck) {
		return struck?.event === 'failed' && struck.seen[2];
	}

	/** What nothing may leave behind. */
	async judgeTraces(work, struck) {
		const { house, mode } = this;
		const [traces] = await house.psql.rows(`SELECT
			(SELECT count(*)::int FROM sale_queue WHERE deviation_id = ${sql(work.id)}) AS sales,
			(SELECT count(*)::int FROM publisher.posts WHERE deviation_id = ${sql(work.id)} AND open_claim IS NOT NULL) AS claims,
			(SELECT count(*)::int FROM publisher.token_leases WHERE user_id = ${sql(work.artist.id)} AND expires_at > now()) AS leases,
			(SELECT status FROM deviations WHERE id = ${sql(work.id)}) AS status`);
		const problems = [];
		if (traces.sales !== (mode.posts > 0 && traces.status === 'published' ? 1 : 0)) problems.push(`${traces.sales} rows in the sale queue`);
		if (traces.claims > 0) problems.push('a claim is open');
		// One that PostgreSQL could not be told the end of ends by itself.
		if (traces.leases > 0 && struck?.event !== 'failed') problems.push('a lease to refresh a token is left');
		const lists = await house.redis.atomically([['LRANGE', house.key('active'), 0, -1], ['LRANGE', house.key('wait'), 0, -1]]);
		if (lists.flat().includes(work.job)) problems.push('the job is still active or waiting');
		return problems;
	}

	// ---------------------------------------------------------------- tokens

	/**
	 * A refresh whose answer nobody got costs the login: it was sent, and the pair lay nowhere yet when the worker died. What was sent is
	 * known from the calls that the tool saw being made.
	 */
	mayLoseLogin(struck) {
		if (!this.mode.artist || !struck) return false;
		const [asked, parked] = struck.seen;
		return asked && !parked;
	}

	/** The old token was presented once more, no oftener, and the artist is told to connect again. */
	async judgeLostLogin(work, row, job, struck) {
		this.lostLogins++;
		this.house.mayPresentTwice = true;
		if (process.env.SWEEP_TELL) console.log(`# ${this.name}: a login is lost at ${JSON.stringify(struck)}`);
		const { refreshes } = await this.house.sandbox.get(`ledger?user=${work.artist.username}`);
		const problems = [];
		if (refreshes.length !== 2 || refreshes.filter(({ ok }) => ok).length !== 1) problems.push(`refreshes: ${JSON.stringify(refreshes)}`);
		if (!/connect/i.test(row.error_message)) problems.push(`the artist is told: ${row.error_message}`);
		if (job.state !== 'failed') problems.push(`the job is ${job.state}`);
		return problems;
	}

	/** Presented once, and the stored pair is the newest. */
	async judgeTokens(work) {
		const { house } = this;
		const [user, { refreshes }, { users }] = await Promise.all([
			house.user(work.artist), house.sandbox.get(`ledger?user=${work.artist.username}`), house.sandbox.get('state'),
		]);
		const known = JSON.stringify(users.find(({ username }) => username === work.artist.username));
		const problems = [];
		if (refreshes.length !== 1 || refreshes[0].presented_times !== 1) problems.push(`refreshes: ${JSON.stringify(refreshes)}`);
		if (user.refresh_token === work.artist.refresh || !known.includes(user.refresh_token) || !known.includes(user.access_token)) problems.push('the stored pair is not the newest');
		if (problems.length === 0 && await house.redis.run('EXISTS', parkingKey(work.artist))) problems.push(...await this.judgeParked(work));
		return problems;
	}

	/** A parked pair that is in the row as well is harmless, and the next refresh removes it (design.md, 4). */
	async judgeParked({ artist }) {
		const { house } = this;
		await house.psql.query(`UPDATE users SET token_expires_at = now() AT TIME ZONE 'UTC' - interval '1 hour' WHERE id = ${sql(artist.id)}`);
		const next = await house.deviation(artist);
		await house.add(next);
		if (!await wait(() => this.ended(next), 30000, 10)) return ['the next post of the artist is not over after 30 s'];
		const { refreshes } = await house.sandbox.get(`ledger?user=${artist.username}`);
		const problems = [];
		if ((await house.row(next)).status !== 'published') problems.push('the next post of the artist is not published');
		if (refreshes.length !== 2 || refreshes.some((one) => one.presented_times !== 1)) problems.push(`after a parked pair: ${JSON.stringify(refreshes)}`);
		if (await house.redis.run('EXISTS', parkingKey(artist))) problems.push('the pair stays parked');
		return problems;
	}

	// ---------------------------------------------------------------- the whole house

	/** Keys that have to end by themselves do, and everything that every house has to keep holds. */
	async close() {
		const { house } = this;
		await this.idleWorker();
		for (const key of await house.redis.run('KEYS', '*')) {
			if (/^bull:/.test(key) && !/:lock$/.test(key)) continue;
			if (await house.redis.run('TTL', key) === -1) this.violations.push(`${this.name}: ${key} has no end`);
		}
		if (this.tearsLog) house.inspectLog = () => [];
		await house.inspect().catch(({ message }) => this.violations.push(`${this.name}: ${message}`));
	}

	report() {
		const sorted = [...this.again].sort((a, b) => a - b);
		const times = sorted.length > 0 ? `; in work again after ${sorted[sorted.length >> 1]} ms (median), ${sorted.at(-1)} ms (most)` : '';
		const burned = this.burned > 0 ? `, ${this.burned} attempts burned after DeviantArt was asked` : '';
		const logins = this.mode.artist ? `, ${this.lostLogins} logins lost where the answer was` : '';
		console.log(`# ${this.name}: ${this.points} points, ${this.violations.length} violations, ${this.spares} spare uploads${burned}${logins}${times}`);
	}
}

/** Where the publisher keeps a pair that is not yet in its row. */
export function parkingKey({ id }) {
	return `isekai-publisher:parked-token:${id}`;
}

/** A point as it is told, and as `sweep.sh` takes it: "117 before", "117 later 300". */
export function pointText({ n, side, steps, of, error }) {
	if (error) return `${of} ${n} ${error}`;
	return `${n} ${side}${steps ? ` ${steps}` : ''}`;
}
