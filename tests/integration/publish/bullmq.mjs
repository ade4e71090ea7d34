// Real BullMQ, looking at the queue of a house, or changing it, as its users do.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { after } from 'node:test';

import { root } from './servers.mjs';

const open = [];
let require;

/** Its generations as tests/interop has them: 'bullmq535', 'bullmq5', 'bullmq6'. */
function generation(name) {
	if (!require) {
		execFileSync(`${root}/tests/interop/install.sh`, { stdio: ['ignore', 'ignore', 'inherit'] });
		require = createRequire(`${root}/build/interop/package.json`);
	}
	return require(name);
}

/** A Queue on the house's Redis. What it is of the generation is in `meta.version` from now on. */
export async function bullmq(house, { version = 'bullmq6', name = 'deviation-publisher' } = {}) {
	const { Queue } = generation(version);
	const queue = new Queue(name, { connection: { path: house.redisServer.socket, db: house.number } });
	queue.on('error', () => {});
	open.push(queue);
	await queue.waitUntilReady();
	return queue;
}

/** What its QueueEvents tell from the beginning of the stream: a list that grows, [{event, ...}]. */
export async function eventsOf(house, events, { version = 'bullmq6', name = 'deviation-publisher' } = {}) {
	const { QueueEvents } = generation(version);
	const listener = new QueueEvents(name, { connection: { path: house.redisServer.socket, db: house.number }, lastEventId: '0-0' });
	const heard = [];
	listener.on('error', () => {});
	for (const event of events) listener.on(event, (more) => heard.push({ event, ...more }));
	open.push(listener);
	await listener.waitUntilReady();
	return heard;
}

after(async () => {
	await Promise.all(open.map((one) => one.close().catch(() => {})));
});
