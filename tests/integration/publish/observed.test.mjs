// Grafana's dashboard and the alerts, as a real Prometheus (Debian's package) that scrapes a running publisher understands them: every
// query has an answer, asks for nothing that no publisher tells, and picks no label that is not there.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { metric } from './pool.mjs';
import { Process, directory, request, root } from './servers.mjs';
import { afterwards, build, freePort, scenario, until } from './stage.mjs';

const read = (name) => readFileSync(`${root}/scripts/deploy/${name}`, 'utf8');
const dashboard = JSON.parse(read('grafana/isekai-publisher.json'));
/** How long a query looks back here: some scrapes, a second apart. */
const lookBack = '30s';

/** What Grafana puts in place of its variables; `$instance` is all of them. */
const filled = (expr) => expr.replaceAll('$job', 'isekai-publisher').replaceAll('$instance', '.*').replaceAll('$__rate_interval', lookBack);

/** A Prometheus of its own: the alerts, its data, and its configuration, which is the example's but for names and times. */
async function prometheus(house) {
	const own = path.join(directory, `prometheus-${house.number}`);
	const config = path.join(own, 'prometheus.yaml');
	mkdirSync(own);
	writeFileSync(path.join(own, 'alerts.yaml'), read('prometheus/alerts.yaml'));
	writeFileSync(config, read('prometheus/prometheus.yaml').replace('localhost:5000', `127.0.0.1:${house.port}`).replaceAll(': 15s', ': 1s'));
	const port = await freePort();
	const server = new Process('prometheus', process.env.PROMETHEUS ?? 'prometheus', [`--config.file=${config}`, `--storage.tsdb.path=${own}/data`,
		`--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'], { cwd: own, log: path.join(own, 'log'), signal: 'SIGTERM', env: { PATH: process.env.PATH, GOMAXPROCS: '1' } });
	const ask = async (what) => {
		const { status, text } = await request(`http://127.0.0.1:${port}/api/v1/${what}`);
		assert.ok(text.startsWith('{'), `${what}: ${status} ${text}`);
		return JSON.parse(text);
	};
	const query = async (expr) => {
		const { status, error, data } = await ask(`query?query=${encodeURIComponent(expr)}`);
		assert.equal(status, 'success', `${expr}: ${error}`);
		return data.result;
	};
	await until(() => `Prometheus is ready; it said:\n${server.said()}`, async () => (await request(`http://127.0.0.1:${port}/-/ready`).catch(() => ({}))).status === 200, 30000);
	return { ask, query, server };
}

/** Every {where, expr} of the dashboard: its panels' queries and its annotations. */
function queries() {
	const all = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr })));
	assert.ok(all.length > 40, `${all.length} queries were found`);
	return all;
}

/** Every series that an expression picks, with its labels: `name{...}` or `name`. */
function selectors(expr) {
	return [...expr.matchAll(/\b((?:publisher_\w+|up|ALERTS)\b(?:\{[^}]*\})?)/g)].map(([, selector]) => selector);
}

/** What must be there, and has no answer while all is well. */
const mayBeEmpty = new Map([['ALERTS', 'no alert fires in a house that is well']]);

scenario('every query of the dashboard and of the alerts is answered by a Prometheus that scrapes a running publisher', async () => {
	const house = await build({ health: true, settings: { CIRCUIT_BREAKER_ENABLED: 'true' } });
	const artist = await house.artist();
	const { ask, query } = await prometheus(house);
	const scrapes = async () => Number((await query(`count_over_time(publisher_uptime_seconds[${lookBack}])`))[0]?.value[1] ?? 0);
	await until('it has scraped before anything happened', async () => await scrapes() >= 1, 15000);
	const works = [];
	for (let i = 0; i < 3; i++) works.push(await house.deviation(artist));
	for (const work of works) await house.add(work);
	for (const work of works) await house.published(work);
	await until('queue and circuits are counted', async () => await metric(house, 'publisher_application_circuit{state="open"}') === 0);
	const soFar = await scrapes();
	await until('it has scraped since', async () => await scrapes() >= soFar + 3, 15000);

	const names = new Set((await ask('label/__name__/values')).data);
	const alerts = (await ask('rules')).data.groups.flatMap(({ rules }) => rules);
	assert.ok(alerts.length > 15, `${alerts.length} alerts were found`);
	for (const { name, health, lastError } of alerts) assert.deepEqual([name, health, lastError ?? ''], [name, 'ok', '']);
	for (const { where, expr } of [...queries(), ...alerts.map(({ name, query: expr }) => ({ where: name, expr }))]) {
		for (const selector of selectors(filled(expr))) {
			const [name] = selector.split('{');
			if (mayBeEmpty.has(name)) continue;
			assert.ok(names.has(name), `${where}: nobody tells ${name}`);
			// A second kind of refusal, a failed scrape: it is there, whatever its value.
			assert.notDeepEqual(await query(`count(${selector})`), [], `${where}: ${selector} picks nothing`);
		}
	}
	for (const { where, expr } of queries()) assert.notDeepEqual(await query(filled(expr)), [], `${where}: no answer to ${filled(expr)}`);
	for (const { expr } of dashboard.annotations.list) await query(filled(expr));
	// Answers that are known: three posts, three workers, nobody held back.
	const value = async (title) => Number((await query(filled(dashboard.panels.find((panel) => panel.title === title).targets[0].expr)))[0].value[1]);
	assert.deepEqual([await value('Publishers'), await value('Ready'), await value('Artists held back'), await value('Operator\'s fault')], [1, 1, 0, 0]);
	const published = await value('Posts an hour'); // increase() reckons with what it did not see
	assert.ok(published > 1.5 && published < 6, `${published} posts`);
	assert.ok(await value('Workers busy') > 0);
	const firing = await query('ALERTS{alertstate="firing"}');
	assert.deepEqual(firing.map(({ metric: { alertname } }) => alertname), []);
	await variablesAreFilled(ask);
});

/** What Grafana asks to fill its variables is there. */
async function variablesAreFilled(ask) {
	for (const { name, definition } of dashboard.templating.list.filter(({ type }) => type === 'query')) {
		const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(definition);
		const { data } = await ask(`label/${label}/values?match[]=${encodeURIComponent(filled(series))}`);
		assert.equal(data.length, 1, `${name}: ${data}`);
	}
}

scenario('the dashboard can be imported anywhere: its source and instance are variables, its panels have ids of their own and do not overlap', async () => {
	const [source] = dashboard.templating.list;
	assert.deepEqual([source.name, source.type, source.query], ['datasource', 'datasource', 'prometheus']);
	assert.deepEqual(dashboard.templating.list.map(({ name }) => name), ['datasource', 'job', 'instance']);
	const ids = dashboard.panels.map(({ id }) => id);
	assert.equal(new Set(ids).size, ids.length);
	const cells = new Set();
	for (const { title, type, datasource, targets = [], gridPos: { x, y, w, h } } of dashboard.panels) {
		assert.ok(x >= 0 && x + w <= 24 && h > 0, title);
		for (let column = x; column < x + w; column++) {
			for (let line = y; line < y + h; line++) {
				assert.ok(!cells.has(`${column},${line}`), `${title} lies over another`);
				cells.add(`${column},${line}`);
			}
		}
		if (type === 'row') continue;
		for (const one of [datasource, ...targets.map((target) => target.datasource)]) assert.deepEqual(one, { type: 'prometheus', uid: '${datasource}' }, title);
		for (const { expr } of targets) assert.ok(selectors(expr).every((selector) => selector.includes('job=~"$job", instance=~"$instance"')), `${title}: ${expr}`);
	}
	assert.doesNotMatch(JSON.stringify(dashboard), /user|deviation_?id|token=/i, 'nobody\'s id is asked for');
});

afterwards();
