// Servers that go away and come back: nothing is lost, nothing is published twice, no attempt is burned.
import assert from 'node:assert/strict';

import { afterwards, build, inTime, scenario, sleep, until } from './stage.mjs';
import { allOnce, underWay, works } from './works.mjs';

for (const [name, signal] of [['stopped', 'SIGINT'], ['killed', 'SIGQUIT']]) {
	scenario(`PostgreSQL ${name} in the middle and started again: everything due goes out once`, async () => {
		const house = await build({ own: ['postgres'], health: true, settings: { PUBLISHER_CONCURRENCY: 3 } });
		await house.sandbox.post('settings', { latency_ms: 60 });
		const all = await works(house, 24);
		for (const work of all) await house.add(work);
		await underWay(house, all);
		await house.postgres.process.stop(signal);
		await until('/ready says so', async () => {
			const { status, text } = await house.ask('/ready');
			return status === 503 && JSON.parse(text).error;
		}, 4000);
		assert.equal((await house.ask('/health')).status, 200);
		await sleep(1000);
		await house.postgres.start();
		await house.ready();
		await allOnce(house, all);
	});
}

scenario('PostgreSQL that is away when the publisher starts is waited for', async () => {
	const house = await build({ own: ['postgres'], start: false });
	const all = await works(house, 3);
	for (const work of all) await house.add(work);
	await house.postgres.process.stop('SIGQUIT');
	await house.start();
	await sleep(800);
	assert.equal((await house.sandbox.requests()).length, 0);
	await house.postgres.start();
	await allOnce(house, all);
});

scenario('PostgreSQL away between a publish and its record: the answer is kept until it can be recorded', async () => {
	const house = await build({ own: ['postgres'] });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'delay', { answer_delay_ms: 700 });
	await house.add(work);
	await house.inFlight('publish');
	await house.postgres.process.stop('SIGQUIT');
	await sleep(1500);
	await house.postgres.start();
	await allOnce(house, [work]);
	assert.equal((await house.seen(work)).publishes.length, 1, 'nobody had to ask again');
});

for (const crash of [false, true]) {
	scenario(`PostgreSQL away when a refreshed token pair arrives${crash ? ' and the worker killed' : ''}: the pair is not lost`, async () => {
		const house = await build({ own: ['postgres'], settings: { PUBLISHER_CONCURRENCY: 1 } });
		const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
		const work = await house.deviation(artist);
		await house.sandbox.fault('token', {}, 'delay', { answer_delay_ms: 700 });
		await house.add(work);
		await house.inFlight('token');
		await house.postgres.process.stop('SIGQUIT');
		const key = `isekai-publisher:parked-token:${artist.id}`;
		const parked = await until('the pair is parked', () => house.redis.run('GET', key), 5000);
		const [known] = (await house.sandbox.get('state')).users;
		for (const token of [known.access_token, known.refresh_token]) assert.ok(token && !parked.includes(token), 'it is sealed');
		if (crash) process.kill(await house.worker(), 'SIGKILL');
		await house.postgres.start();
		await allOnce(house, [work]);
		const user = await house.user(artist);
		assert.deepEqual([user.access_token, user.refresh_token], [known.access_token, known.refresh_token]);
		assert.equal((await house.sandbox.get('ledger')).refreshes.length, 1);
		await until('the parked pair is gone', async () => (await house.redis.run('EXISTS', key)) === 0);
	});
}

scenario('Redis killed and started empty: everything due goes out once, what is due later has its job again in time', async () => {
	const house = await build({ own: ['redis'], health: true, settings: { PUBLISHER_CONCURRENCY: 3, PUBLISHER_LOCK_DURATION_MS: 6000 } });
	await house.sandbox.post('settings', { latency_ms: 60 });
	const all = await works(house, 20);
	const later = await house.deviation(all[0].artist, { actual_publish_at: inTime('7 seconds') });
	const due = Date.parse(`${(await house.row(later)).actual_publish_at}Z`);
	assert.equal(await house.enqueue(...all, later), 0);
	await underWay(house, all);
	await house.redisServer.process.stop('SIGKILL');
	await until('/ready says so', async () => (await house.ask('/ready')).status === 503, 4000);
	await house.redisServer.start();
	await house.ready();
	// What was half done is left alone for 30 s, in case somebody is at it; nobody waits for them here.
	await sleep(4000);
	await house.psql.query(`UPDATE deviations SET updated_at = updated_at - interval '30 seconds'
		WHERE status IN ('uploading', 'publishing') AND updated_at < now() AT TIME ZONE 'UTC' - interval '3 seconds'`);
	await allOnce(house, all, { job: false });
	await house.rowIs(later, 'published', 30000);
	const [first] = (await house.seen(later)).requests;
	assert.ok(first.started_ms >= due - 2);
	assert.ok(first.started_ms < due + 8000, `${first.started_ms - due} ms late`);
	await until('no lock and nothing active is left', async () => (await house.redis.run('LLEN', house.key('active'))) === 0);
});

scenario('Redis that is away for a moment and keeps its data costs nothing', async () => {
	const house = await build({ own: ['redis'], settings: { PUBLISHER_CONCURRENCY: 3 } });
	await house.sandbox.post('settings', { latency_ms: 60 });
	const all = await works(house, 16);
	for (const work of all) await house.add(work);
	await underWay(house, all);
	house.redisServer.process.kill('SIGSTOP');
	await sleep(1500);
	house.redisServer.process.kill('SIGCONT');
	await allOnce(house, all);
});

scenario('connections to Redis cut again and again cost nothing', async () => {
	const house = await build({ own: ['redis'], settings: { PUBLISHER_CONCURRENCY: 3 } });
	await house.sandbox.post('settings', { latency_ms: 40 });
	const all = await works(house, 16);
	for (const work of all) await house.add(work);
	await underWay(house, all);
	for (let i = 0; i < 10; i++) {
		await house.redis.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
		await sleep(120);
	}
	await allOnce(house, all);
});

scenario('DeviantArt and the storage frozen for a while cost nothing', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2, PUBLISHER_LOCK_DURATION_MS: 2000, PUBLISHER_STALE_CHECK_INTERVAL_MS: 500 } });
	await house.sandbox.post('settings', { latency_ms: 60 });
	const all = await works(house, 8);
	for (const work of all) await house.add(work);
	await underWay(house, all);
	house.sandbox.process.kill('SIGSTOP');
	await sleep(4500);
	house.sandbox.process.kill('SIGCONT');
	await allOnce(house, all);
});

scenario('a deviation that is due and has no job gets one', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist(), { actual_publish_at: inTime('-10 seconds') });
	const abandoned = await house.deviation(work.artist, { status: 'uploading', updated_at: inTime('-40 seconds') });
	const early = await house.deviation(work.artist, { actual_publish_at: inTime('-10 seconds') });
	await house.add(early, { delay: 3600000 }); // its date was moved forward, its job was not
	for (const one of [work, abandoned, early]) await house.published(one);
	const job = await house.job(work);
	assert.equal(job.opts.priority ?? Number(job.priority), 5);
	assert.deepEqual(job.data, { deviationId: work.id, userId: work.artist.id, uploadMode: 'single' });
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a deviation whose job was completed by a neighbour without being published gets a new one', async () => {
	const house = await build();
	const work = await house.deviation(await house.artist(), { actual_publish_at: inTime('1 hour'), status: 'draft' });
	await house.redis.atomically([
		['HSET', house.key(work.job), 'name', 'publish-deviation', 'data', '{}', 'opts', '{"attempts":7}', 'timestamp', '1', 'finishedOn', '2', 'returnvalue', '{}', 'atm', '1'],
		['ZADD', house.key('completed'), Date.now(), work.job],
	]);
	await house.update(work, "status = 'scheduled', actual_publish_at = now() AT TIME ZONE 'UTC' - interval '6 seconds'");
	const { job } = await house.published(work);
	assert.equal(job.returned.results.length, 1);
});

afterwards();
