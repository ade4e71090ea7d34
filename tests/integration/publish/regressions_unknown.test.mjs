// Faults that once were, about a publish whose outcome is unknown: nobody else gets at the row, and no failure on the way to the truth
// costs an attempt, ends the post or makes a second one.
import assert from 'node:assert/strict';

import { afterwards, build, scenario, until } from './stage.mjs';

const home = build({ settings: { PUBLISHER_CONCURRENCY: 4, CIRCUIT_BREAKER_ENABLED: 'true' } });
const ours = /^isekai-publisher\|/;
const nothing = { results: [], has_more: false, next_offset: null };

/** What nobody else may touch: locked by us and not to be taken for a post that waits for its time. */
async function isHeld(house, work) {
	const row = await house.row(work);
	assert.match(row.execution_lock_id ?? 'free', ours);
	assert.equal(row.status, 'publishing');
}

/** The job, once it waits after its n-th claim or a later one. */
function waitsAfter(house, work, claims) {
	let job;
	return until(() => `the job of ${work.id} waits after claim ${claims}; it is ${JSON.stringify(job)}`, async () => {
		job = await house.job(work);
		return job.claims >= claims && job.state === 'delayed' && !job.lock && job;
	}, 15000, 10);
}

async function once(house, work) {
	const { row, job } = await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length], [1, 1]);
	assert.deepEqual([row.deviation_id, row.execution_lock_id, row.retry_count], [posts[0].deviationid, null, 0]);
	assert.equal(job.attempts, 1, 'no attempt burned');
	return { row, job };
}

function open(house, artist, ms) {
	const now = Date.now();
	return house.redis.run('SET', `circuit:deviantart:publish:${artist.id}`,
		JSON.stringify({ state: 'OPEN', failures: 3, lastFailureTime: now, openUntil: now + ms, config: { openDuration: ms } }));
}

scenario('a row with an unknown outcome stays locked while the gate says wait', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after', { answer_delay_ms: 400 });
	await house.add(work);
	await house.inFlight('publish');
	await open(house, work.artist, 3500);
	await waitsAfter(house, work, 2);
	await isHeld(house, work);
	await once(house, work);
});

scenario('a row with an unknown outcome stays locked when a stop ends the reading of the gallery', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1 } });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await house.sandbox.fault('gallery', {}, 'hang');
	await house.add(work);
	await house.inFlight('gallery');
	await house.publisher.stop('SIGQUIT');
	await isHeld(house, work);
	await house.start();
	await once(house, work);
});

scenario('a row with an unknown outcome stays locked when PostgreSQL does not take what the gallery showed', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1 } });
	const work = await house.deviation(await house.artist());
	await house.psql.query(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left' USING ERRCODE = '53100'; END $$;
		CREATE TRIGGER disk_full BEFORE UPDATE ON deviations FOR EACH ROW WHEN (NEW.status = 'published') EXECUTE FUNCTION disk_full()`);
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await house.add(work);
	await waitsAfter(house, work, 2);
	await isHeld(house, work);
	await house.psql.query('DROP TRIGGER disk_full ON deviations');
	await once(house, work);
});

scenario('the only attempt is not burned by a gallery that may not be read', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	// Once more with a new token, since the old one may be to blame.
	await house.sandbox.fault('gallery', { user: work.artist.username }, 'status',
		{ status: 403, count: 2, body: { status: 'error', error: 'insufficient_scope', error_description: 'The scope "browse" is missing' } });
	await house.add(work, { opts: { attempts: 1 } });
	await waitsAfter(house, work, 2);
	await isHeld(house, work);
	await once(house, work);
});

scenario('what error_code 9 proved public does not fail by a gallery that cannot be read', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	const gallery = { user: work.artist.username };
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after');
	await house.sandbox.fault('gallery', gallery, 'status', { status: 200, body: nothing });
	await house.sandbox.fault('gallery', gallery, 'status', { status: 500, body: { status: 'error', error: 'server_error' } });
	await house.add(work, { opts: { attempts: 1 } });
	await waitsAfter(house, work, 2);
	await isHeld(house, work);
	await once(house, work);
});

const long = 'A title of which DeviantArt takes fifty characters';
for (const [name, delays, titles = ['Alike', 'Alike']] of [
	['the one that is public says so first', [400, 900]],
	['the one that is not public says so first', [1500, 1]],
	['titles that are one where DeviantArt cuts them', [1500, 1], [`${long}, part one`, `${long}, part two`]],
]) {
	scenario(`of two posts with one title and lost answers, one without effect, each gets its own: ${name}`, async () => {
		const house = await home;
		const artist = await house.artist();
		const works = [await house.deviation(artist, { title: titles[0] }), await house.deviation(artist, { title: titles[1] })];
		const alike = { title: titles[0].slice(0, 50), user: artist.username };
		await house.sandbox.fault('publish', alike, 'reset_after');
		await house.sandbox.fault('publish', alike, 'close');
		// Both see the one post that is there before either says that it is his.
		for (const ms of delays) await house.sandbox.fault('metadata', { user: artist.username }, 'delay', { answer_delay_ms: ms });
		for (const work of works) {
			await house.add(work);
			await waitsAfter(house, work, 1);
		}
		const ends = await Promise.all(works.map((work) => house.published(work, 12000)));
		const { posts, submits } = await house.seen(works[0]);
		assert.deepEqual([posts.length, submits.length], [2, 2]);
		assert.deepEqual(ends.map(({ row }) => row.deviation_id).sort(), posts.map(({ deviationid: id }) => id).sort());
		for (const { row, job } of ends) {
			assert.deepEqual([row.deviation_url, job.attempts], [posts.find(({ deviationid: id }) => id === row.deviation_id).url, 1]);
		}
	});
}

scenario('an error_code beside a 429 proves nothing: the post is not taken for public', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status',
		{ status: 429, headers: { 'Retry-After': '1' }, body: { status: 'error', error: 'user_api_threshold', error_code: 9 } });
	await house.add(work);
	await once(house, work);
});

scenario('an error_code beside a 500 proves nothing: the item is not taken for gone', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'close');
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 500, body: { status: 'error', error: 'server_error', error_code: 7 } });
	await house.add(work);
	await once(house, work);
});

scenario('a publish that is sent again after a token refresh is fenced again: not when the row has another lock meanwhile', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	const publishes = async () => (await house.seen(work)).requests.filter(({ endpoint }) => endpoint === 'publish').length;
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 401, body: { status: 'error', error: 'invalid_token' } });
	await house.sandbox.fault('token', {}, 'delay', { answer_delay_ms: 800 });
	await house.add(work);
	await house.inFlight('token');
	await house.update(work, "execution_lock_id = 'api-server', execution_locked_at = now() AT TIME ZONE 'UTC'");
	await waitsAfter(house, work, 1);
	assert.equal(await publishes(), 1);
	assert.equal((await house.row(work)).execution_lock_id, 'api-server', 'left alone');
	await house.update(work, 'execution_lock_id = NULL, execution_locked_at = NULL');
	// The job may have learned of the other lock by now, and wait for it.
	await until('the job goes on', async () => {
		await house.redis.atomically([['ZADD', house.key('delayed'), 'XX', 0, work.job], ['ZADD', house.key('marker'), 0, '0']]);
		return (await house.row(work)).status === 'published';
	}, 15000, 300);
	await once(house, work);
});

scenario('a circuit whose probe has to wait for more does not stay half open', async () => {
	const house = await build({ settings: { CIRCUIT_BREAKER_ENABLED: 'true' } });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after', { answer_delay_ms: 400 });
	await house.sandbox.fault('gallery', {}, 'status', { status: 200, body: nothing, count: 2 });
	await house.add(work);
	await house.inFlight('publish');
	await open(house, work.artist, 1500);
	// Its probe asks for the item again, hears error_code 9 and waits for the link.
	await until('it is known to be public', async () => (await house.journal(work))[0]?.public_since);
	await waitsAfter(house, work, 2);
	const circuit = await house.redis.run('GET', `circuit:deviantart:publish:${work.artist.id}`);
	assert.notEqual(JSON.parse(circuit ?? '{}').state, 'HALF_OPEN');
	await once(house, work);
});

afterwards();
