// That the benchmark works: every side does every job exactly once, and what was measured is told. No figure of it means anything.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { promisify } from 'node:util';

import { root } from '../integration/publish/servers.mjs';

test('both sides do every job of the benchmark exactly once, and its figures are told', { timeout: 240000 }, async () => {
	const { stdout } = await promisify(execFile)(process.execPath, [`${root}/tests/bench/bench.mjs`, 'smoke'], { maxBuffer: 1e7 });
	const { results } = JSON.parse(readFileSync(`${root}/build/bench/smoke.json`, 'utf8'));
	const picture = readFileSync(`${root}/build/bench/smoke.svg`, 'utf8');
	assert.ok(results.length >= 9, `${results.length} results`);
	for (const { name, sides, ratios } of results) {
		assert.ok(stdout.includes(name) && picture.includes(name), `${name} is told`);
		for (const figures of [...Object.values(sides), ...Object.values(ratios)]) {
			for (const [figure, { median }] of Object.entries(figures)) assert.ok(median > 0, `${name}: ${figure} is ${median}`);
		}
	}
});
