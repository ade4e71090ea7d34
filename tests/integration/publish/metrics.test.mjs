// /metrics: every name that was promised, in the format that was promised, true, and no counter ever goes back.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import http from 'node:http';

import { exposition } from './exposition.mjs';
import { dispatcher, load, metric, repeatedly, workers } from './pool.mjs';
import { afterwards, build, isAlive, scenario, sleep, until } from './stage.mjs';

const categories = ['RATE_LIMIT', 'AUTH_ERROR', 'TOKEN_EXPIRED', 'REFRESH_TOKEN_EXPIRED', 'NETWORK_ERROR', 'SERVER_ERROR', 'QUOTA_EXCEEDED', 'VALIDATION_ERROR', 'UNKNOWN'];
/** Contract and service.md; a series has to be there before anything has happened. */
const promised = {
	publisher_active_jobs: ['gauge'],
	publisher_uptime_seconds: ['counter'],
	publisher_job_duration_seconds: ['histogram'],
	publisher_jobs_total: ['counter', 'result', ['completed', 'failed', 'retried', 'deferred']],
	publisher_errors_total: ['counter', 'category', categories],
	publisher_reconciled_total: ['counter', 'outcome', ['published', 'published_now', 'no_link', 'failed']],
	publisher_queue_jobs: ['gauge', 'state', ['waiting', 'paused', 'active', 'prioritized', 'delayed', 'completed', 'failed', 'waiting-children']],
	publisher_circuits: ['gauge', 'state', ['closed', 'open', 'half_open']],
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

/** What `promtool check metrics` complains of; undefined where there is no promtool (it comes with Prometheus). */
function promtool(text) {
	const { error, stdout, stderr } = spawnSync(process.env.PROMTOOL ?? 'promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
	return error ? undefined : `${stdout}${stderr}`.split('\n').filter(Boolean);
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
	const said = promtool(text);
	if (said) assert.deepEqual(said.filter((line) => !/^publisher_(active_jobs|uptime_seconds) /.test(line)), []);
	else console.log('promtool is not here; our own reader has checked the format');
});

scenario('the numbers are true: completed, failed, retried and deferred jobs, errors by category, uploads, circuits', async () => {
	const house = await build({ health: true, settings: { CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 1, CIRCUIT_BREAKER_OPEN_DURATION_MS: 60000 } });
	const artist = await house.artist();
	const good = [];
	for (let i = 0; i < 5; i++) good.push(await house.deviation(artist, { files: i === 0 ? [{}, { size: 30000 }] : [{}] }));
	const lost = await house.deviation(artist, { files: [{ stored: false }] });
	const retried = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: retried.title }, 'status', { status: 500, count: 1 });
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
	assert.equal(families.get('publisher_active_jobs').series.get('publisher_active_jobs'), 0);
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
