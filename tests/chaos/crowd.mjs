// Many posts of many artists at once, put in place in bulk; and what must be true of them when it is over.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { build, until } from '../integration/publish/stage.mjs';
import { bucket } from '../integration/publish/servers.mjs';

/** A house with `posts` due deviations of `artists` artists, one small file each, all in the queue; no publisher yet. */
export async function crowd({ posts, artists, size = 20000, settings, site }) {
	const house = await build({ settings, site, start: false });
	const file = path.join(house.sandbox.objects, bucket, 'crowd.png');
	mkdirSync(path.dirname(file), { recursive: true });
	writeFileSync(file, Buffer.alloc(size, 7));
	await house.sandbox.post('users', Array.from({ length: artists }, (_, i) => (
		{ username: `artist-${i}`, access_token: `access-${i}`, refresh_token: `refresh-${i}` })));
	await house.psql.query(`
		INSERT INTO users (id, deviantart_id, username, access_token, refresh_token, token_expires_at, refresh_token_expires_at)
		SELECT 'user-'||i, 'da-'||i, 'artist-'||i, 'access-'||i, 'refresh-'||i,
		       now() AT TIME ZONE 'UTC' + interval '1 hour', now() AT TIME ZONE 'UTC' + interval '80 days'
		FROM generate_series(0, ${artists - 1}) i`);
	await house.psql.query(`
		INSERT INTO deviations (id, user_id, status, title, tags, actual_publish_at)
		SELECT 'post-'||i, 'user-'||(i % ${artists}), 'scheduled', 'Work '||i, '{sea}', now() AT TIME ZONE 'UTC' FROM generate_series(1, ${posts}) i`);
	await house.psql.query(`
		INSERT INTO deviation_files (id, deviation_id, original_filename, storage_key, storage_url, mime_type, file_size)
		SELECT 'file-'||i, 'post-'||i, 'crowd.png', 'crowd.png', 'x', 'image/png', ${size} FROM generate_series(1, ${posts}) i`);
	for (let from = 1; from <= posts; from += 500)
		await house.enqueue(...Array.from({ length: Math.min(500, posts - from + 1) }, (_, i) => ({ id: `post-${from + i}` })));
	return house;
}

export async function published(house) {
	const [row] = await house.psql.rows("SELECT count(*)::int AS n FROM deviations WHERE status = 'published'");
	return row.n;
}

/** Every post is public exactly once, its row tidy, its job completed at its first attempt and never counted as stalled. */
export async function allOnce(house, posts, ms) {
	await until(async () => `all published: ${await published(house)} of ${posts}`, async () => await published(house) === posts, ms, 200);
	const [rows] = await house.psql.rows(`SELECT sum(retry_count)::int AS retries, count(execution_lock_id)::int AS locks,
		count(DISTINCT deviation_id)::int AS posts, count(error_message)::int AS errors FROM deviations`);
	assert.deepEqual(rows, { retries: 0, locks: 0, posts, errors: 0 });
	const summary = await house.sandbox.get('ledger/summary');
	assert.equal(summary.posts, posts);
	assert.deepEqual([summary.double_publish_count, summary.published_more_than_once, summary.tokens_presented_twice, summary.violations],
		[0, [], [], 0]);
	await until('no job is active any more', async () => (await house.redis.run('LLEN', house.key('active'))) === 0);
	assert.deepEqual(await house.verify(), []);
	for (let i = 1; i <= posts; i++) {
		const [made, stalled] = await house.redis.run('HMGET', house.key(`deviation-post-${i}`), 'atm', 'stc');
		if (made === null) continue; // more than 1000 completed jobs are not kept
		assert.deepEqual([i, made, stalled], [i, '1', null]);
	}
}

/** Numbers that come again with the same seed (a linear congruential generator; good enough to choose a victim). */
export function chance() {
	let seed = Number(process.env.CHAOS_SEED ?? Date.now() % 2147483647);
	console.log(`# CHAOS_SEED=${seed}`);
	return (below) => {
		seed = (seed * 48271) % 2147483647;
		return seed % below;
	};
}
