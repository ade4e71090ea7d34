// The command `isekai-publisher enqueue ID...`: the job that the API server would add, and a clear word where there is nothing to add.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { afterwards, build, inTime, scenario } from './stage.mjs';

const home = build({ start: false, settings: { PUBLISHER_MAX_ATTEMPTS: 4 } });
const ids = (...works) => works.map(({ id }) => id);

scenario('a due deviation gets the job that the API server adds: name, id, data, attempts, what is kept; no priority, no back-off', async () => {
	const house = await home;
	const artist = await house.artist();
	const single = await house.deviation(artist);
	const multiple = await house.deviation(artist, { files: [{}, {}] });
	const { code, output, errors } = await house.command(['enqueue', ...ids(single, multiple)]);
	assert.deepEqual([code, output, errors], [0, `deviation-${single.id} added\ndeviation-${multiple.id} added\n`, '']);
	for (const [work, mode] of [[single, 'single'], [multiple, 'multiple']]) {
		const job = await house.job(work);
		assert.deepEqual([job.state, job.name, job.delay, job.priority], ['wait', 'publish-deviation', '0', '0']);
		assert.deepEqual(job.data, { deviationId: work.id, userId: artist.id, uploadMode: mode });
		assert.deepEqual([job.opts.attempts, job.opts.jobId, job.opts.backoff, job.opts.removeOnComplete, job.opts.removeOnFail],
			[4, work.job, undefined, { age: 3600, count: 1000 }, { age: 86400, count: 5000 }]);
	}
});

scenario('a deviation of the future gets a job that is due on its date; its command says when', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { actual_publish_at: inTime('1 hour') });
	const { code, output } = await house.command(['enqueue', work.id]);
	assert.match(output, /^deviation-.* added, due in 3[56]\d\d s\n$/);
	const job = await house.job(work);
	assert.deepEqual([code, job.state], [0, 'delayed']);
	assert.ok(Math.abs(job.due - Date.parse(`${(await house.row(work)).actual_publish_at}Z`)) < 2000);
});

scenario('what has a job already keeps it', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.add(work, { priority: 5 });
	const { code, output } = await house.command(['enqueue', work.id]);
	assert.deepEqual([code, output], [0, `deviation-${work.id} is in the queue already\n`]);
	assert.equal((await house.job(work)).state, 'prioritized');
});

scenario('a failed deviation whose failed job is still kept is enqueued anew', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { status: 'failed' });
	await house.redis.atomically([
		['HSET', house.key(work.job), 'name', 'publish-deviation', 'data', '{}', 'opts', '{}', 'timestamp', 1, 'atm', 7, 'failedReason', 'once', 'finishedOn', 2],
		['ZADD', house.key('failed'), 2, work.job],
	]);
	const { code, output } = await house.command(['enqueue', work.id]);
	const job = await house.job(work);
	assert.deepEqual([code, output, job.state, job.attempts, job.failedReason], [0, `deviation-${work.id} added\n`, 'wait', 0, undefined]);
});

scenario('what cannot be published is named with the reason, exit status 1; the others are added', async () => {
	const house = await home;
	const artist = await house.artist();
	const works = {
		'is published already': await house.deviation(artist, { status: 'published' }),
		'is a draft or in review: schedule it first': await house.deviation(artist, { status: 'draft' }),
		'has no files': await house.deviation(artist, { files: [] }),
		'does not exist': { id: randomUUID() },
	};
	const good = await house.deviation(artist);
	const hostile = "no'; DROP TABLE users; --";
	const { code, output, errors } = await house.command(['enqueue', ...ids(...Object.values(works)), hostile, good.id]);
	assert.deepEqual([code, output], [1, `deviation-${good.id} added\n`]);
	for (const [reason, { id }] of Object.entries(works)) assert.ok(errors.includes(`isekai-publisher: deviation ${id} ${reason}\n`), errors);
	assert.ok(errors.includes(`deviation ${hostile} does not exist`), errors);
	for (const work of Object.values(works)) assert.equal((await house.job(`deviation-${work.id}`)).state, 'missing');
});

scenario('servers that are not there are named, and nothing is half done', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	for (const [more, words] of [[{ DATABASE_URL: 'postgresql://x:geheim@127.0.0.1:1/none' }, /PostgreSQL/], [{ REDIS_URL: 'redis://:geheim@127.0.0.1:1' }, /Redis/]]) {
		const { code, output, errors } = await house.command(['enqueue', work.id], more);
		assert.deepEqual([code, output], [69, '']);
		assert.match(errors, words);
		assert.doesNotMatch(errors, /geheim/);
	}
	assert.equal((await house.job(work)).state, 'missing');
});

scenario('a wrong setting or no id at all is said before anything is asked', async () => {
	const house = await home;
	const bad = await house.command(['enqueue', 'x'], { PUBLISHER_CONCURRENCY: 'ten' });
	assert.equal(bad.code, 78);
	assert.match(bad.errors, /PUBLISHER_CONCURRENCY: "ten" is not a whole number from 1 to 1024/);
	assert.equal((await house.command(['enqueue'])).code, 64);
});

afterwards();
