// Faults that once were, about tokens that are under way, and about Redis and PostgreSQL that go away, refuse or are asked late.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { directory } from './servers.mjs';
import { afterwards, build, inTime, scenario, sleep, until } from './stage.mjs';

/** Whether a connection to Redis is blocked in this command. */
async function blocked(house, command) {
	const clients = (await house.redis.run('CLIENT', 'LIST')).split('\n');
	return clients.some((client) => /\bflags=\w*b/.test(client) && client.includes(`cmd=${command} `));
}

/** The artist's row has the pair that DeviantArt issued last, by one refresh. */
async function keepsThePair(house, artist, ms = 10000) {
	const [known] = (await house.sandbox.get('state')).users;
	assert.notEqual(known.refresh_token, artist.refresh);
	await until('the row has the new pair', async () => (await house.user(artist)).refresh_token === known.refresh_token, ms);
	assert.equal((await house.sandbox.get('ledger')).refreshes.length, 1);
}

/** A post of an artist with an old token, whose refresh is answered so late. */
async function refreshing(house, answer_delay_ms) {
	const artist = await house.artist({ token_expires_at: inTime('-1 hour') }, { access_expires_in_s: -1 });
	const work = await house.deviation(artist);
	await house.sandbox.fault('token', {}, 'delay', { answer_delay_ms });
	await house.add(work);
	await house.inFlight('token');
	return { artist, work };
}

scenario('a lock that is lost during a token request does not cut it: the new pair is kept', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2, PUBLISHER_LOCK_DURATION_MS: 1500, PUBLISHER_STALE_CHECK_INTERVAL_MS: 600 } });
	const { artist, work } = await refreshing(house, 4000);
	await house.redis.run('DEL', house.key(`${work.job}:lock`));
	await house.published(work);
	await keepsThePair(house, artist);
	assert.equal((await house.seen(work)).posts.length, 1);
});

scenario('a deadline of the job that passes during a token request does not cut it: the new pair is kept', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1, PUBLISHER_JOB_TIMEOUT_MS: 2000 } });
	const { artist, work } = await refreshing(house, 3000);
	await house.published(work);
	await keepsThePair(house, artist);
});

scenario('a token pair that cannot be stored outlives a Redis that comes back empty', async () => {
	const house = await build({ own: ['postgres', 'redis'], settings: { PUBLISHER_CONCURRENCY: 1 } });
	const { artist } = await refreshing(house, 700);
	await house.postgres.process.stop('SIGQUIT');
	await until('the pair is parked', () => house.redis.run('EXISTS', `isekai-publisher:parked-token:${artist.id}`), 5000);
	await house.redisServer.process.stop('SIGKILL');
	await house.redisServer.start();
	await house.postgres.start();
	await keepsThePair(house, artist);
});

scenario('the dispatcher asks for a marker as soon as a worker is idle', async () => {
	const house = await build({ own: ['redis'], settings: { PUBLISHER_CONCURRENCY: 1 } });
	const artist = await house.artist();
	const asks = () => blocked(house, 'bzpopmin');
	const waits = [];
	await until('it listens', asks);
	for (let i = 0; i < 40; i++) {
		const work = await house.deviation(artist);
		await sleep((i % 10) * 17); // another moment between two beats each time
		await house.add(work);
		await house.jobIs(work, 'completed');
		await until('the worker waits', () => blocked(house, 'brpoplpush'), 5000, 1);
		const idle = Date.now();
		await until('the dispatcher asks', asks, 5000, 1);
		waits.push(Date.now() - idle);
	}
	// A claim leaves a marker: now and then it is there already, and still nobody waits for the next beat. The machine may be slow, twice.
	assert.ok(waits.filter((ms) => ms > 100).length <= 2, `asked after ${waits} ms`);
});

scenario('jobs that PostgreSQL cannot serve wait longer and longer, and go out when it can', async () => {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2 } });
	const works = [];
	for (let i = 0; i < 6; i++) works.push(await house.deviation(await house.artist()));
	await house.psql.query('ALTER TABLE deviation_files RENAME TO away');
	for (const work of works) await house.add(work);
	const claims = async () => (await Promise.all(works.map((work) => house.job(work)))).reduce((sum, job) => sum + job.claims, 0);
	await until('the first wait is over', async () => (await claims()) >= 2);
	await sleep(8000); // the time that claims are counted in
	const seen = await claims();
	await house.psql.query('ALTER TABLE away RENAME TO deviation_files');
	assert.ok(seen <= 30, `${seen} claims of 6 jobs in 8 s`);
	for (const work of works) assert.equal((await house.published(work, 25000)).job.attempts, 1);
});

scenario('an end that is told again and again while Redis is away adds one clean-up job, once', async () => {
	const house = await build({ own: ['redis'], settings: { PUBLISHER_CONCURRENCY: 1 } });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'delay', { answer_delay_ms: 800 });
	await house.add(work);
	await house.inFlight('publish');
	await house.redisServer.process.stop('SIGKILL');
	await house.rowIs(work, 'published');
	await sleep(4000); // time to tell it a few times
	await house.redisServer.start();
	const events = () => house.redis.run('XRANGE', 'bull:storage-cleanup:events', '-', '+');
	await until('the clean-up job is there', async () => (await events()).length > 0);
	await until('the worker waits again', () => blocked(house, 'brpoplpush'));
	assert.deepEqual((await events()).filter(([, fields]) => fields.includes('duplicated')), []);
});

/** A pooler that hands a session of a client that left, with all its prepared statements, to the next client: each session twice. */
function pooler(target) {
	const idle = [];
	const given = { used: 0 };
	const listener = path.join(directory, `pooler.${process.pid}`, '.s.PGSQL.5432');
	const server = net.createServer((client) => {
		let session = null;
		let bytes = Buffer.alloc(0);
		const attach = (startup) => {
			session = idle.shift();
			if (session) {
				given.used++;
				client.write(session.greeting);
			} else {
				session = { socket: net.connect(target), greeting: Buffer.alloc(0), turns: 0 };
				session.socket.on('error', () => {});
				session.socket.write(startup);
			}
			const { socket } = session;
			socket.removeAllListeners('data').on('data', (data) => {
				if (!session.ready) {
					session.greeting = Buffer.concat([session.greeting, data]);
					// ReadyForQuery ends it.
					session.ready = session.greeting.subarray(-6).equals(Buffer.from('Z\0\0\0\x05I', 'latin1'));
				}
				client.write(data);
			});
			socket.removeAllListeners('close').on('close', () => client.destroy());
		};
		client.on('error', () => {});
		client.on('data', (data) => {
			bytes = Buffer.concat([bytes, data]);
			for (;;) {
				const head = session ? 5 : 4;
				if (bytes.length < head) return;
				const size = bytes.readUInt32BE(head - 4) + head - 4;
				if (bytes.length < size) return;
				const message = bytes.subarray(0, size);
				bytes = bytes.subarray(size);
				if (!session) {
					// A cancellation or a question for encryption is not a session.
					if (message.readUInt32BE(4) !== 196608) client.end(message.readUInt32BE(4) === 80877102 ? undefined : 'N');
					else attach(message);
				} else if (message[0] !== 'X'.charCodeAt(0)) {
					session.socket.write(message);
				}
			}
		});
		client.on('close', () => {
			if (!session) return;
			session.socket.removeAllListeners('data').removeAllListeners('close').on('close', () => {});
			if (session.turns++ === 0 && session.ready && !session.socket.destroyed) idle.push(session);
			else session.socket.destroy();
		});
	});
	return { server, listener, given, close: () => { server.close(); for (const { socket } of idle) socket.destroy(); } };
}

scenario('a pooled connection on which our statements are prepared already serves', async () => {
	const house = await build({ start: false, settings: { PUBLISHER_CONCURRENCY: 1 } });
	const pool = pooler(`${house.postgres.directory}/.s.PGSQL.5432`);
	mkdirSync(path.dirname(pool.listener));
	await new Promise((done) => pool.server.listen(pool.listener, done));
	pool.server.unref();
	const url = house.postgres.url(house.database).replace(house.postgres.directory, path.dirname(pool.listener));
	await house.start({ DATABASE_URL: url });
	const artist = await house.artist();
	const first = await house.deviation(artist);
	await house.add(first);
	await house.published(first);
	// Another worker gets the connection of this one.
	const before = pool.given.used;
	process.kill(await house.worker(), 'SIGKILL');
	const second = await house.deviation(artist);
	await house.add(second);
	const { job } = await house.published(second, 15000);
	assert.equal(job.attempts, 1);
	assert.ok(pool.given.used > before, 'a used connection was given out');
	await house.publisher.stop('SIGQUIT');
	pool.close();
});

scenario('a value that PostgreSQL does not support fails its post with the reason, and is no server that is away', async () => {
	const house = await build();
	const [work, other] = [await house.deviation(await house.artist()), await house.deviation(await house.artist())];
	// As PostgreSQL 17 says of a date before all time.
	await house.psql.query(`
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.id = '${work.id}' AND NEW.status = 'uploading' THEN
				RAISE EXCEPTION 'cannot convert infinity to bigint' USING ERRCODE = '0A000';
			END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER refuse BEFORE UPDATE ON deviations FOR EACH ROW EXECUTE FUNCTION refuse();`);
	await house.add(work);
	await house.add(other);
	const { row } = await house.failed(work);
	assert.match(row.error_message, /cannot work with a value of this post.*cannot convert infinity/);
	await house.published(other);
});

scenario('whatever an instance that is killed leaves in Redis ends by itself', async () => {
	const house = await build({ own: ['redis'], settings: { PUBLISHER_CONCURRENCY: 1 } });
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', {}, 'hang');
	// One that is still about to look for the first time finds the job without a turn.
	await until('it waits for a turn', async () => (await house.redis.run('KEYS', '*:taken')).length > 0);
	await house.add(work);
	await house.inFlight('submit');
	await house.publisher.stop('SIGKILL');
	const lives = {};
	for (const key of await house.redis.run('KEYS', '*')) if (!key.startsWith(house.key(''))) lives[key] = await house.redis.run('PTTL', key);
	assert.ok(Object.keys(lives).some((key) => key.endsWith(':taken')), 'the turn that it had is among them');
	assert.deepEqual(Object.entries(lives).filter(([, ms]) => ms < 0), []);
});

afterwards();
