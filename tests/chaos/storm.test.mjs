// Processes killed and connections cut at random while posts go out: none lost, none twice, no attempt burned.
import assert from 'node:assert/strict';

import { afterwards, scenario, sleep } from '../integration/publish/stage.mjs';
import { allOnce, chance, crowd, published } from './crowd.mjs';

const posts = Number(process.env.CHAOS_POSTS ?? 200);
const pool = { PUBLISHER_CONCURRENCY: 6, PUBLISHER_UNKNOWN_WAIT_MS: 1000 };
const below = chance();

/** Does `harm` again and again until most posts are out; at least `least` times. */
async function storm(house, harm, least) {
	let harmed = 0;
	while (harmed < least || await published(house) < posts * 0.9) {
		harmed += await harm() ? 1 : 0;
		await sleep(60 + below(60));
		if (harmed > 300) break;
	}
	console.log(`# harmed ${harmed} times`);
	return harmed;
}

scenario('workers and the dispatcher killed at random: each post once, no attempt burned, none stalled', async () => {
	const house = await crowd({ posts, artists: 20, settings: pool, site: { latency_ms: 40 } });
	await house.start();
	await storm(house, () => {
		const children = house.children();
		if (children.length === 0) return false;
		process.kill(children[below(children.length)].pid, 'SIGKILL');
		return true;
	}, 10);
	await allOnce(house, posts, 60000);
});

scenario('the supervisor killed three times, with a successor each: each post once, no attempt burned', async () => {
	const house = await crowd({ posts, artists: 20, settings: pool, site: { latency_ms: 40 } });
	for (let i = 0; i < 3; i++) {
		const publisher = await house.start();
		await sleep(400 + below(400));
		process.kill(publisher.pid, 'SIGKILL');
		await publisher.ended;
	}
	await house.start();
	await allOnce(house, posts, 60000);
});

scenario('all connections to Redis and PostgreSQL cut again and again: each post once, no spare upload', async () => {
	const house = await crowd({ posts, artists: 20, settings: pool, site: { latency_ms: 40 } });
	await house.start();
	await storm(house, async () => {
		// Only this house's: others of the file share the servers.
		const clients = String(await house.redis.run('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(` db=${house.number} `));
		const own = await house.redis.run('CLIENT', 'ID');
		for (const line of clients) {
			const id = /^id=(\d+)/.exec(line)[1];
			if (id !== String(own)) await house.redis.run('CLIENT', 'KILL', 'ID', id);
		}
		await house.psql.query(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`);
		return true;
	}, 5);
	await allOnce(house, posts, 60000);
	const summary = await house.sandbox.get('ledger/summary');
	assert.equal(summary.submits, posts);
});

afterwards();
