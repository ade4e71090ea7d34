// A strict reader of Prometheus' text format 0.0.4: whatever a careful reader could stumble over is an error.
// https://prometheus.io/docs/instrumenting/exposition_formats/ and .../docs/practices/naming/
import assert from 'node:assert/strict';

const name = '[a-zA-Z_][a-zA-Z0-9_]*';
const sample = new RegExp(`^(${name})(?:\\{(${name}="(?:[^"\\\\]|\\\\[\\\\n"])*"(?:,${name}="(?:[^"\\\\]|\\\\[\\\\n"])*")*)\\})? (\\S+)$`);

/** Service.md's own names, older than the rules for them. */
const excused = new Set(['publisher_active_jobs', 'publisher_uptime_seconds']);

/** {families: name -> {type, help, series: "name{labels}" -> number}, counters: "name{labels}" -> number, of every kind that only grows}. */
export function exposition(text) {
	assert.ok(text.endsWith('\n') && !text.endsWith('\n\n') && !text.includes('\r'), 'lines end with \\n, the last one too');
	const families = new Map();
	let family;
	for (const line of text.slice(0, -1).split('\n')) {
		const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
		if (comment?.[1] === 'HELP') {
			assert.ok(!families.has(comment[2]), `${comment[2]} comes twice`);
			assert.ok(!family || family.series.size > 0, `${family?.name} has no series`);
			family = { name: comment[2], help: comment[3], series: new Map() };
			families.set(family.name, family);
		} else if (comment?.[1] === 'TYPE') {
			assert.ok(family?.name === comment[2] && !family.type && family.series.size === 0, `TYPE of ${comment[2]} follows its HELP`);
			assert.match(comment[3], /^(counter|gauge|histogram)$/);
			family.type = comment[3];
		} else {
			read(family, line);
		}
	}
	assert.ok(family?.series.size > 0);
	for (const one of families.values()) check(one);
	return { families, counters: counters(families) };
}

function read(family, line) {
	const [, itsName, labels, value] = sample.exec(line) ?? assert.fail(`no line of the format: ${line}`);
	assert.ok(family?.type, `HELP and TYPE come before ${line}`);
	const suffix = itsName.slice(family.name.length);
	assert.ok(itsName.startsWith(family.name) && (family.type === 'histogram' ? ['_bucket', '_sum', '_count'].includes(suffix) : suffix === ''), `${itsName} in ${family.name}`);
	const key = line.slice(0, line.lastIndexOf(' '));
	assert.ok(!family.series.has(key), `${key} comes twice`);
	assert.match(value, /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/, key);
	const names = [...(labels ?? '').matchAll(new RegExp(`(${name})="`, 'g'))].map((one) => one[1]);
	assert.equal(new Set(names).size, names.length, `a label comes twice in ${key}`);
	family.series.set(key, Number(value));
}

function check({ name: its, type, help, series }) {
	assert.ok(its.startsWith('publisher_') && /^[a-z][a-z0-9_]*$/.test(its), `${its}: a name of ours, in small letters`);
	assert.ok(help.trim().length > 10, `${its} has a HELP that helps`);
	assert.doesNotMatch(its, /_(ms|milliseconds|minutes|hours|kb|kilobytes|percent)(_|$)/, `${its} is in a base unit`);
	if (!excused.has(its)) assert.equal(its.endsWith('_total'), type === 'counter', `${its} is a ${type}`);
	for (const [key, value] of series) if (type !== 'gauge') assert.ok(value >= 0, key);
	if (type === 'histogram') checkHistogram(its, series);
}

/** Each set of other labels is a histogram of its own. */
function checkHistogram(its, series) {
	const ends = new Map(); // the other labels -> {bound, count} so far
	for (const [key, value] of series) {
		const [, labels, le] = /_bucket\{(.*?),?le="([^"]+)"\}$/.exec(key) ?? [];
		if (le === undefined) continue;
		const { bound, count } = ends.get(labels) ?? { bound: -Infinity, count: 0 };
		const next = le === '+Inf' ? Infinity : Number(le);
		assert.ok(next > bound && value >= count, `${key}: buckets grow`);
		ends.set(labels, { bound: next, count: value });
	}
	assert.ok(ends.size > 0);
	for (const [labels, { bound, count }] of ends) {
		const of = (what) => series.get(`${its}_${what}${labels ? `{${labels}}` : ''}`);
		assert.equal(bound, Infinity, `${its} {${labels}} has a bucket without end`);
		assert.equal(of('count'), count, `${its}_count {${labels}} is the last bucket`);
		assert.notEqual(of('sum'), undefined);
	}
}

function counters(families) {
	const all = new Map();
	for (const { type, series } of families.values()) {
		if (type !== 'gauge') for (const [key, value] of series) all.set(key, value);
	}
	return all;
}
