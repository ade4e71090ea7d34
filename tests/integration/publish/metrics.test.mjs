// /metrics: every name that was promised, in the format that was promised, true, and no counter ever goes back.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';

import { exposition } from './exposition.mjs';
import { dispatcher, load, metric, repeatedly, workers } from './pool.mjs';
import { Process, root } from './servers.mjs';
import { afterwards, build, inTime, isAlive, scenario, sleep, until } from './stage.mjs';

const program = process.env.PUBLISHER ?? `${root}/build/isekai-publisher`;

const categories = ['RATE_LIMIT', 'AUTH_ERROR', 'TOKEN_EXPIRED', 'REFRESH_TOKEN_EXPIRED', 'NETWORK_ERROR', 'SERVER_ERROR', 'QUOTA_EXCEEDED', 'VALIDATION_ERROR', 'UNKNOWN'];
const reasons = ['not_due', 'locked', 'pace', 'asked_to_wait', 'circuit', 'application_circuit', 'rate_limit', 'deviantart_away', 'storage_away', 'server_away',
	'token', 'operator', 'outcome_unknown', 'attempt_failed', 'lock_lost', 'stopped'];
/** Contract and service.md; a series has to be there before anything has happened. */
const promised = {
	publisher_active_jobs: ['gauge'],
	publisher_uptime_seconds: ['counter'],
	publisher_job_duration_seconds: ['histogram'],
	publisher_step_duration_seconds: ['histogram'],
	publisher_lateness_seconds: ['histogram'],
	publisher_jobs_total: ['counter', 'result', ['completed', 'failed', 'retried', 'deferred']],
	publisher_errors_total: ['counter', 'category', categories],
	publisher_reconciled_total: ['counter', 'outcome', ['published', 'published_now', 'no_link', 'failed']],
	publisher_queue_jobs: ['gauge', 'state', ['waiting', 'paused', 'active', 'prioritized', 'delayed', 'completed', 'failed', 'waiting-children']],
	publisher_circuits: ['gauge', 'state', ['open', 'half_open']],
	publisher_application_circuit: ['gauge', 'state', ['open', 'half_open']],
	publisher_queue_oldest_due_seconds: ['gauge'],
	publisher_waits_total: ['counter', 'reason', reasons],
	publisher_wait_seconds_total: ['counter', 'reason', reasons],
	publisher_worker_seconds_total: ['counter'],
	publisher_worker_restarts_total: ['counter'],
	publisher_workers_killed_total: ['counter'],
	publisher_dispatcher_restarts_total: ['counter'],
	publisher_reloads_total: ['counter', 'result', ['done', 'refused']],
	publisher_ready: ['gauge'],
	publisher_redis_up: ['gauge'],
	publisher_postgres_up: ['gauge'],
	publisher_operator_fault: ['gauge'],
};

const page = async (house) => (await house.ask('/metrics')).text;

/** The answer with its headers, whatever the method. */
function whole(house, method) {
	return new Promise((done, fail) => {
		const sent = http.request(`http://127.0.0.1:${house.port}/metrics`, { method, agent: false }, (answer) => {
			let text = '';
			answer.on('data', (part) => { text += part; });
			answer.on('end', () => done({ status: answer.statusCode, headers: answer.headers, text }));
		});
		sent.on('error', fail);
		sent.end();
	});
}

/** What `promtool check metrics` complains of, a line each. */
function promtool(text) {
	const { error, stdout, stderr } = spawnSync(process.env.PROMTOOL ?? 'promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
	assert.equal(error, undefined, 'promtool is in Debian\'s package prometheus');
	return `${stdout}${stderr}`.split('\n').filter(Boolean);
}

scenario('every promised name and label is there from the start, in the format that content type tells; promtool has nothing to say but of the old names', async () => {
	const house = await build({ health: true });
	await until('queue and circuits were counted', async () => /publisher_queue_jobs.*publisher_circuits/s.test(await page(house)));
	const { status, headers, text } = await whole(house, 'GET');
	assert.equal(status, 200);
	assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
	const head = await whole(house, 'HEAD');
	assert.deepEqual([head.status, head.headers['content-type'], head.text], [200, headers['content-type'], '']);
	const { families } = exposition(text);
	for (const [name, [type, label, values = []]] of Object.entries(promised)) {
		const family = families.get(name);
		assert.equal(family?.type, type, name);
		for (const value of values) assert.equal(family.series.get(`${name}{${label}="${value}"}`), 0, `${name} of ${value}`);
	}
	assert.deepEqual(promtool(text).filter((line) => !/^publisher_(active_jobs|uptime_seconds) /.test(line)), []);
});

const sum = (values) => [...values].reduce((all, one) => all + one, 0);

scenario('the numbers are true: completed, failed, retried and deferred jobs, errors by category, uploads, circuits', async () => {
	const house = await build({ health: true, settings: { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 1, CIRCUIT_BREAKER_OPEN_DURATION_MS: 60000 } });
	const artist = await house.artist();
	const good = [];
	for (let i = 0; i < 5; i++) good.push(await house.deviation(artist, { files: i === 0 ? [{}, { size: 30000 }] : [{}] }));
	const lost = await house.deviation(artist, { files: [{ stored: false }] });
	const retried = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: retried.title }, 'status', { status: 500, count: 1 });
	await house.sandbox.fault('submit', { title: good[0].title }, 'delay', { answer_delay_ms: 700, count: 1 });
	const limited = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: limited.title }, 'status', { status: 429, count: -1 });
	for (const work of [...good, lost, retried, limited]) await house.add(work);
	for (const work of [...good, retried]) await house.published(work);
	await house.failed(lost);
	await house.jobIs(limited, 'delayed');
	const jobs = (result) => metric(house, `publisher_jobs_total{result="${result}"}`);
	await until('all are counted', async () => await jobs('completed') === good.length + 1 && await jobs('failed') === 1);
	const { families, counters } = exposition(await page(house));
	assert.equal(counters.get('publisher_jobs_total{result="retried"}'), 1);
	assert.ok(counters.get('publisher_jobs_total{result="deferred"}') >= 1);
	assert.equal(counters.get('publisher_job_duration_seconds_count'), good.length + 3, 'completed, failed and retried; not the deferred');
	assert.ok(counters.get('publisher_job_duration_seconds_sum') > 0);
	for (const step of ['upload', 'publish']) assert.equal(counters.get(`publisher_step_duration_seconds_count{step="${step}"}`), good.length + 2, `${step}: one a file`);
	for (const step of ['upload', 'publish']) assert.ok(counters.get(`publisher_step_duration_seconds_sum{step="${step}"}`) > 0, step);
	// Each was due a second before it was made (deviation()), and none waited for minutes.
	const late = (bound) => counters.get(`publisher_lateness_seconds_bucket{le="${bound}"}`);
	assert.deepEqual([late('0.5'), late('300'), counters.get('publisher_lateness_seconds_count')], [0, good.length + 1, good.length + 1], 'one a post');
	for (const [category, count] of [['SERVER_ERROR', 1], ['VALIDATION_ERROR', 1], ['AUTH_ERROR', 0], ['UNKNOWN', 0]]) {
		assert.equal(counters.get(`publisher_errors_total{category="${category}"}`), count, category);
	}
	assert.ok(counters.get('publisher_errors_total{category="RATE_LIMIT"}') >= 1);
	const sent = [...good, retried].flatMap(({ files }) => files);
	assert.equal(counters.get('publisher_uploads_total'), sent.length);
	assert.equal(counters.get('publisher_publishes_total'), sent.length);
	assert.equal(counters.get('publisher_uploaded_bytes_total'), sent.reduce((sum, { size }) => sum + size, 0));
	assert.equal((await house.sandbox.get('ledger')).posts.length, sent.length);
	await until('the open circuit is counted', async () => await metric(house, 'publisher_circuits{state="open"}') === 1);
	assert.equal(await metric(house, 'publisher_application_circuit{state="open"}'), 0, 'it is one user\'s');
	for (const [reason, count, least, most] of [['attempt_failed', 1, 2.4, 3.6], ['rate_limit', 1, 60, 72], ['pace', 0, 0, 0], ['storage_away', 0, 0, 0]]) {
		const seconds = counters.get(`publisher_wait_seconds_total{reason="${reason}"}`);
		assert.equal(counters.get(`publisher_waits_total{reason="${reason}"}`), count, reason);
		assert.ok(seconds >= least && seconds <= most, `${reason}: ${seconds} s`);
	}
	const spent = families.get('publisher_worker_seconds_total').series;
	const lived = sum(families.get('publisher_workers').series.values()) * (Date.now() / 1000 - families.get('publisher_start_time_seconds').series.get('publisher_start_time_seconds'));
	assert.ok(spent.get('publisher_worker_seconds_total{state="uploading"}') >= 0.7, 'one upload alone took as long');
	assert.ok(spent.get('publisher_worker_seconds_total{state="idle"}') > 0);
	assert.ok(sum(spent.values()) <= lived, `${sum(spent.values())} s in ${lived} s of all workers`);
	assert.equal(families.get('publisher_active_jobs').series.get('publisher_active_jobs'), 0);
});

const refused = (error) => ({ status: 400, body: { status: 'error', error, error_description: error, error_code: 0 } });

/** DeviantArt asks an artist to wait, or everybody; his next post comes meanwhile. */
async function thenAnother(house, error, reason) {
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, count: 1, headers: { 'Retry-After': '4' }, body: { status: 'error', error } });
	await house.add(work);
	await house.rowIs(work, ({ error_message: message }) => message);
	await house.add(await house.deviation(artist));
	await until(`a job waits: ${reason}`, async () => await metric(house, `publisher_waits_total{reason="${reason}"}`) > 0);
}

/** What each does makes some of the counters move; all of them together every one. */
const movers = [
	async function ends(house) {
		const artist = await house.artist();
		const one = async (row, fault, ...more) => {
			const work = await house.deviation(more[0] ?? artist, row);
			if (fault) await house.sandbox.fault(fault[0], { title: work.title }, fault[1], fault[2]);
			await house.add(work);
			return work;
		};
		await one({}); // completed, turns, uploads, publishes
		await one({ files: [{ stored: false }] }); // failed, VALIDATION_ERROR
		await one({}, ['submit', 'status', { status: 500, count: 1 }]); // retried, SERVER_ERROR
		await one({}, ['submit', 'status', { status: 429, count: 1, headers: { 'Retry-After': '1' } }]); // deferred, RATE_LIMIT
		await one({}, ['submit', 'status', { status: 418, body: { status: 'error', error: 'teapot', error_description: 'no coffee' }, count: 1 }]); // UNKNOWN
		await one({}, ['submit', 'close', { count: 2 }]); // NETWORK_ERROR; the first may meet a kept connection, and be no failure
		await one({}, ['submit', 'status', { ...refused('Your Sta.sh quota is used up.'), count: 1 }]); // QUOTA_EXCEEDED
		await one({}, ['submit', 'status', { status: 403, body: { error: 'no' }, count: 2 }], await house.artist()); // AUTH_ERROR, a refresh
		await one({}, ['submit', 'status', { status: 401, body: { error: 'invalid_token' }, count: 2 }], await house.artist()); // TOKEN_EXPIRED
		await one({}, ['publish', 'reset_after', { count: 1 }]); // OUTCOME_UNKNOWN, reconciled as published
		await one({}, ['publish', 'close', { count: 1 }]); // reconciled as published_now
		await one({}, ['publish', 'close', { count: 50 }]); // reconciled as failed
		await thenAnother(house, 'user_api_threshold', 'asked_to_wait');
		// REFRESH_TOKEN_EXPIRED, a dead login, a refresh that failed
		await one({}, null, await house.artist({ token_expires_at: inTime('-1 hour'), refresh_token_expires_at: inTime('-1 day') }));
	},
	async function waits(house) { // a job is put off for each reason that the other movers have not
		await house.psql.query(`CREATE SEQUENCE refusals; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN IF NEW.title = 'disk full' AND nextval('refusals') = 1 THEN RAISE 'no space left' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$;
			CREATE TRIGGER refuse BEFORE UPDATE ON deviations FOR EACH ROW EXECUTE FUNCTION refuse()`);
		await house.publisher.stop();
		await house.start({ RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 300, CIRCUIT_BREAKER_THRESHOLD: 1, CIRCUIT_BREAKER_OPEN_DURATION_MS: 4000 });
		const add = async (row, artist) => {
			const work = await house.deviation(artist ?? await house.artist(), row);
			await house.add(work);
			return work;
		};
		await add({ actual_publish_at: inTime('1500 milliseconds') }); // not_due
		await add({ status: 'uploading', execution_lock_id: 'node-1', execution_locked_at: inTime('-29 minutes -58 seconds') }); // locked
		const hasty = await house.artist();
		await Promise.all([1, 2, 3].map(() => add({}, hasty))); // pace
		await add({ title: 'disk full' }); // server_away
		await house.sandbox.fault('submit', { title: 'down' }, 'status', { status: 503, count: 1 });
		await add({ title: 'down' }); // deviantart_away
		const unread = await house.deviation(await house.artist());
		await house.sandbox.fault('s3', { key: unread.files[0].key }, 'status', { status: 503, body: '<Error><Code>SlowDown</Code></Error>', count: 1 });
		await house.add(unread); // storage_away
		const stale = await house.artist({ token_expires_at: inTime('1 minute') });
		await house.insert('publisher.token_leases', { user_id: stale.id, holder: 'another', expires_at: inTime('8 seconds'),
			refresh_token_digest: createHash('sha256').update(stale.refresh).digest('hex') });
		await add({}, stale); // token
		await thenAnother(house, 'user_api_threshold', 'circuit');
		await thenAnother(house, 'application_api_threshold', 'application_circuit');
		await until('it is shown', async () => await metric(house, 'publisher_application_circuit{state="open"}') === 1, 3000);
	},
	async function fence(house) { // LOST
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 1500 });
		await house.add(work);
		await house.inFlight('submit');
		await house.update(work, "execution_lock_id = 'worker-1', execution_locked_at = now() AT TIME ZONE 'UTC'");
	},
	async function noLink(house) {
		const work = await house.deviation(await house.artist());
		await house.sandbox.post('settings', { gallery_delay_ms: 3600000 });
		await house.sandbox.fault('publish', { title: work.title }, 'reset_after', { count: 1 });
		await house.add(work);
		await until('error_code 9 says that it is public', async () => (await house.journal(work))[0]?.public_since, 15000);
		await house.psql.query("UPDATE publisher.files SET public_since = now() - interval '31 minutes' WHERE public_since IS NOT NULL");
		const { row } = await house.published(work, 40000);
		assert.equal(row.deviation_url, null);
	},
	async function deaths(house) { // a job that is handed back; worker and dispatcher anew
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: work.title }, 'hang', { effect: true, count: 1 });
		await house.add(work);
		await house.inFlight('submit');
		for (const pid of workers(house)) process.kill(pid, 'SIGKILL');
		await house.published(work);
		process.kill(dispatcher(house), 'SIGKILL');
		await until('there is another', () => dispatcher(house));
	},
	async function connections(house) {
		const work = await house.deviation(await house.artist());
		await house.add(work);
		await house.published(work);
		await house.redis.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
		await house.psql.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^isekai-publisher (worker|dispatcher)'");
	},
	async function lostJobs(house) { // one that stalled, one that the queue has lost
		const [stalled, lost] = [await house.deviation(await house.artist()), await house.deviation(await house.artist(), { updated_at: inTime('-1 hour') })];
		await house.redis.atomically([
			['HSET', house.key(stalled.job), 'name', 'publish-deviation', 'data', JSON.stringify({ deviationId: stalled.id, userId: stalled.artist.id }),
				'opts', '{"attempts":7}', 'timestamp', Date.now(), 'delay', 0, 'priority', 0, 'processedOn', Date.now(), 'ats', 1],
			['LPUSH', house.key('active'), stalled.job],
		]);
		for (const work of [stalled, lost]) await house.published(work);
	},
	async function reloads(house) { // done, refused; a worker that does not leave is killed
		process.kill(workers(house)[0], 'SIGSTOP');
		house.publisher.kill('SIGHUP');
		await until('it is done', async () => await metric(house, 'publisher_reloads_total{result="done"}') === 1, 15000);
		writeFileSync(`${house.log}.ini`, '[publisher]\nnonsense = 1\n');
		house.publisher.kill('SIGHUP');
	},
	async function crowd(house) { // more than the listener takes, and a client that stops in the middle of its request
		const clients = [];
		for (let i = 0; i < 600; i++) clients.push(net.connect(house.port, '127.0.0.1').on('error', () => {}));
		await until('some are dropped', async () => await metric(house, 'publisher_health_connections_dropped_total') > 0);
		for (const client of clients) client.destroy();
		const slow = net.connect(house.port, '127.0.0.1').on('error', () => {});
		slow.write('GET /health HT');
		await until('it takes too long', async () => await metric(house, 'publisher_health_timeouts_total') > 0, 15000);
		slow.destroy();
	},
	async function fullOutput(house) {
		await house.publisher.stop();
		house.publisher = new Process('publisher', '/bin/sh', ['-c', 'exec "$0" >/dev/full', program], { env: house.environment(), detached: true });
		house.publishers.push(house.publisher);
		await house.ready();
	},
	async function refusals(house) { // OPERATOR, then AWAY
		await house.publisher.stop();
		await house.start({ DEVIANTART_CLIENT_SECRET: 'wrong', S3_SECRET_ACCESS_KEY: 'wrong' });
		const expired = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
		for (const artist of [expired, await house.artist()]) await house.add(await house.deviation(artist));
		house.mayPresentTwice = true; // a refused application does not spend it
	},
];

/** Nobody can read these: who is stopped is gone a moment later, and a bucket holds only what took so long. */
const unseen = /errors_total\{category="STOPPED"\}|reason="stopped"\}|_bucket\{/;

scenario('every counter that is printed moves when what it counts happens', async () => {
	const left = new Map();
	const seen = new Set();
	await Promise.all(movers.map(async (move) => {
		const house = await build({ start: false, health: true, own: move.name === 'connections' ? ['redis'] : [], settings: { PUBLISHER_STALE_CHECK_INTERVAL_MS: 500, CIRCUIT_BREAKER_ENABLED: 'true' } });
		writeFileSync(`${house.log}.ini`, '');
		await house.start({}, ['-c', `${house.log}.ini`]);
		let goOn = true;
		const look = async () => {
			const { text } = await house.ask('/metrics');
			if (!text) return;
			for (const [key, value] of exposition(text).counters) {
				if (value > 0) seen.add(key);
				left.set(key, move.name);
			}
		};
		const watching = (async () => {
			for (; goOn; await sleep(200)) await look();
		})();
		try {
			await move(house);
			const missing = () => [...left.keys()].filter((key) => !seen.has(key) && !unseen.test(key));
			await until(() => `every counter has moved; these have not: ${missing().join(' ')}`, () => missing().length === 0, 60000, 200);
		} finally {
			goOn = false;
			await watching;
		}
	}));
});

scenario('no counter goes back, whoever is killed, while jobs go on and HUPs come', async () => {
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: 4 } });
	await house.sandbox.post('settings', { latency_ms: 20 });
	const stop = await load(house, 8);
	let last = new Map();
	let scrapes = 0;
	const backwards = [];
	const stopScraping = repeatedly(3, async () => {
		const { counters } = exposition(await page(house));
		for (const [key, value] of last) if (!(counters.get(key) >= value)) backwards.push(`${key}: ${value}, then ${counters.get(key)}`);
		last = counters;
		scrapes++;
	});
	const killed = { worker: 0, dispatcher: 0 };
	for (let round = 0; round < 30; round++) {
		const victims = round % 6 === 5 ? [dispatcher(house)] : workers(house).slice(0, 1 + round % 3);
		for (const pid of victims) if (pid && isAlive(pid)) process.kill(pid, 'SIGKILL');
		killed[round % 6 === 5 ? 'dispatcher' : 'worker'] += victims.length;
		if (round % 10 === 9) house.publisher.kill('SIGHUP');
		await sleep(150);
	}
	const works = await stop();
	for (const work of works) await house.published(work, 40000);
	await stopScraping();
	assert.deepEqual(backwards, []);
	assert.ok(scrapes > 50, `${scrapes} scrapes`);
	assert.ok(last.get('publisher_worker_restarts_total') >= killed.worker / 2, 'workers died');
	assert.ok(last.get('publisher_dispatcher_restarts_total') >= 1, 'dispatchers died');
	assert.ok(last.get('publisher_handed_back_jobs_total') > 0, 'jobs were handed back');
	// Who is killed between the end of a job and its count counts one too few; nobody counts one too many.
	const completed = last.get('publisher_jobs_total{result="completed"}');
	assert.ok(completed <= works.length && completed >= works.length - killed.worker, `${completed} of ${works.length} counted, ${killed.worker} killed`);
});

afterwards();
