// What must be true when a storm is over, seen from outside: PostgreSQL, the queue, the sandbox's ledger, the log, the processes.
import assert from 'node:assert/strict';

import { isAlive, until } from '../integration/publish/stage.mjs';
import { publicPosts, published } from './storm_house.mjs';

/** Waits for the end of a storm: every post is published, and the queue is at rest. */
export async function calm(house, ms) {
	const left = async () => {
		const rows = await house.psql.rows(`SELECT id, status, retry_count, error_message, execution_lock_id, updated_at, actual_publish_at FROM deviations
			WHERE status <> 'published' ORDER BY id LIMIT 5`);
		const steps = rows.length === 0 ? [] : await house.psql.rows(`SELECT deviation_id, at, step, detail FROM publisher.steps WHERE deviation_id = '${rows[0].id}' ORDER BY id DESC LIMIT 12`);
		return `all published: ${await published(house)} of ${house.posts}; ${JSON.stringify(rows)}\n${JSON.stringify(steps)}\n${JSON.stringify(await house.job(`deviation-${rows[0]?.id}`))}\n${house.said(rows[0]?.id, 8)}`;
	};
	await until(left, async () => await published(house) === house.posts, ms, 200);
	await until('no job is active or waits any more', async () => {
		const lengths = await house.redis.atomically([['LLEN', house.key('active')], ['LLEN', house.key('wait')], ['ZCARD', house.key('prioritized')], ['ZCARD', house.key('delayed')]]);
		return lengths.every((one) => one === 0);
	}, 60000, 200);
}

/** Everything that is wrong, as a list of words. burned: how many attempts may have been counted. */
export async function faultsOf(house, { burned: allowed }) {
	const faults = [...house.complaints];
	const note = (wrong, words) => { if (wrong) faults.push(typeof words === 'function' ? words() : words); };

	const rows = await house.psql.rows(`SELECT id, status, title, retry_count, error_message, execution_lock_id, deviation_id, deviation_url, published_at, stash_item_id,
		post_count_incremented, stash_only, extract(epoch FROM actual_publish_at AT TIME ZONE 'UTC') * 1000 AS due_ms FROM deviations`);
	const ledger = await house.sandbox.get('ledger');
	const posts = counted(ledger.posts.map(({ title }) => title));
	const begun = new Map();
	for (const { title, started_ms: ms } of await house.sandbox.requests()) if (title && !(begun.get(title) <= ms)) begun.set(title, ms);

	let retries = 0, latest = { ms: 0 };
	for (const row of rows) {
		const wanted = publicPosts(Number(row.id.slice(5))), seen = posts.get(row.title) ?? 0;
		note(row.status !== 'published', `I1: ${row.id} is ${row.status}: ${row.error_message}`);
		note(seen !== wanted, `${seen > wanted ? 'I2: twice' : 'I1: lost'}: ${row.id} has ${seen} posts at DeviantArt, not ${wanted}`);
		note(row.error_message !== null || row.execution_lock_id !== null, `${row.id} is not tidy: ${row.error_message}, lock ${row.execution_lock_id}`);
		note(!row.stash_only && (row.deviation_id === null || row.deviation_url === null), `${row.id} is published without its link`);
		note(row.post_count_incremented !== true && !row.stash_only, `I4: ${row.id} was not counted`);
		const early = row.due_ms - begun.get(row.title);
		note(early > 2, `I7: ${row.id} began ${early} ms before its date`);
		retries += row.retry_count;
		const late = Math.round(Date.parse(`${row.published_at}Z`) - row.due_ms);
		if (late > latest.ms) latest = { ms: late, id: row.id };
	}
	if (retries > allowed) {
		const steps = await house.psql.rows(`SELECT detail, count(*)::int, min(at) AS first, max(at) AS last FROM publisher.steps WHERE step = 'attempt failed' GROUP BY 1 ORDER BY 3`);
		faults.push(`I6: ${retries} attempts burned, ${allowed} may have been\n${steps.map((one) => JSON.stringify(one)).join('\n')}`);
	}

	const summary = await house.sandbox.get('ledger/summary');
	note(summary.double_publish_count, () => `I2: ${JSON.stringify(summary.double_publishes)}`);
	note(summary.violations, () => `${summary.violations} rules of the site broken`);
	note(summary.tokens_presented_twice.length, () => `I5: ${JSON.stringify(summary.tokens_presented_twice)}`);
	note(Object.keys(summary.unknown_fields).length, () => `undocumented fields: ${JSON.stringify(summary.unknown_fields)}`);
	const twice = await house.psql.rows('SELECT deviation_id FROM sale_queue GROUP BY 1 HAVING count(*) > 1');
	note(twice.length, () => `I4: in the sale queue twice: ${JSON.stringify(twice)}`);
	const journal = await house.psql.rows(`SELECT f.deviation_id, f.file_id, f.state FROM publisher.files f JOIN deviations d ON d.id = f.deviation_id
		WHERE f.state <> CASE WHEN d.stash_only THEN 'submitted' ELSE 'published' END LIMIT 5`);
	note(journal.length, () => `the journal says otherwise: ${JSON.stringify(journal)}`);

	for (const name of ['deviation-publisher', 'storage-cleanup']) faults.push(...(await house.inspectQueue(name)).map((one) => `I9: ${one}`));
	faults.push(...(await house.inspectLog()).map((one) => `I12: ${one}`));
	faults.push(...await eternalKeys(house), ...await house.verify());
	return { faults, retries, latest, spare: summary.spare_submits, unpublished: summary.unpublished_items };
}

const counted = (list) => list.reduce((map, one) => map.set(one, (map.get(one) ?? 0) + 1), new Map());

/** Keys of ours that would stay for ever. */
async function eternalKeys(house) {
	const faults = [];
	for (let cursor = '0', page; ;) {
		[cursor, page] = await house.redis.run('SCAN', cursor, 'COUNT', 1000);
		for (const key of page.filter((one) => !one.startsWith('bull:'))) {
			const ttl = await house.redis.run('PTTL', key);
			if (ttl === -1) faults.push(`the key ${key} has no TTL`);
		}
		if (cursor === '0') return faults;
	}
}

/** The instances are drained, and leave nothing behind: no child, no session, no lock of theirs (I11). */
export async function farewell(house) {
	const faults = [];
	for (const instance of house.instances) {
		const pids = instance.children.map(({ pid }) => pid);
		const end = await instance.process.stop('SIGTERM', 30000);
		if (end.code !== 0) faults.push(`a drain ended with ${JSON.stringify(end)}`);
		await until('its children are gone', () => pids.every((pid) => !isAlive(pid)), 10000);
	}
	await until('PostgreSQL has no session of theirs', async () => (await house.psql.rows("SELECT 1 FROM pg_stat_activity WHERE usename = 'storm'")).length === 0, 30000)
		.catch((error) => faults.push(`I11: ${error.message}`));
	const locks = await house.psql.rows("SELECT * FROM pg_locks WHERE locktype = 'advisory'");
	if (locks.length) faults.push(`I11: ${JSON.stringify(locks)}`);
	return faults;
}

export function none(faults, what) {
	assert.equal(faults.length, 0, `${what}: ${faults.length} faults\n${faults.slice(0, 20).join('\n')}`);
}
