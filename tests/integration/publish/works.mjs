// Some posts at once, and what must be true of them when a fault is over.
import assert from 'node:assert/strict';

import { until } from './stage.mjs';

/** Deviations of two artists, with two files now and then, all due. */
export async function works(house, count) {
	const artists = [await house.artist(), await house.artist()];
	const all = [];
	for (let i = 0; i < count; i++) all.push(await house.deviation(artists[i % 2], { files: i % 4 === 3 ? [{}, {}] : [{}] }));
	return all;
}

/** All published, each file exactly once, no attempt burned. */
export async function allOnce(house, all, { job = true } = {}) {
	for (const work of all) {
		const row = await house.rowIs(work, 'published', 30000);
		assert.equal(row.retry_count, 0, JSON.stringify(row));
		assert.equal(row.execution_lock_id, null);
		const { posts } = await house.seen(work);
		assert.equal(posts.length, work.files.length);
		if (!job) continue;
		const ended = await house.jobIs(work, 'completed', 30000);
		assert.equal(ended.attempts, 1, JSON.stringify(ended));
	}
}

/** Work is under way: some, not all, is published. */
export function underWay(house, all) {
	return until('some are published', async () => {
		const [{ count }] = await house.psql.rows("SELECT count(*) FROM deviations WHERE status = 'published'");
		return count >= 2 && count < all.length;
	}, 15000, 5);
}
