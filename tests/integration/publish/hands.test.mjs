// The commands that change something by hand: retry, pause and resume, breaker and limit, and who is held back in `status`. One house with a pool;
// what one scenario does to the queue or to everybody's gate, the others must not meet: they play one after the other.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';

import { bullmq, eventsOf } from './bullmq.mjs';
import { afterwards, build, inTime, scenario, until } from './stage.mjs';

const home = build({
	health: true,
	settings: {
		RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 20, RATE_LIMITER_MAX_DELAY_MS: 40, RATE_LIMITER_JITTER_PERCENT: 0,
		CIRCUIT_BREAKER_ENABLED: 'true', CIRCUIT_BREAKER_THRESHOLD: 2, CIRCUIT_BREAKER_OPEN_DURATION_MS: 600000, PUBLISHER_RECONCILE_INTERVAL_MS: 600000,
	},
});
const bad = (text) => ({ status: 400, body: { status: 'error', error: 'invalid_request', error_description: text } });
const slow = (headers) => ({ status: 429, headers, body: { status: 'error', error: 'user_api_threshold', error_description: 'Request limit reached.' } });

let before = Promise.resolve();
/** A scenario that has the house for itself. */
function alone(name, play) {
	scenario(name, () => {
		const mine = before.catch(() => {}).then(async () => {
			const house = await home;
			observer ??= bullmq(house);
			heard ??= eventsOf(house, ['paused', 'resumed', 'waiting', 'added']);
			return play(house, await observer, await heard);
		});
		before = mine;
		return mine;
	});
}
let observer;
let heard;

/** What a command said: {code, output, errors}; it must exit so. */
async function run(house, args, code = 0, more) {
	const said = await house.command(args, more);
	assert.equal(said.code, code, `${args}: ${said.output}${said.errors}`);
	return said;
}

const told = async (house, args, code) => JSON.parse((await run(house, [...args, '--json'], code)).output);
const status = async (house) => JSON.parse((await house.ask('/status')).text);

/** A post that failed for good: DeviantArt did not like it, once. */
async function failedPost(house, artist, { deviation = {}, fault = {} } = {}) {
	const work = await house.deviation(artist ?? await house.artist(), deviation);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...bad('The picture is a potato.'), ...fault });
	await house.add(work);
	await house.failed(work);
	return work;
}

/** A row and a job that nothing may change. */
const asItIs = async (house, work) => [await house.row(work), await house.redis.run('DUMP', house.key(work.job)), (await house.job(work)).state];

// ---------------------------------------------------------------- pause, resume

alone('pause stops the pool and resume starts it, as BullMQ sees; each is done once', async (house, queue, events) => {
	const work = await house.deviation(await house.artist());
	assert.match((await run(house, ['pause'])).output, /^queue bull:deviation-publisher: paused: nothing more is taken until "isekai-publisher resume"; 0 in hand are finished, 0 wait\n$/);
	assert.equal(await queue.isPaused(), true);
	await house.add(work);
	// The pool has seen both, the pause and the job.
	await until('status tells a paused queue in which one waits', async () => {
		const { queue: seen, heldBack } = await status(house);
		return seen.isPaused && heldBack.everybody.isPaused && seen.waiting + seen.paused === 1;
	});
	assert.equal(await queue.getJobState(work.job), 'waiting');
	assert.match((await run(house, ['status'])).output, /\nheld back {2}everybody: the queue is paused, until it is resumed\n/);
	assert.match((await run(house, ['pause'])).output, /it is paused already; nothing was changed; 0 in hand are finished, 1 wait\n$/);
	assert.deepEqual((await house.seen(work)).requests, []);
	assert.match((await run(house, ['resume'])).output, /: open again; 1 wait to be taken\n$/);
	await house.published(work);
	assert.equal(await queue.isPaused(), false);
	assert.match((await run(house, ['resume'])).output, /: it is not paused; nothing was changed; /);
	assert.deepEqual(await told(house, ['pause']), { paused: true, changed: true, active: 0, waiting: 0 });
	assert.deepEqual(await told(house, ['resume']), { paused: false, changed: true, active: 0, waiting: 0 });
	await until('BullMQ heard all of it', () => events.filter(({ event }) => event === 'resumed').length === 2);
	assert.deepEqual(events.filter(({ event }) => event === 'paused' || event === 'resumed').map(({ event }) => event), ['paused', 'resumed', 'paused', 'resumed']);
});

alone('pause and resume go the way of the BullMQ that has the queue: 5 moves what waits away, 6 leaves it; nothing is lost between the two', async (house) => {
	const name = 'other';
	const more = { QUEUE_NAME: name };
	const lists = async () => Promise.all(['wait', 'paused'].map((list) => house.redis.run('LRANGE', house.key(list, name), 0, -1)));
	const old = await bullmq(house, { version: 'bullmq535', name });
	for (const id of ['a', 'b']) await old.add('x', {}, { jobId: id });
	await run(house, ['pause'], 0, more);
	assert.deepEqual([await old.isPaused(), await lists(), (await old.getJobCounts()).paused], [true, [[], ['b', 'a']], 2]);
	await old.add('x', {}, { jobId: 'c' });
	await run(house, ['resume'], 0, more);
	assert.deepEqual([await old.isPaused(), await lists()], [false, [['c', 'b', 'a'], []]]);
	await run(house, ['pause'], 0, more);
	await old.resume();
	assert.deepEqual(await lists(), [['c', 'b', 'a'], []]);
	await old.pause();
	const young = await bullmq(house, { name });
	await young.add('x', {}, { jobId: 'd' });
	assert.match((await run(house, ['resume'], 0, more)).output, /open again; 4 wait to be taken/);
	assert.deepEqual(await lists(), [['d', 'c', 'b', 'a'], []]);
	// What somebody left in `paused` is not overwritten by the next pause.
	await house.redis.run('RENAME', house.key('wait', name), house.key('paused', name));
	await young.add('x', {}, { jobId: 'e' });
	await run(house, ['pause'], 0, more);
	assert.deepEqual([await young.isPaused(), await lists()], [true, [['e', 'd', 'c', 'b', 'a'], []]]);
	await young.resume();
	assert.deepEqual([await lists(), await house.redis.run('ZRANGE', house.key('marker', name), 0, -1)], [[['e', 'd', 'c', 'b', 'a'], []], ['0']]);
	await young.obliterate({ force: true });
});

// ---------------------------------------------------------------- retry

alone('retry puts a failed post to work again, by any of its names: its job as BullMQ retries it, its row due; it goes out once', async (house, queue, events) => {
	const work = await failedPost(house);
	const { code, output } = await run(house, ['retry', work.job]);
	assert.deepEqual([code, output], [0, `deviation ${work.id} is tried again: its failed job is back in the queue\n`]);
	const { row, job } = await house.published(work);
	// Attempts and starts are counted on, as by Job.retry().
	assert.deepEqual([job.attempts, job.claims, row.error_message], [2, 2, null]);
	const { attemptsStarted, attemptsMade, failedReason } = await queue.getJob(work.job);
	assert.deepEqual([attemptsStarted, attemptsMade, failedReason], [2, 2, undefined]);
	await until('BullMQ heard of it', () => events.some(({ event, jobId, prev }) => event === 'waiting' && jobId === work.job && prev === 'failed'));
	assert.match((await run(house, ['explain', work.id])).output, /it was put to work again by hand/);
	const was = await asItIs(house, work);
	for (const name of [work.id, work.job, row.deviation_id, row.deviation_url]) {
		const { errors, output: nothing } = await run(house, ['retry', name], 1);
		assert.deepEqual([nothing, errors], ['', `isekai-publisher: deviation ${work.id} is published already: ${row.deviation_url}\n`]);
	}
	assert.deepEqual(await asItIs(house, work), was);
	assert.equal((await house.seen(work)).posts.length, 1);
});

alone('retry where the job is gone adds one, and where BullMQ has only an old one, too', async (house, queue) => {
	const [gone, completed] = [await failedPost(house), await failedPost(house)];
	await (await queue.getJob(gone.job)).remove();
	await house.redis.atomically([['ZREM', house.key('failed'), completed.job], ['ZADD', house.key('completed'), Date.now(), completed.job]]);
	const { output } = await run(house, ['retry', gone.id, completed.id]);
	assert.equal(output, `deviation ${gone.id} is tried again: its job was missing, and is in the queue anew\n`
		+ `deviation ${completed.id} is tried again: its job was completed, and is in the queue anew\n`);
	for (const work of [gone, completed]) assert.equal((await house.published(work)).job.claims, 1);
	// A date that is still to come is kept.
	const later = await house.deviation(await house.artist(), { actual_publish_at: inTime('1 hour') });
	assert.match((await run(house, ['retry', later.id])).output, /is not due yet: its job was missing, and is in the queue for 20\S+ \(in (59 min|1 h)/);
	assert.equal(await queue.getJobState(later.job), 'delayed');
	await house.update(later, "status = 'draft'");
	await queue.remove(later.job);
});

alone('retry of what waits, or is in work, changes nothing and says so', async (house, queue) => {
	const work = await failedPost(house);
	await run(house, ['pause']);
	assert.deepEqual((await told(house, ['retry', work.id, work.id])).posts.map(({ outcome }) => outcome), ['retried', 'waits']);
	const was = await asItIs(house, work);
	assert.deepEqual([was[0].status, was[0].error_message, was[0].retry_count, was[2]], ['scheduled', null, 1, 'wait']);
	// What Job.retry() leaves of the attempt that failed: its count.
	const { processedOn, finishedOn, failedReason, attemptsMade } = await queue.getJob(work.job);
	assert.deepEqual([processedOn, finishedOn, failedReason, attemptsMade], [undefined, undefined, undefined, 1]);
	assert.match((await run(house, ['retry', work.id])).output, /waits already, its job is in the queue; nothing was changed\n$/);
	assert.deepEqual(await asItIs(house, work), was);
	await run(house, ['resume']);
	await house.published(work);
	const delayed = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: delayed.title }, 'status', { status: 500 });
	await house.add(delayed, { opts: { backoff: { type: 'fixed', delay: 600000 } } });
	await house.jobIs(delayed, 'delayed');
	const now = await asItIs(house, delayed);
	assert.match((await run(house, ['retry', delayed.id])).output, /waits already, its job comes 20\S+ \(in 9 min \d+ s\); nothing was changed\n$/);
	assert.deepEqual(await asItIs(house, delayed), now);
	await house.update(delayed, "status = 'draft'");
	await house.redis.run('ZREM', house.key('delayed'), delayed.job);
	await house.redis.run('DEL', house.key(delayed.job), house.key(`${delayed.job}:logs`));
});

alone('retry of a post of which a part is out keeps neighbours away from it, and goes on where it stopped', async (house) => {
	const work = await house.deviation(await house.artist(), { files: [{}, {}] });
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...bad('The second picture is a potato.'), skip: 1 });
	await house.add(work);
	await house.failed(work);
	assert.equal((await house.seen(work)).posts.length, 1);
	await run(house, ['pause']);
	await run(house, ['retry', work.id]);
	const { status: state, execution_lock_id: lock } = await house.row(work);
	assert.deepEqual([state, lock], ['publishing', `isekai-publisher|000000000000000|retry|${work.job}`]);
	await run(house, ['resume']);
	await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([posts.length, submits.filter(({ accepted }) => accepted !== false).length >= 2], [2, true]);
});

alone('retry refuses what nobody can publish, or what may be public: exit status 1, nothing is touched', async (house) => {
	const artist = await house.artist();
	const dead = await house.artist();
	const failed = (more, whose = artist) => house.deviation(whose, { status: 'failed', error_message: 'once', ...more });
	const works = {
		'is a draft: its artist has to schedule it first': await house.deviation(artist, { status: 'draft' }),
		'is in review: its artist has to schedule it first': await house.deviation(artist, { status: 'review' }),
		'has no files: there is nothing to publish': await failed({ files: [] }),
		'is locked by somebody who is no publisher of ours': await failed({ execution_lock_id: 'node-1', execution_locked_at: inTime('-10 minutes') }),
		"refuses its artist's login": await failed({}, dead),
		'may be public: DeviantArt was asked to publish it, and the answer was lost. Its artist has to look at the gallery first': await failed({}),
		'A publisher finds out by itself what became of it': await house.deviation(artist, { status: 'publishing' }),
	};
	const unknown = Object.values(works).slice(-2);
	for (const [i, work] of unknown.entries())
		await house.insert('publisher.files', { deviation_id: work.id, file_id: work.files[0].id, stash_item_id: `lost-${i}`, digest: '', state: 'publishing', asks: 1 });
	await house.insert('publisher.token_leases', { user_id: dead.id, holder: 'x', expires_at: 'sql:now()', refused: true,
		refresh_token_digest: createHash('sha256').update(dead.refresh).digest('hex') });
	const was = [];
	for (const work of Object.values(works)) was.push(await house.row(work));
	const nobody = randomUUID();
	const { output, errors } = await run(house, ['retry', nobody, 'https://www.deviantart.com/nobody/art/Nothing-1', ...Object.values(works).map(({ id }) => id)], 1);
	assert.equal(output, '');
	assert.match(errors, new RegExp(`^isekai-publisher: there is no deviation "${nobody}"`));
	for (const [words, { id }] of Object.entries(works)) assert.ok(errors.split('\n').some((line) => line.includes(id) && line.includes(words)), `${words}\n${errors}`);
	for (const [i, work] of Object.values(works).entries()) {
		assert.deepEqual(await house.row(work), was[i]);
		assert.equal((await house.job(work)).state, 'missing');
	}
	// A dead login is told by status, too.
	await until('status names the dead login', async () => (await status(house)).heldBack.logins.users.some(({ userId, state }) => userId === dead.id && state === 'dead'), 15000);
	assert.match((await run(house, ['status'])).output, new RegExp(`user ${dead.id}: login dead, until he connects again\\n`));
	for (const work of unknown) house.leaves('no-job', 'it is planted', work);
	for (const check of ['journal-differs', 'unknown-outcome', 'foreign-item']) house.leaves(check, 'planted outcomes', unknown[0]);
	await house.psql.query(`DELETE FROM publisher.files WHERE stash_item_id LIKE 'lost-%'`);
	await house.psql.query('DELETE FROM publisher.token_leases');
	for (const work of Object.values(works)) await house.update(work, "status = 'draft', execution_lock_id = NULL");
});

alone('retry --failed takes all that have failed, counts them, and goes on after one that cannot be retried', async (house) => {
	await house.psql.query("UPDATE deviations SET status = 'draft' WHERE status = 'failed'");
	assert.equal((await run(house, ['retry', '--failed'])).output, 'no post has failed; there is nothing to retry\n');
	const works = [];
	for (let i = 0; i < 3; i++) works.push(await failedPost(house));
	const empty = await house.deviation(await house.artist(), { status: 'failed', error_message: 'once', files: [] });
	const { output, errors } = await run(house, ['retry', '--failed'], 1);
	for (const work of works) await house.published(work);
	assert.match(output, /\n3 of 4 failed posts are tried again, 0 wait already, 1 cannot be retried\n$/);
	assert.equal(errors, `isekai-publisher: deviation ${empty.id} has no files: there is nothing to publish\n`);
	const again = await told(house, ['retry', '--failed'], 1);
	assert.deepEqual(again, { posts: [{ id: empty.id, outcome: 'no_files', text: 'has no files: there is nothing to publish' }], retried: 0, waiting: 0, refused: 1, complete: true });
	// More than a page of them.
	await house.psql.query(`INSERT INTO deviations (id, user_id, title, status, error_message) SELECT 'many-' || n, user_id, 'x', 'failed', 'once'
		FROM deviations, generate_series(1, 450) n WHERE id = '${empty.id}'`);
	assert.equal((await told(house, ['retry', '--failed'], 1)).refused, 451);
	await house.psql.query(`DELETE FROM deviations WHERE id LIKE 'many-%'`);
});

// ---------------------------------------------------------------- breaker, limit

alone('breaker shows who is held back and until when, and closes a circuit: the posts that waited go out', async (house) => {
	const artist = await house.artist();
	const work = await house.deviation(artist);
	assert.match((await run(house, ['breaker'])).output, /^everybody: the circuit is closed\nno user's circuit is open\n$/);
	assert.match((await run(house, ['breaker', artist.id, '--reset'])).output, /the circuit is closed already; nothing was changed\n$/);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { ...slow(), count: 2 });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	await until('the circuit is open', async () => (await told(house, ['breaker', artist.id])).circuits[0].state === 'open');
	const { circuits: [shown, ...others] } = await told(house, ['breaker', artist.id]);
	assert.deepEqual([others, shown.userId, shown.refusals, shown.probing], [[], artist.id, 2, false]);
	const left = Date.parse(shown.until) - Date.now();
	assert.ok(left > 540000 && left <= 600000, shown.until);
	assert.match((await run(house, ['breaker'])).output,
		new RegExp(`^everybody: the circuit is closed\nuser ${artist.id}: the circuit is open until 20\\S+ \\(in 9 min \\d+ s\\); DeviantArt has refused 2 in a row, 2 open it\n$`));
	const held = await until('status names him', async () => (await status(house)).heldBack.circuits.users.find(({ userId }) => userId === artist.id));
	assert.deepEqual([held.state, Math.abs(Date.parse(held.until) - Date.parse(shown.until)) < 5], ['open', true]);
	assert.match((await run(house, ['status'])).output, new RegExp(`user ${artist.id}: circuit open for 9 min \\d+ s\n`));
	assert.match((await run(house, ['breaker', artist.id, '--reset'])).output, /: the circuit is closed; it was open until .*; 1 post that waited is looked at now\n$/);
	assert.equal((await house.published(work)).job.attempts, 1);
	assert.deepEqual((await told(house, ['breaker', artist.id, '--reset'])).circuits.map(({ state, changed, woken }) => [state, changed, woken]), [['closed', false, 0]]);
});

alone('limit shows a pace and a wait that DeviantArt asked for, and begins anew: the posts that waited go out', async (house) => {
	const artist = await house.artist();
	const [work, ...others] = [await house.deviation(artist), await house.deviation(artist), await house.deviation(artist)];
	await house.sandbox.fault('submit', { title: work.title }, 'status', slow({ 'Retry-After': '600' }));
	await house.add(work);
	await house.jobIs(work, 'delayed');
	for (const other of others) {
		await house.add(other);
		await house.jobIs(other, 'delayed');
	}
	const { limits: [shown] } = await told(house, ['limit', artist.id]);
	const left = Date.parse(shown.askedToWaitUntil) - Date.now();
	assert.ok(left > 540000 && left <= 600000, shown.askedToWaitUntil);
	assert.deepEqual([shown.userId, shown.delayMs, shown.waiting], [artist.id, 40, 2]);
	assert.match((await run(house, ['limit'])).output,
		new RegExp(`^everybody: no limit to how many jobs are started\nuser ${artist.id}: a file every 40 ms; 2 in line, the last of them until 20.*; DeviantArt asked to wait until 20`));
	const held = await until('status names him', async () => (await status(house)).heldBack.pace.users.find(({ userId }) => userId === artist.id));
	assert.ok(held.posts === 2 && held.forMs > 540000 && held.until === shown.lastAt, JSON.stringify([held, shown]));
	assert.match((await run(house, ['status'])).output, new RegExp(`user ${artist.id}: 2 in line for their pace, at most 9 min \\d+ s\n`));
	house.leaves('too-soon', 'what DeviantArt had asked for was taken back by hand', artist.username);
	assert.match((await run(house, ['limit', artist.id, '--reset'])).output, /: begins anew with a file every 20 ms; it was a file every 40 ms; .*; 3 posts that waited are looked at now\n$/);
	for (const one of [work, ...others]) assert.equal((await house.published(one)).job.attempts, 1);
	assert.match((await run(house, ['limit', artist.id, '--reset'])).output, /: nothing holds the posts back; nothing was changed\n$/);
	assert.match((await run(house, ['limit'])).output, /\nno user's posts wait for their pace\n$/);
});

alone("breaker and limit of the application: what holds for everybody is shown and opened, the queue's own rate limit, too", async (house, queue) => {
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 403, headers: { 'Content-Type': 'text/html' }, body: '<html>Request blocked</html>' });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	assert.match((await run(house, ['breaker'])).output, /^everybody: the circuit is open until 20\S+ \(in [45] min \d+ s\)\n/);
	await until('status tells it', async () => (await status(house)).heldBack.everybody.circuit === 'open');
	assert.match((await run(house, ['status'])).output, /\nheld back {2}everybody: the application's circuit is open for [45] min \d+ s\n/);
	assert.match((await run(house, ['breaker', 'application', '--reset'])).output, /^everybody: the circuit is closed; it was open until .*; 1 post that waited is looked at now\n$/);
	await house.published(work);
	await queue.setGlobalRateLimit(1, 600000);
	const two = [await house.deviation(await house.artist()), await house.deviation(await house.artist())];
	for (const one of two) await house.add(one);
	const { limits: [limit] } = await until('one was started', async () => {
		const said = await told(house, ['limit', 'application']);
		return said.limits[0].shutForMs > 0 && said;
	});
	assert.deepEqual([limit.everybody, limit.max, limit.periodMs], [true, 1, 600000]);
	assert.match((await run(house, ['limit', 'application', '--reset'])).output, /^everybody: the queue's rate limit begins anew; it was shut for 9 min \d+ s more; at most 1 jobs are started in 10 min 0 s\n$/);
	for (const one of two) await house.published(one);
	await queue.removeGlobalRateLimit();
	await run(house, ['limit', 'application', '--reset']);
});

// ---------------------------------------------------------------- what is not there

alone('commands by hand without their servers: named, exit status 69; wrong settings: 78; wrong arguments: 64; no such user: 1', async (house) => {
	const artist = await house.artist();
	const away = { REDIS_URL: 'redis://:geheim@127.0.0.1:1' };
	for (const args of [['retry', '--failed'], ['retry', randomUUID()], ['pause'], ['resume'], ['breaker'], ['limit', artist.id, '--reset']]) {
		const { output, errors } = await run(house, args, 69, away);
		assert.equal(output, '');
		assert.match(errors, /^isekai-publisher: Redis could not be asked: .*\nisekai-publisher: is Redis up, and REDIS_URL right\?\n$/);
		assert.doesNotMatch(errors, /geheim/);
	}
	for (const args of [['retry', '--failed'], ['breaker', artist.id]])
		assert.match((await run(house, args, 69, { DATABASE_URL: 'postgresql://x:geheim@127.0.0.1:1/none' })).errors, /PostgreSQL could not be asked/);
	assert.match((await run(house, ['pause'], 78, { PUBLISHER_CONCURRENCY: 'ten' })).errors, /PUBLISHER_CONCURRENCY/);
	for (const args of [['retry'], ['retry', '--failed', 'x'], ['breaker', '--reset'], ['pause', 'x'], ['resume', '--failed']]) await run(house, args, 64);
	const { output, errors } = await run(house, ['breaker', artist.username, artist.id], 1);
	assert.deepEqual([output, errors], [`user ${artist.id}: the circuit is closed\n`, `isekai-publisher: there is no user "${artist.username}"; the id is wanted, not the name\n`]);
});

afterwards();
