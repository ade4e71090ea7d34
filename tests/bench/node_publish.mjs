/**
 * The whole publish as a good and lean Node worker does it: BullMQ's Worker, pg's Pool, Node's own fetch, and no more than a post needs: no
 * progress, no log lines, no journal, no limiter. What the publisher is measured against. Runs until TERM.
 */
import { createHash, createHmac } from 'node:crypto';
import { createRequire } from 'node:module';

const { env } = process;
const load = createRequire(`${env.BENCH_MODULES}/package.json`);
const { Queue, Worker } = load(env.BENCH_BULLMQ);
const { Pool } = load('pg');

const concurrency = Number(env.PUBLISHER_CONCURRENCY);
const { hostname, port, pathname } = new URL(env.REDIS_URL);
const connection = { host: hostname, port: Number(port), db: Number(pathname.slice(1) || 0), maxRetriesPerRequest: null };
const database = new URL(env.DATABASE_URL);
const pool = new Pool({
	host: database.searchParams.get('host') ?? database.hostname, port: Number(database.port || 5432), user: database.username, database: database.pathname.slice(1), max: concurrency,
});
const cleanups = new Queue('storage-cleanup', { connection });
const api = env.DEVIANTART_BASE_URL;

// ---------------------------------------------------------------- storage (AWS Signature Version 4)

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const region = env.S3_REGION ?? 'auto';

/** The day's key is the same for every request of that day. */
const keys = new Map();
function signingKey(day) {
	if (!keys.has(day)) keys.set(day, ['aws4_request', 's3', region, day].reduceRight((key, part) => hmac(key, part), `AWS4${env.S3_SECRET_ACCESS_KEY}`));
	return keys.get(day);
}

async function fetchFile(key) {
	const url = new URL(`${env.S3_ENDPOINT}/${env.S3_BUCKET_NAME}/${key.split('/').map(encodeURIComponent).join('/')}`);
	const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
	const day = time.slice(0, 8);
	const scope = `${day}/${region}/s3/aws4_request`;
	const payload = 'UNSIGNED-PAYLOAD';
	const signed = 'host;x-amz-content-sha256;x-amz-date';
	const request = `GET\n${url.pathname}\n\nhost:${url.host}\nx-amz-content-sha256:${payload}\nx-amz-date:${time}\n\n${signed}\n${payload}`;
	const signature = createHmac('sha256', signingKey(day)).update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(request)}`).digest('hex');
	const answer = await fetch(url, {
		headers: {
			'x-amz-content-sha256': payload, 'x-amz-date': time,
			Authorization: `AWS4-HMAC-SHA256 Credential=${env.S3_ACCESS_KEY_ID}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
		},
	});
	if (!answer.ok) throw new Error(`storage: ${answer.status} ${await answer.text()}`);
	return answer.blob();
}

// ---------------------------------------------------------------- DeviantArt

async function post(path, token, body) {
	const answer = await fetch(`${api}${path}`, { method: 'POST', headers: { Authorization: `Bearer ${token}` }, body });
	const text = await answer.text();
	if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
	return text;
}

async function submit(row) {
	const blob = await fetchFile(row.storage_key);
	const form = new FormData();
	form.append('title', row.title);
	if (row.description) form.append('artist_comments', row.description);
	for (const tag of row.tags ?? []) form.append('tags[]', tag);
	form.append('is_ai_generated', String(row.is_ai_generated));
	form.append('noai', String(row.no_ai));
	form.append('file', new Blob([blob], { type: row.mime_type }), row.original_filename);
	// A number that may be larger than a double holds exactly.
	return /"itemid"\s*:\s*"?(\d+)/.exec(await post('/api/v1/oauth2/stash/submit', row.access_token, form))[1];
}

async function publish(row, itemId) {
	const form = new URLSearchParams({
		itemid: itemId, is_mature: row.is_mature, allow_comments: row.allow_comments, allow_free_download: row.allow_free_download,
		display_resolution: row.display_resolution ?? 0, is_ai_generated: row.is_ai_generated, noai: row.no_ai,
	});
	for (const tag of row.tags ?? []) form.append('tags[]', tag);
	return JSON.parse(await post('/api/v1/oauth2/stash/publish', row.access_token, form));
}

// ---------------------------------------------------------------- the job

const lock = {
	name: 'lock',
	text: `WITH d AS (
		UPDATE deviations SET status = 'uploading', execution_lock_id = $2, execution_locked_at = now() AT TIME ZONE 'UTC', execution_version = execution_version + 1,
			updated_at = now() AT TIME ZONE 'UTC'
		WHERE id = $1 AND status IN ('scheduled', 'uploading', 'publishing', 'failed')
			AND (execution_lock_id IS NULL OR execution_locked_at < now() AT TIME ZONE 'UTC' - interval '30 minutes') RETURNING *)
		SELECT d.*, u.access_token, f.storage_key, f.mime_type, f.original_filename FROM d JOIN users u ON u.id = d.user_id
		JOIN LATERAL (SELECT * FROM deviation_files f WHERE f.deviation_id = d.id ORDER BY sort_order LIMIT 1) f ON true`,
};
const uploaded = {
	name: 'uploaded',
	text: `UPDATE deviations SET status = 'publishing', stash_item_id = $3, updated_at = now() AT TIME ZONE 'UTC' WHERE id = $1 AND execution_lock_id = $2`,
};
const published = {
	name: 'published',
	text: `WITH d AS (
		UPDATE deviations SET status = 'published', deviation_id = $3, deviation_url = $4, published_at = now() AT TIME ZONE 'UTC', post_count_incremented = true,
			error_message = NULL, execution_lock_id = NULL, execution_locked_at = NULL, updated_at = now() AT TIME ZONE 'UTC'
		WHERE id = $1 AND execution_lock_id = $2 RETURNING id, automation_id)
		INSERT INTO sale_queue (id, user_id, deviation_id, price_preset_id, price)
		SELECT gen_random_uuid()::text, a.user_id, d.id, p.id, p.price FROM d JOIN automations a ON a.id = d.automation_id AND a.auto_add_to_sale_queue
		JOIN price_presets p ON p.id = a.sale_queue_preset_id ON CONFLICT (deviation_id) DO NOTHING`,
};

async function run(job, token) {
	const { deviationId, userId } = job.data;
	const { rows: [row] } = await pool.query({ ...lock, values: [deviationId, token] });
	if (!row) throw new Error('the deviation is locked or gone');
	const itemId = await submit(row);
	await pool.query({ ...uploaded, values: [deviationId, token, itemId] });
	const result = await publish(row, itemId);
	await pool.query({ ...published, values: [deviationId, token, result.deviationid, result.url] });
	await cleanups.add('cleanup', { deviationId, userId }, {
		jobId: `storage-cleanup-${deviationId}`, attempts: 5, backoff: { type: 'exponential', delay: 5000 },
		removeOnComplete: { age: 86400, count: 1000 }, removeOnFail: { age: 604800, count: 1000 },
	});
	return { success: true, results: [{ deviationId: result.deviationid, url: result.url }] };
}

const worker = new Worker(env.QUEUE_NAME, run, { connection, concurrency });
worker.on('error', (error) => console.error(error));
worker.on('failed', (job, error) => console.error(job?.id, error));
await Promise.all([worker.waitUntilReady(), cleanups.waitUntilReady(), pool.query('SELECT 1')]);
process.send?.('ready');
process.once('SIGTERM', async () => {
	await worker.close();
	await Promise.all([cleanups.close(), pool.end()]);
	process.exit(0);
});
