// Outages one by one, under a load that never ends, and what they cost: time from the server's return to the first job, attempts, posts.
import { repeatedly } from '../integration/publish/pool.mjs';
import { freePort, sleep, until } from '../integration/publish/stage.mjs';
import { NameServer, startNamed } from './names.mjs';
import { prepare, summary, watchReady } from './storm.mjs';
import { addPosts, enqueue, firstClaim, firstRequest, mark, populate, published, signal, stormHouse } from './storm_house.mjs';
import { calm, farewell, faultsOf, none } from './storm_judge.mjs';

const ahead = 40;

/** Posts that are due are never fewer than so many; what cannot be added now is added later. */
function feed(house) {
	return repeatedly(50, async () => {
		const add = async () => {
			const [{ due }] = await house.psql.rows("SELECT count(*)::int AS due FROM deviations WHERE status = 'scheduled'");
			if (due >= ahead) return;
			const { from, to } = await addPosts(house, ahead);
			await enqueue(house, from, to);
		};
		await add().catch(() => sleep(100));
	});
}

/** How the servers go and return: {who, harm, mend}. */
export const ends = {
	'Redis killed': { who: 'redis', harm: (house) => house.redisServer.process.stop('SIGKILL'), mend: (house) => house.redisServer.start() },
	'Redis stands still': { who: 'redis', harm: (house) => signal(house.redisServer.process.pid, 'SIGSTOP'), mend: (house) => signal(house.redisServer.process.pid, 'SIGCONT') },
	'Redis refuses': { who: 'redis', harm: (house) => house.proxies.redis.refuse(), mend: (house) => house.proxies.redis.heal() },
	'half open to Redis': { who: 'redis', harm: (house) => house.proxies.redis.deaden(), mend: (house) => house.proxies.redis.heal() },
	'PostgreSQL killed': { who: 'postgres', harm: (house) => house.postgres.crash(), mend: (house) => house.postgres.start() },
	'PostgreSQL refuses': { who: 'postgres', harm: (house) => house.proxies.postgres.refuse(), mend: (house) => house.proxies.postgres.heal() },
	'half open to PostgreSQL': { who: 'postgres', harm: (house) => house.proxies.postgres.deaden(), mend: (house) => house.proxies.postgres.heal() },
	'PostgreSQL read-only': { who: 'read-only', harm: (house) => readOnly(house, 'SET default_transaction_read_only = on'), mend: (house) => readOnly(house, 'RESET default_transaction_read_only') },
	'DeviantArt refuses': { who: 'site', harm: (house) => house.proxies.site.refuse(), mend: (house) => house.proxies.site.heal() },
	'storage refuses': { who: 'storage', harm: (house) => house.proxies.storage.refuse(), mend: (house) => house.proxies.storage.heal() },
	'DeviantArt and storage stand still': { who: 'site', harm: (house) => signal(house.sandbox.process.pid, 'SIGSTOP'), mend: (house) => signal(house.sandbox.process.pid, 'SIGCONT') },
};

for (const says of ['nxdomain', 'servfail', 'nothing']) {
	const words = { nxdomain: 'no such name', servfail: 'a name server that fails', nothing: 'a name server that is silent' }[says];
	// Who is connected needs no names: that is cut, too.
	ends[`DNS: ${words}`] = {
		who: 'names',
		harm(house) {
			house.names.says = says;
			for (const proxy of Object.values(house.proxies)) proxy.cut('rst');
		},
		mend: (house) => { house.names.says = 'good'; },
	};
}

/** A failover to a replica, and back: sessions end both times, and find the other kind of server. */
async function readOnly(house, change) {
	await house.psql.query(`ALTER ROLE storm ${change}`);
	await house.psql.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'storm'");
}

/**
 * Plays these [name of an end, ms it lasts] one after the other. What must hold holds at the end (none lost, twice or burned), and so
 * does `judge`, given {name, ms, resumed}: how long after its return the first job was claimed and the first request came. Gives them.
 */
export async function outages(what, list, { settings = {}, patience_ms = 8000, named = false } = {}) {
	const house = await stormHouse({ settings: { PUBLISHER_CONCURRENCY: 4, PUBLISHER_UNKNOWN_WAIT_MS: 800, ...settings }, site: { latency_ms: 50 } });
	prepare(house, 30000);
	house.afterOutage = undefined;
	await populate(house, { posts: ahead, artists: 20, later: 0 });
	await enqueue(house, 1, ahead);
	await (named ? startByName(house) : house.instances[0].start());
	const ready = watchReady(house, patience_ms);
	const end = feed(house);
	const felt = [];
	try {
		for (const [name, ms] of list) felt.push({ name, ms, ...await outage(house, ends[name], ms) });
		await end();
		await calm(house, 120000);
		const heard = await ready();
		const left = await farewell(house);
		const judged = await faultsOf(house, { burned: house.proxies.site.requestsLost });
		judged.faults.push(...left, ...heard.lies);
		for (const { name, ms, claim_ms, request_ms } of felt)
			console.log(`# ${name} for ${ms / 1000} s: first job ${claim_ms} ms after its return, first request to DeviantArt ${request_ms} ms`);
		console.log(`# ${what}: ${house.posts} posts, attempts burned ${judged.retries}, spare uploads ${judged.spare}; /ready noticed: ${summary(heard.noticed)}; the return: ${summary(heard.returned)}`);
		none(judged.faults, what);
		return felt;
	} finally {
		await end();
		await ready();
		house.names?.close();
	}
}

/** Redis, PostgreSQL and the storage by their names; DeviantArt by its number, as it has no http by name. */
async function startByName(house) {
	house.names = await new NameServer().listen();
	const [instance] = house.instances;
	instance.port = await freePort();
	const ways = Object.fromEntries(Object.entries(house.ways()).map(([name, url]) => [name, name === 'DEVIANTART_BASE_URL' ? url : url.replace('127.0.0.1', `${name.split('_')[0].toLowerCase()}.storm.test`)]));
	instance.process = startNamed(house, { ...ways, HEALTH_CHECK_ENABLED: 'true', HEALTH_CHECK_PORT: instance.port });
}

async function outage(house, { who, harm, mend }, ms) {
	await flowing(house);
	const one = { who, from: Date.now() };
	await harm(house);
	one.from = Date.now();
	await sleep(ms);
	const seq = await mark(house).catch(() => 0); // DeviantArt itself may be what stands still
	await mend(house);
	one.to = Date.now();
	if (who === 'redis' || who === 'postgres') house.outages.push(one);
	const times = {};
	await until(`work goes on after ${who} came back`, async () => {
		times.claim ??= await firstClaim(house, one.to).catch(() => undefined);
		times.request ??= await firstRequest(house, seq, one.to).catch(() => undefined);
		return times.claim && times.request;
	}, 120000, 20);
	return { claim_ms: times.claim - one.to, request_ms: times.request - one.to };
}

/** Posts go out, one after the other. */
async function flowing(house) {
	const before = await published(house);
	await until('posts go out', async () => await published(house) >= before + 12, 120000, 20);
}
