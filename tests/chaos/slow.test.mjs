// A Redis that becomes slow: 200 ms and more for every answer. Posts go out more slowly or wait, and no lease is lost by our own doing:
// uploads that last longer than their lock lives are still ours when they end.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';

import { sleep, until } from '../integration/publish/stage.mjs';
import { prepare } from './storm.mjs';
import { enqueue, populate, stormHouse } from './storm_house.mjs';
import { calm, farewell, faultsOf, none } from './storm_judge.mjs';

const only = process.env.ONLY && new RegExp(process.env.ONLY);
const seconds = Number(process.env.CHAOS_SLOW_SECONDS ?? 15);

/**
 * what, ms there and back at least and at most, bytes a second, PUBLISHER_LOCK_DURATION_MS, how long the first uploads last, posts, and how
 * many at least go out meanwhile although all connections are cut when it begins
 */
for (const [what, least, most, bytes_per_s, lock_ms, upload_ms, posts, despite_cut] of [
	['200 ms', 200, 200, 0, 3000, 8000, 100],
	['1 to 4 s', 1000, 4000, 0, 12000, 14000, 20],
	['2.5 s and all connections are cut', 2500, 2500, 0, 30000, 1000, 40, 4],
	['1 kB a second', 0, 0, 1000, 12000, 14000, 20],
]) {
	const name = `Redis answers after ${what}, locks of ${lock_ms / 1000} s, uploads of ${upload_ms / 1000} s: no lease is lost`.replace('after 1 kB', 'at 1 kB');
	if (only && !only.test(name)) continue;
	const played = play(name, { least, most, bytes_per_s, lock_ms, upload_ms, posts, despite_cut });
	played.catch(() => {});
	test(name, { timeout: 400000 + seconds * 1000 }, () => played);
}

async function play(name, { least, most, bytes_per_s, lock_ms, upload_ms, posts, despite_cut }) {
	const house = await stormHouse({
		settings: { PUBLISHER_CONCURRENCY: 3, PUBLISHER_LOCK_DURATION_MS: lock_ms, PUBLISHER_STALE_CHECK_INTERVAL_MS: 1000 }, site: { latency_ms: 100 },
	});
	prepare(house, lock_ms);
	await populate(house, { posts, artists: 10, later: 0 });
	await enqueue(house, 1, posts);
	await house.sandbox.fault('submit', {}, 'delay', { delay_ms: upload_ms, count: 3 });
	await house.instances[0].start();
	await until('all workers are in long uploads', async () => (await house.sandbox.get('state')).inflight.length === 3, 20000);
	const way = house.proxies.redis;
	way.bytes_per_s = bytes_per_s;
	for (let i = 0; i < seconds; i++) {
		if (i === 1 && despite_cut) way.cut('rst');
		way.latency_ms = (least + (most - least) * ((i * 7) % 10) / 9) / 2;
		await sleep(1000);
	}
	const [{ during }] = await house.psql.rows("SELECT count(*)::int AS during FROM deviations WHERE status = 'published'");
	await way.heal();
	await calm(house, 120000);
	const left = await farewell(house);
	const { faults } = await faultsOf(house, { burned: 0 });
	faults.push(...left);
	const events = await house.redis.run('XRANGE', house.key('events'), '-', '+');
	const stalled = events.filter(([, fields]) => fields.includes('stalled')).length;
	const lost = existsSync(house.log) ? readFileSync(house.log, 'utf8').split('\n').filter((line) => line.includes('not ours any more')).length : 0;
	console.log(`# ${name}: ${during} posts out in ${seconds} s of it; ${stalled} stalled, ${lost} leases lost`);
	none(faults, name);
	assert.deepEqual([stalled, lost], [0, 0]);
	assert.ok(during >= (despite_cut ?? 0), 'work goes on, slowly');
}
