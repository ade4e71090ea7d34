// Connections that die without a word, half open, while the server behind them lives: work goes on within seconds of the way's return.
// A server that takes its time is not taken for a dead one.
import assert from 'node:assert/strict';
import path from 'node:path';

import { Proxy } from '../../chaos/proxy.mjs';
import { metric } from './pool.mjs';
import { Psql } from './psql.mjs';
import { afterwards, build, scenario, sleep, until } from './stage.mjs';
import { allOnce } from './works.mjs';

const promised_ms = 5000;

/** A house whose only worker reaches one of the two, 'postgres' or 'redis', by house.way. */
async function houseBehind(who, parameters = '') {
	const house = await build({ start: false, health: true, settings: { PUBLISHER_CONCURRENCY: 1 } });
	if (who === 'postgres') {
		house.way = await new Proxy({ path: path.join(house.postgres.directory, '.s.PGSQL.5432') }).listen();
		house.changed.DATABASE_URL = `postgresql://isekai@127.0.0.1:${house.way.port}/${house.database}?schema=public${parameters}`;
	} else {
		house.way = await new Proxy({ path: house.redisServer.socket }).listen();
		house.changed.REDIS_URL = `redis://127.0.0.1:${house.way.port}/${house.number}`;
	}
	await house.start();
	const close = house.close.bind(house);
	house.close = async () => {
		await close();
		house.way.close();
	};
	return house;
}

/** The worker is connected, and everything it needs was asked once. */
async function warm(house) {
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await house.published(work);
	return work;
}

/** The program's own connections are dead from now on, for ever; new ones are served again after so long. Gives when. */
async function partition(house, ms) {
	house.way.deaden();
	await sleep(ms);
	await house.way.heal();
	return Date.now();
}

/** DeviantArt is asked this about the work within the promised time. */
async function isAsked(house, work, what, back) {
	const { started_ms: asked } = await until(`${what} is asked for`,
		async () => (await house.seen(work)).requests.find(({ endpoint }) => endpoint === what), 30000);
	console.log(`# ${what} ${asked - back} ms after the way was back`);
	assert.ok(asked - back <= promised_ms, `${asked - back} ms`);
}

for (const [name, parameters] of [['', ''], [' without knowing the server\'s processes (pgbouncer=true)', '&pgbouncer=true']]) {
	scenario(`half open to PostgreSQL in the middle of a job${name}: it goes on within 5 s of the return, no attempt burned`, async () => {
		const house = await houseBehind('postgres', parameters);
		const first = await warm(house);
		const work = await house.deviation(await house.artist());
		await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 1500 });
		await house.add(work);
		await house.inFlight('submit');
		const back = await partition(house, 1000);
		await isAsked(house, work, 'publish', back);
		await allOnce(house, [first, work]);
		assert.equal((await house.seen(work)).submits.length, 1, 'nothing is uploaded again');
	});
}

scenario('half open to PostgreSQL while a worker connects: its first job begins within 5 s of the return', async () => {
	const house = await houseBehind('postgres');
	const work = await house.deviation(await house.artist());
	house.way.deaden();
	await until('/ready says so', async () => (await house.ask('/ready')).status === 503, 6000);
	// In the queue before it is known to be away: the worker tries, and waits for what never comes.
	const before = house.way.accepted;
	await house.add(work);
	await until('the worker tries', () => house.way.accepted >= before + 3);
	await house.way.heal();
	const back = Date.now();
	await isAsked(house, work, 'submit', back);
	await allOnce(house, [work]);
});

scenario('a statement that takes its time, 6 s for a locked row, is not taken for a dead connection', async () => {
	const house = await houseBehind('postgres');
	await warm(house);
	// Also where others were dead before: what came after the return is not suspected.
	await partition(house, 1000);
	await warm(house);
	const before = await metric(house, 'publisher_postgres_reconnects_total');
	const work = await house.deviation(await house.artist());
	const other = new Psql(house.postgres, house.database);
	await other.query('BEGIN');
	await other.query(`SELECT 1 FROM deviations WHERE id = '${work.id}' FOR UPDATE`);
	await house.add(work);
	await house.jobIs(work, 'active');
	await sleep(6000);
	await other.query('COMMIT');
	other.close();
	const { row, job } = await house.published(work);
	assert.deepEqual([row.retry_count, row.execution_version, job.claims], [0, 1, 1], 'one claim waited it out');
	assert.equal(await metric(house, 'publisher_postgres_reconnects_total'), before);
});

scenario('half open to Redis in the middle of a job: the next one begins within 5 s of the return, no attempt burned', async () => {
	const house = await houseBehind('redis');
	const first = await warm(house);
	const artist = await house.artist();
	const [work, next] = [await house.deviation(artist), await house.deviation(artist)];
	await house.sandbox.fault('submit', { title: work.title }, 'delay', { answer_delay_ms: 1500 });
	await house.add(work);
	await house.add(next);
	await house.inFlight('submit');
	await isAsked(house, next, 'submit', await partition(house, 1000));
	await allOnce(house, [first, work, next]);
});

scenario('half open to Redis while nothing is to be done: a job that comes then begins within 5 s of the return', async () => {
	const house = await houseBehind('redis');
	const first = await warm(house);
	const work = await house.deviation(await house.artist());
	const back = await partition(house, 1000);
	await house.add(work);
	await isAsked(house, work, 'submit', back);
	await allOnce(house, [first, work]);
});

afterwards();
