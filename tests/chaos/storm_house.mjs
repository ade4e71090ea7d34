// Where storms take place: a house whose Redis keeps its data, with a proxy before each server and one or two instances of the program.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { build, childrenOf, freePort, isAlive, request, until } from '../integration/publish/stage.mjs';
import { Postgres, Process, Redis, RedisServer, bucket, directory } from '../integration/publish/servers.mjs';
import { Proxy } from './proxy.mjs';

/** Keeps everything that it was told, as `appendonly yes` does; can be put back to where it was. */
export class KeptRedis extends RedisServer {
	constructor(name) {
		super(name);
		this.directory = path.join(directory, `${name}.kept`);
		mkdirSync(this.directory, { recursive: true });
	}

	async start() {
		this.process = new Process('redis', 'redis-server', ['--port', '0', '--unixsocket', this.socket, '--unixsocketperm', '700', '--save', '',
			'--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0', '--databases', '100',
			'--dir', this.directory, '--maxmemory-policy', 'noeviction'], { log: path.join(directory, `${this.name}.log`) });
		const asked = new Redis(this.socket, 0);
		await until(() => `Redis answers; it said:\n${this.process.said()}`, () => asked.run('PING').then((said) => said === 'PONG', () => false), 60000, 10);
		asked.close();
	}

	/** What it would have if it were lost now, or had been copied to a replica now. */
	copy() {
		const copy = path.join(this.directory, 'copy');
		rmSync(copy, { recursive: true, force: true });
		cpSync(path.join(this.directory, 'appendonlydir'), copy, { recursive: true });
		return () => {
			const data = path.join(this.directory, 'appendonlydir');
			rmSync(data, { recursive: true, force: true });
			cpSync(copy, data, { recursive: true });
		};
	}
}

/** kill -9 of the whole server: what a crash leaves is there when it starts again. */
export class KillablePostgres extends Postgres {
	async crash() {
		const children = childrenOf(this.process.pid);
		await this.process.stop('SIGKILL');
		await until('the backends of a killed PostgreSQL are gone', () => children.every(({ pid }) => !isAlive(pid)), 20000, 10);
	}
}

/** One supervisor after the other, in one place with one port. */
class Instance {
	constructor(house, number, settings) {
		Object.assign(this, { house, number, settings });
	}

	async start() {
		this.port ??= await freePort();
		this.process = await this.house.start({ ...this.house.ways(), HEALTH_CHECK_ENABLED: 'true', HEALTH_CHECK_PORT: this.port, ...this.settings });
		return this.process;
	}

	get children() {
		return this.process.end ? [] : childrenOf(this.process.pid);
	}

	workers() {
		return this.children.filter(({ title }) => title.includes('worker')).map(({ pid }) => pid);
	}

	dispatcher() {
		return this.children.find(({ title }) => title.includes('dispatcher'))?.pid;
	}

	/** {status, text}; status 0: no answer. */
	ask(what) {
		return request(`http://127.0.0.1:${this.port}${what}`).catch(() => ({ status: 0, text: '' }));
	}
}

/**
 * A house for storms; see build() of the stage. Everything the program asks goes through `proxies`: redis, postgres, site, storage.
 * `house.instances` have been given their settings, and are not started yet.
 */
export async function stormHouse({ settings = {}, instances = [{}], site = {} }) {
	const house = await build({ settings, own: ['postgres', 'redis'], start: false, site });
	await Promise.all([house.redisServer.process.stop('SIGKILL'), house.postgres.process.stop('SIGQUIT')]);
	house.redis.close();
	house.psql.close();
	house.redisServer = new KeptRedis(`kept-${house.number}`);
	house.redis = new Redis(house.redisServer.socket, house.number);
	Object.setPrototypeOf(house.postgres, KillablePostgres.prototype);
	await Promise.all([house.redisServer.start(), house.postgres.start()]);
	await ownRole(house);

	house.proxies = {
		redis: new Proxy({ path: house.redisServer.socket }),
		postgres: new Proxy({ path: path.join(house.postgres.directory, '.s.PGSQL.5432') }),
		site: new Proxy({ port: house.sandbox.port, host: '127.0.0.1' }),
		storage: new Proxy({ port: house.sandbox.storagePort, host: '127.0.0.1' }),
	};
	await Promise.all(Object.values(house.proxies).map((proxy) => proxy.listen()));
	house.ways = () => ({
		DATABASE_URL: `postgresql://storm@127.0.0.1:${house.proxies.postgres.port}/${house.database}?schema=public`,
		REDIS_URL: `redis://127.0.0.1:${house.proxies.redis.port}/${house.number}`,
		DEVIANTART_BASE_URL: `http://127.0.0.1:${house.proxies.site.port}`,
		S3_ENDPOINT: `http://127.0.0.1:${house.proxies.storage.port}`,
	});
	house.instances = instances.map((more, i) => new Instance(house, i, more));
	const close = house.close.bind(house);
	house.close = async () => {
		await close();
		for (const proxy of Object.values(house.proxies)) proxy.close();
	};
	return house;
}

/** The program's own user: a superuser would never be one too many. */
async function ownRole(house) {
	await house.psql.query('CREATE ROLE storm LOGIN');
	for (const what of [`CREATE ON DATABASE ${house.database}`, 'ALL ON SCHEMA public', 'ALL ON ALL TABLES IN SCHEMA public', 'ALL ON ALL SEQUENCES IN SCHEMA public'])
		await house.psql.query(`GRANT ${what} TO storm`);
}

/** Artists 0..n-1 that the sandbox knows, and the files that all posts are made of. */
async function populateArtists(house, artists, size) {
	const objects = path.join(house.sandbox.objects, bucket);
	mkdirSync(objects, { recursive: true });
	for (let i = 0; i < 3; i++) writeFileSync(path.join(objects, `storm-${i}.png`), Buffer.alloc(size + i, 7 + i));
	await house.sandbox.post('users', Array.from({ length: artists }, (_, i) => (
		{ username: `artist-${i}`, access_token: `access-of-${i}`, refresh_token: `refresh-of-${i}` })));
	await house.psql.query(`
		INSERT INTO users (id, deviantart_id, username, access_token, refresh_token, token_expires_at, refresh_token_expires_at)
		SELECT 'user-'||i, 'da-'||i, 'artist-'||i, 'access-of-'||i, 'refresh-of-'||i,
		       now() AT TIME ZONE 'UTC' + interval '10 hours', now() AT TIME ZONE 'UTC' + interval '80 days'
		FROM generate_series(0, ${artists - 1}) i`);
	await house.psql.query(`
		INSERT INTO price_presets (id, user_id, name, price) SELECT 'preset-'||i, 'user-'||i, 'p', 100 FROM generate_series(0, ${artists - 1}) i`);
	await house.psql.query(`
		INSERT INTO automations (id, user_id, name, auto_add_to_sale_queue, sale_queue_preset_id)
		SELECT 'automation-'||i, 'user-'||i, 'a', true, 'preset-'||i FROM generate_series(0, ${artists - 1}) i`);
	Object.assign(house, { artists, size, posts: 0 });
}

/** More posts, numbered on from those that are there; see populate(). */
export async function addPosts(house, posts, { later = 0, over_ms = 0 } = {}) {
	const from = house.posts + 1, to = house.posts + posts;
	// One statement: a post without its files would fail for good, and rightly so.
	await house.psql.query(`WITH posts AS (
		INSERT INTO deviations (id, user_id, status, title, tags, upload_mode, stash_only, automation_id, actual_publish_at)
		SELECT 'post-'||i, 'user-'||(i % ${house.artists}), 'scheduled', 'Work '||i||' of the storm', '{sea}',
		       CASE WHEN i % 10 IN (7, 8) THEN 'multiple' ELSE 'single' END::"UploadMode", i % 10 = 9, 'automation-'||(i % ${house.artists}),
		       now() AT TIME ZONE 'UTC' + CASE WHEN i % 100 < ${Math.round(later * 100)} THEN interval '1 ms' * (${over_ms}::bigint * ((i * 7919) % ${posts}) / ${posts}) ELSE interval '0' END
		FROM generate_series(${from}, ${to}) i)
		INSERT INTO deviation_files (id, deviation_id, original_filename, storage_key, storage_url, mime_type, file_size, sort_order)
		SELECT 'file-'||i||'-'||f, 'post-'||i, 'storm-'||f||'.png', 'storm-'||f||'.png', 'x', 'image/png', ${house.size} + f, f
		FROM generate_series(${from}, ${to}) i, generate_series(0, 2) f WHERE f <= CASE i % 10 WHEN 7 THEN 1 WHEN 8 THEN 2 ELSE 0 END`);
	house.posts = to;
	return { from, to };
}

/**
 * `posts` of `artists`: of ten, seven of one file, two of two or three that all go out, one that is only uploaded. A `later` part of them
 * (0..1) is due at some moment of the next `over_ms`, the others are due now.
 */
export async function populate(house, { posts, artists, later = 0.6, over_ms = 10000, size = 20000 }) {
	await populateArtists(house, artists, size);
	await addPosts(house, posts, { later, over_ms });
}

/** Posts that the deviation makes: what populate() decided. */
export const publicPosts = (i) => ({ 7: 2, 8: 3, 9: 0 }[i % 10] ?? 1);

/** Enqueues posts from..to by the program's own command; it is the tests' way to Redis, not through the proxies. */
export async function enqueue(house, from, to) {
	for (let first = from; first <= to; first += 500) {
		const { code, errors } = await house.command(['enqueue', ...Array.from({ length: Math.min(500, to - first + 1) }, (_, i) => `post-${first + i}`)]);
		if (code !== 0) throw new Error(`enqueue ended with ${code}: ${errors}`);
	}
}

export async function published(house) {
	const [row] = await house.psql.rows("SELECT count(*)::int AS n FROM deviations WHERE status = 'published'");
	return row.n;
}

/** A mark in the ledger: what comes after it is new. */
export async function mark(house) {
	return (await house.sandbox.get('ledger/summary')).last_seq;
}

/** When the first request for a post came to DeviantArt after `since` (ms) and after `seq`; undefined: none is answered yet. */
export async function firstRequest(house, seq, since) {
	const requests = await house.sandbox.requests(`?since=${seq}`);
	const times = requests.filter(({ endpoint }) => endpoint === 'submit' || endpoint === 'publish').map(({ started_ms: ms }) => ms).filter((ms) => ms >= since);
	return times.length > 0 ? Math.min(...times) : undefined;
}

/** When the first job was claimed after `since`, by the queue's own events; undefined: none yet. */
export async function firstClaim(house, since) {
	const events = await house.redis.run('XRANGE', house.key('events'), since, '+');
	const active = events.find(([, fields]) => fields[fields.indexOf('event') + 1] === 'active');
	return active && Number(active[0].split('-')[0]);
}

/** Some time at most, for a race: who has won it is not held up by the other. */
export const atMost = (ms) => new Promise((done) => { setTimeout(done, ms).unref(); });

export function quietly(play) {
	try {
		return play();
	} catch {
		return undefined;
	}
}

/** Signals a process that may just have ended. */
export const signal = (pid, name) => quietly(() => process.kill(pid, name)) !== undefined;

