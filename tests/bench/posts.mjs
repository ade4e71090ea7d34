// Artists and posts for a measurement, made in bulk; and whether each went out exactly once.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { bucket } from '../integration/publish/servers.mjs';
import { load, queueName } from './stand.mjs';

const artists = 20;

/** One object that all posts of this size share. Gives its key. */
function picture(stand, sizeBytes) {
	const key = `bench/${sizeBytes}.png`;
	const file = path.join(stand.sandbox.objects, bucket, key);
	const content = Buffer.alloc(sizeBytes, 'picture ');
	Buffer.from('89504e470d0a1a0a', 'hex').copy(content);
	mkdirSync(path.dirname(file), { recursive: true });
	writeFileSync(file, content);
	return key;
}

/** Everything empty, then `count` due posts of one file each. Gives the ids of the deviations. */
export async function makePosts(stand, count, sizeBytes) {
	const { psql, redis, sandbox } = stand;
	await redis.run('FLUSHALL');
	await sandbox.post('reset', {});
	await psql.query(`TRUNCATE deviations, deviation_files, users, sale_queue CASCADE;
		DO $$ BEGIN IF to_regnamespace('publisher') IS NOT NULL THEN TRUNCATE publisher.posts, publisher.files, publisher.steps, publisher.token_leases; END IF; END $$`);
	await sandbox.post('users', Array.from({ length: artists }, (_, i) => ({ username: `artist-${i}`, access_token: `access-${i}`, refresh_token: `refresh-${i}` })));
	await psql.query(`INSERT INTO users (id, deviantart_id, username, access_token, refresh_token, token_expires_at, refresh_token_expires_at)
		SELECT 'user-' || i, 'da-' || i, 'artist-' || i, 'access-' || i, 'refresh-' || i, now() AT TIME ZONE 'UTC' + interval '1 hour', now() AT TIME ZONE 'UTC' + interval '80 days'
		FROM generate_series(0, ${artists - 1}) i;
		INSERT INTO deviations (id, user_id, title, status, actual_publish_at, upload_mode)
		SELECT 'post-' || i, 'user-' || i % ${artists}, 'Work ' || i, 'scheduled', now() AT TIME ZONE 'UTC' + interval '-1 second', 'single' FROM generate_series(0, ${count - 1}) i;
		INSERT INTO deviation_files (id, deviation_id, original_filename, storage_key, storage_url, mime_type, file_size, sort_order)
		SELECT 'file-' || i, 'post-' || i, 'picture.png', '${picture(stand, sizeBytes)}', 'https://storage.example/picture.png', 'image/png', ${sizeBytes}, 0 FROM generate_series(0, ${count - 1}) i;
		ANALYZE deviations, deviation_files, users`);
	return Array.from({ length: count }, (_, i) => `post-${i}`);
}

export function openQueue(stand) {
	const { Queue } = load('bullmq5');
	return new Queue(queueName, { connection: { host: '127.0.0.1', port: stand.redisServer.port } });
}

/** What Queue.add of the API server is given. */
export function jobOf(id) {
	const data = { deviationId: id, userId: `user-${Number(id.slice(5)) % artists}`, uploadMode: 'single' };
	return { name: 'publish-deviation', data, opts: { jobId: `deviation-${id}`, attempts: 7 } };
}

/** Each row is published, each post is in the ledger once, each job is completed. */
export async function judgePosts(stand, count) {
	const [{ out }] = await stand.psql.rows("SELECT count(*)::int AS out FROM deviations WHERE status = 'published' AND deviation_id IS NOT NULL");
	const { posts } = await stand.sandbox.get('ledger');
	const titles = new Set(posts.map(({ title }) => title));
	const completed = await stand.redis.run('ZCARD', `bull:${queueName}:completed`);
	if (out !== count || posts.length !== count || titles.size !== count || completed !== count) {
		throw new Error(`of ${count} posts ${out} rows are published, ${posts.length} posts of ${titles.size} titles are public, ${completed} jobs are completed`);
	}
}
