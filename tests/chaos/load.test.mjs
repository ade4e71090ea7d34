// What a pool carries without harm: many small posts, a few large ones, and how little memory a worker needs for either.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { afterwards, scenario, sleep } from '../integration/publish/stage.mjs';
import { bucket, sanitized } from '../integration/publish/servers.mjs';
import { allOnce, crowd, published } from './crowd.mjs';

const most_kb = 8 * 1024;

/** The largest private memory of any child, KB; 0 where it cannot be read. */
function privateMemory(house) {
	return Math.max(0, ...house.children().map(({ pid }) => {
		try {
			const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
			return [...text.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, [, kb]) => sum + Number(kb), 0);
		} catch {
			return 0;
		}
	}));
}

async function peakUntil(house, done) {
	let peak = 0;
	while (!await done()) {
		peak = Math.max(peak, privateMemory(house));
		await sleep(50);
	}
	return peak;
}

scenario('2 000 small posts of 100 artists, then 3 files of 120 MB at once: each once, no worker over 8 MB', async () => {
	const house = await crowd({ posts: 2000, artists: 100, settings: { PUBLISHER_CONCURRENCY: 8 } });
	const begun = Date.now();
	await house.start();
	const small = await peakUntil(house, async () => await published(house) === 2000 || Date.now() - begun > 90000);
	console.log(`# 2000 posts in ${Date.now() - begun} ms, largest private memory of a child ${small} kB`);
	await allOnce(house, 2000, 1000);

	const size = 120 * 1024 * 1024;
	writeFileSync(path.join(house.sandbox.objects, bucket, 'large.png'), Buffer.alloc(size, 9));
	await house.psql.query(`INSERT INTO deviations (id, user_id, status, title, actual_publish_at)
		SELECT 'large-'||i, 'user-'||i, 'scheduled', 'Large '||i, now() AT TIME ZONE 'UTC' FROM generate_series(1, 3) i`);
	await house.psql.query(`INSERT INTO deviation_files (id, deviation_id, original_filename, storage_key, storage_url, mime_type, file_size)
		SELECT 'large-file-'||i, 'large-'||i, 'large.png', 'large.png', 'x', 'image/png', ${size} FROM generate_series(1, 3) i`);
	await house.enqueue({ id: 'large-1' }, { id: 'large-2' }, { id: 'large-3' });
	const large_begun = Date.now();
	const large = await peakUntil(house, async () => await published(house) === 2003 || Date.now() - large_begun > 90000);
	console.log(`# 3 x 120 MB: largest private memory of a child ${large} kB`);
	assert.equal(await published(house), 2003);
	// Where the memory of another process cannot be read there is nothing to judge; here and in CI it can.
	if (process.getuid() === 0) assert.ok(small > 0 && large > 0);
	// A sanitizer's shadow memory is none of the publisher's.
	if (!sanitized) assert.ok(small < most_kb && large < most_kb, `${small} and ${large} kB`);
});

afterwards();
