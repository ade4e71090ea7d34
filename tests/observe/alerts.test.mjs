// The alert rules: promtool has nothing against them, each is tested to fire and to be silent, and each has its line in the runbook.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const promtool = process.env.PROMTOOL ?? 'promtool';
const read = (name) => readFileSync(`${root}${name}`, 'utf8');
const rules = read('scripts/deploy/prometheus/alerts.yaml');
const alerts = [...rules.matchAll(/^ {6}- alert: (\w+)$/gm)].map(([, name]) => name);
const groups = [...read('tests/observe/alerts.yaml').matchAll(/^ {2}- name: '(.+)'$/gm)].map(([, name]) => name);

/** The text of one alert. */
const ruleOf = (name) => rules.split(/^ {6}- alert: /m).find((rule) => rule.startsWith(`${name}\n`));

test('promtool takes the rules and the example configuration', () => {
	for (const args of [['check', 'rules', 'alerts.yaml'], ['check', 'config', 'prometheus.yaml']]) {
		const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: `${root}scripts/deploy/prometheus`, encoding: 'utf8' });
		assert.equal(status, 0, `${stdout}${stderr}`);
	}
	assert.ok(alerts.length > 15, `${alerts.length} alerts were found`);
});

for (const file of ['alerts.yaml', 'alerts_day.yaml', 'alert_texts.yaml']) {
	test(`every alert fires when it should and is silent when it should not: ${file}`, () => {
		const { status, stdout, stderr } = spawnSync(promtool, ['test', 'rules', `tests/observe/${file}`], { cwd: root, encoding: 'utf8' });
		assert.equal(status, 0, `${stdout}${stderr}`);
	});
}

test('every alert is tested both ways, has a severity, a text and a line of the runbook; and there are no other lines', () => {
	const all = [...groups, ...[...read('tests/observe/alerts_day.yaml').matchAll(/^ {2}- name: '(.+)'$/gm)].map(([, name]) => name)];
	const runbook = /^## Runbook\n(.*?)^## /ms.exec(read('README.md'))[1];
	const lines = [...runbook.matchAll(/^\| <a id="(\w+)"><\/a>`(\w+)` \| (.+) \| (.+) \| (.+) \|$/gm)];
	for (const name of alerts) {
		const rule = ruleOf(name);
		for (const what of ['fires', 'is silent']) assert.ok(all.some((group) => group.startsWith(`${name} ${what}`)), `${name} has no test that it ${what}`);
		assert.match(rule, /^ {8}labels: \{severity: (page|ticket)\}$/m, name);
		for (const text of ['summary', 'description']) assert.match(rule, new RegExp(`^ {10}${text}: .{15,}$`, 'm'), `${name}: ${text}`);
		assert.match(rule, new RegExp(`^ {10}runbook_url: README\\.md#${name.toLowerCase()}$`, 'm'), name);
	}
	assert.deepEqual(lines.map(([, id, name]) => [id, name]), alerts.map((name) => [name.toLowerCase(), name]), 'the runbook has the alerts, in their order');
});

test('the runbook names no command or setting that the program does not know', () => {
	const runbook = /^## Runbook\n(.*?)^## /ms.exec(read('README.md'))[1];
	const settings = new Set([...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name));
	const help = execFileSync(process.env.PUBLISHER ?? `${root}build/isekai-publisher`, ['-h'], { encoding: 'utf8' });
	for (const [, name] of runbook.matchAll(/`((?:PUBLISHER|RATE_LIMITER|CIRCUIT_BREAKER|S3|DEVIANTART|REDIS|DATABASE)_[A-Z_]+[A-Z])`/g)) assert.ok(settings.has(name), name);
	const commands = [...runbook.matchAll(/`isekai-publisher ([a-z]+)/g)].map(([, name]) => name);
	assert.ok(commands.length > 10);
	for (const name of commands) assert.match(help, new RegExp(`^  ${name}\\b`, 'm'), name);
});
