// The command `isekai-publisher explain ID`: what it tells of a post's life, from row, journal, queue and gates, by any of the post's
// names; what it says where something is not there; and that it changes nothing.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { afterwards, build, inTime, scenario } from './stage.mjs';

const home = build({ settings: { PUBLISHER_UNKNOWN_WAIT_MS: 600000 } });
const nobodysHome = build({ start: false });

/** What the command says of an id, for machines. */
async function explain(house, id, more) {
	const { code, output, errors } = await house.command(['explain', '--json', id], more);
	assert.deepEqual([code, errors], [0, ''], output);
	return JSON.parse(output);
}

/** What is tried again some seconds from now. */
function isIn(time, seconds, late = 60) {
	const left = (Date.parse(time) - Date.now()) / 1000;
	assert.ok(left > seconds - late && left <= seconds, `${time} is in ${left} s, not in ${seconds}`);
}

const text = ({ events }) => events.map((one) => one.text).join('\n');

// ---------------------------------------------------------------- posts on their way

scenario('explain tells a published post by its id, its job, its post and its links: due, enqueued, taken, uploaded, asked for, out', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [{}, {}] });
	await house.add(work);
	const { row } = await house.published(work);
	const { posts } = await house.seen(work);
	const told = await explain(house, work.id);
	assert.deepEqual([told.id, told.status, told.standing, told.job.state, told.url], [work.id, 'published', 'published', 'completed', row.deviation_url]);
	assert.match(text(told), new RegExp(['it was due', 'its job was added to the queue', 'worker [^ ]+-\\d+ took it \\(start 1\\)', 'uploaded to Sta.sh: item \\d+, 2000 bytes',
		'DeviantArt was asked to publish it: item \\d+', `published: ${posts[0].url}`, 'uploaded to Sta.sh: item \\d+, 2001 bytes', 'DeviantArt was asked to publish it: item \\d+',
		`published: ${posts[1].url}`, 'its job was completed'].join('[^]*')));
	const times = told.events.map(({ at }) => Date.parse(at));
	assert.deepEqual(times, [...times].sort((a, b) => a - b));
	assert.match(told.where, /^It was published \d+ m?s after it was due\. Its link: https:\S+-\d+$/);
	assert.deepEqual([told.next, told.nextAt, told.advice], ['Nothing: it is done.', null, null]);
	for (const name of [work.job, row.deviation_id, row.deviation_url, `${posts[1].url}/?from=mail#top`, posts[0].url.replace('https://www.', ''),
		posts[1].url.replace(work.artist.username, 'as-he-was-called-before'), posts[0].url.replace(work.artist.username, work.artist.username.toUpperCase())])
		assert.equal((await explain(house, name)).id, work.id, name);
});

scenario('explain says of a post that got 429 with Retry-After until when DeviantArt has asked to wait, and when it is tried again', async () => {
	const house = await home;
	const artist = await house.artist();
	const work = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 429, headers: { 'Retry-After': '600' },
		body: { status: 'error', error: 'user_api_threshold', error_description: 'Request limit reached.' } });
	await house.add(work);
	const { due } = await house.jobIs(work, 'delayed');
	const told = await explain(house, work.id);
	assert.deepEqual([told.standing, told.job.attemptsMade, told.job.maxAttempts], ['asked_to_wait', 0, 7]);
	isIn(told.nextAt, 720, 180);
	assert.ok(Math.abs(Date.parse(told.nextAt) - due) < 1500, `${told.nextAt} ${due}`);
	assert.match(told.where, /^DeviantArt has asked this artist's posts to wait until 20\S+ \(in (9 min \d+|10 min 0) s\)\. What happened: upload of picture 0\.png: .*Request limit reached\.$/);
	assert.match(text(told), /it had to wait: .*Request limit reached/);
	assert.match(told.next, /^It is tried again 20.*It is given up if nothing has gone well until 20/);
	// Another one of his gets no further than the gate, which leaves no word in the journal.
	const other = await house.deviation(artist);
	await house.add(other);
	await house.jobIs(other, 'delayed');
	assert.equal((await explain(house, other.id)).standing, 'asked_to_wait');
});

scenario('explain says of an attempt that failed what happened, how many are used up, and when the next one comes', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500 });
	await house.add(work, { opts: { backoff: { type: 'fixed', delay: 600000 } } });
	await house.jobIs(work, 'delayed');
	const told = await explain(house, work.id);
	assert.equal(told.standing, 'retry');
	assert.match(told.where, /^An attempt failed: 1 of 7 are used up\. What happened: upload of picture 0\.png: .*500/);
	isIn(told.nextAt, 600);
});

scenario('explain says of a failed post why, and what can be done', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 400, body: { status: 'error', error: 'invalid_request', error_description: 'The picture is a potato.' } });
	await house.add(work);
	const { row } = await house.failed(work);
	const told = await explain(house, work.id);
	assert.deepEqual([told.standing, told.job.state, told.errorMessage], ['failed', 'failed', row.error_message]);
	assert.match(told.where, /^It failed for good: .*The picture is a potato\./);
	assert.match(told.advice, /schedule it again/);
	assert.match(text(told), /it failed for good: .*potato[^]*its job failed: .*potato/);
});

scenario('explain says of a publish whose answer was lost that it may be public, and when it is looked for', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'reset_after', {});
	await house.add(work);
	await house.rowIs(work, ({ error_message: message, status }) => message && status === 'publishing');
	await house.jobIs(work, 'delayed');
	const told = await explain(house, work.id);
	assert.deepEqual([told.standing, told.status], ['outcome_unknown', 'publishing']);
	assert.match(told.where, /the answer was lost: it may be public\. It was asked last 20/);
	assert.match(told.next, /gallery is read, then the same upload is asked for again, never a new one/);
	isIn(told.nextAt, 600);
});

scenario('explain says who works at a post, for how long, and at what', async () => {
	const house = await build({ site: { latency_ms: 4000 } });
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await house.inFlight('submit');
	const told = await explain(house, work.id);
	assert.deepEqual([told.standing, told.status, told.job.state], ['active', 'uploading', 'active']);
	assert.match(told.where, /^Worker \S+-\d+ has been at it for \d+ m?s, attempt 1 of 7\. It is uploading\. Its log says last: uploading picture 0\.png \(2000 bytes\)\.$/);
	isIn(told.nextAt, 600);
	await house.published(work);
});

scenario('explain says of a post that a Node worker has locked since when, and until when that is respected', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'uploading', execution_lock_id: 'node-1', execution_locked_at: inTime('-10 minutes') });
	await house.add(work);
	await house.jobIs(work, 'delayed');
	const told = await explain(house, work.id);
	assert.equal(told.standing, 'foreign_lock');
	assert.match(told.next, /^That is respected until 20\S+ \(in (19 min \d+|20 min 0) s\); then a publisher takes it over\./);
});

// ---------------------------------------------------------------- posts that nobody works at

scenario('explain says of posts that nobody takes why, in a database that no publisher has been in', async () => {
	const house = await nobodysHome;
	const artist = await house.artist();
	const [draft, later, due, waits] = [await house.deviation(artist, { status: 'draft' }), await house.deviation(artist, { actual_publish_at: inTime('1 hour') }),
		await house.deviation(artist), await house.deviation(artist)];
	const before = [await house.deviation(artist), waits];
	for (const one of before) await house.add(one);
	const told = [];
	for (const one of [draft, later, due, waits]) told.push(await explain(house, one.id));
	assert.deepEqual(told.map(({ standing }) => standing), ['draft', 'scheduled', 'no_job', 'waiting']);
	assert.deepEqual(told.map(({ journal }) => journal), [false, false, false, false]);
	for (const { where } of told) assert.match(where, / No publisher has been in this database yet\.$/);
	assert.match(told[1].next, /^It is due 20\S+ \(in (59 min \d+ s|1 h 0 min)\); its job is not in the queue/);
	assert.match(told[3].where, /^Its job waits in the queue; 1 are taken before it\./);
	for (const { advice } of told.slice(1)) assert.match(advice, /^Start a publisher\./);
	await house.redis.run('HSET', house.key('meta'), 'paused', 1);
	assert.equal((await explain(house, waits.id)).standing, 'queue_paused');
});

// ---------------------------------------------------------------- what others wrote

/** All that the command must leave as it is. */
async function everything(house) {
	const rows = await house.psql.rows('SELECT xmin::text, * FROM deviations ORDER BY id');
	const keys = {};
	for (const key of (await house.redis.run('KEYS', '*')).sort()) keys[key] = await house.redis.run('DUMP', key);
	return { rows, keys };
}

scenario('explain tells hostile texts in their line, no token at all, and changes nothing', async () => {
	const house = await build({ start: false });
	house.leaves('everything', 'what is wrong in it is planted');
	const artist = await house.artist();
	const work = await house.deviation(artist, { title: 'two\nlines \u001b[31m \u202eright to left', status: 'failed',
		error_message: `401 for ${artist.access}, then\u001b[2J ${artist.refresh}` });
	await house.redis.run('HSET', house.key(work.job), 'name', 'x', 'timestamp', Date.now(), 'processedOn', Date.now(), 'finishedOn', Date.now(), 'atm', 7,
		'failedReason', `${artist.access}\r\n\u009b`, 'pb', '\u001b]0;x\u0007', 'opts', '[[[', 'progress', '{"step":["x"]}');
	await house.redis.run('ZADD', house.key('failed'), Date.now(), work.job);
	for (const key of [`rate-limit:${artist.id}:state`, `rate-limit:${artist.id}:slots`]) await house.redis.run('SET', key, '{"blockedUntil":"never"');
	const before = await everything(house);
	for (const args of [['explain', work.id], ['explain', work.id, '--json']]) {
		const { code, output, errors } = await house.command(args);
		assert.deepEqual([code, errors], [0, ''], output);
		assert.match(output, /two\\+u000alines \\+u001b\[31m \\+u202eright to left/);
		assert.doesNotMatch(output.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f\u202e]/);
		for (const secret of [artist.access, artist.refresh]) assert.ok(!output.includes(secret), output);
		assert.match(output, /401 for \*{8,}, then/);
	}
	assert.deepEqual(await everything(house), before);
});

// ---------------------------------------------------------------- what is not there

scenario('explain says what does not exist: exit status 1', async () => {
	const house = await nobodysHome;
	for (const id of [randomUUID(), "no'; DROP TABLE users; --", 'https://www.deviantart.com/nobody/art/Nothing-1', 'https://www.deviantart.com/nobody', 'x'.repeat(5000)]) {
		const { code, output, errors } = await house.command(['explain', id]);
		assert.deepEqual([code, output], [1, '']);
		assert.match(errors, /^isekai-publisher: there is no deviation "/);
	}
});

scenario('explain without PostgreSQL, or without Redis: named, exit status 69; without Redis the row is told all the same', async () => {
	const house = await nobodysHome;
	const work = await house.deviation(await house.artist());
	const away = await house.command(['explain', work.id], { DATABASE_URL: 'postgresql://x:geheim@127.0.0.1:1/none' });
	assert.deepEqual([away.code, away.output], [69, '']);
	assert.match(away.errors, /PostgreSQL could not be asked: .*\n.*is PostgreSQL up, and DATABASE_URL right\?\n$/);
	for (const args of [['explain', work.id], ['explain', work.id, '--json']]) {
		const { code, output, errors } = await house.command(args, { REDIS_URL: 'redis://:geheim@127.0.0.1:1' });
		assert.equal(code, 69);
		assert.match(errors, /Redis could not be asked: .*\n.*is Redis up, and REDIS_URL right\?\n$/);
		assert.match(output, args.includes('--json') ? /"standing":"queue_away"/ : /^Where it stands: {2}It is due\.[^]*^The queue could not be asked: /m);
		assert.doesNotMatch(output + errors + away.errors, /geheim/);
	}
});

scenario('explain with wrong arguments or settings has their own exit status', async () => {
	const house = await nobodysHome;
	for (const args of [['explain'], ['explain', ''], ['explain', 'a', 'b'], ['explain', 'a', '--ledger', 'http://localhost']])
		assert.equal((await house.command(args)).code, 64, `${args}`);
	assert.equal((await house.command(['explain', 'x'], { PUBLISHER_CONCURRENCY: 'ten' })).code, 78);
});

afterwards();
