// BullMQ itself beside the storm: it adds jobs, listens to the queue's events, pauses and resumes, promotes and retries, and runs the
// stalled check. Its modules are those of tests/interop; where they are not installed there are no neighbours, and the storm says so.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';

import { root } from '../integration/publish/servers.mjs';
import { sleep } from '../integration/publish/stage.mjs';
import { atMost } from './storm_house.mjs';

const modules = process.env.INTEROP_MODULES ?? `${root}/build/interop`;
const name = 'deviation-publisher';

function bullmq(version) {
	if (!existsSync(`${modules}/node_modules/${version}`)) return null;
	return createRequire(`${modules}/package.json`)(version);
}

/** BullMQ of one generation ('bullmq535', 'bullmq5', 'bullmq6') at the house's queue, or null. */
export function neighbour(house, version) {
	const classes = bullmq(version);
	return classes && new Neighbour(house, version, classes);
}

class Neighbour {
	constructor(house, version, { Queue, QueueEvents, Worker }) {
		const connection = { path: house.redisServer.socket, db: house.number, maxRetriesPerRequest: null, retryStrategy: () => 100 };
		Object.assign(this, { house, version, seen: {}, stalls: 0 });
		this.queue = new Queue(name, { connection });
		this.events = new QueueEvents(name, { connection, lastEventId: '0-0' });
		for (const event of ['completed', 'failed', 'stalled', 'duplicated', 'delayed'])
			this.events.on(event, () => { this.seen[event] = (this.seen[event] ?? 0) + 1; });
		// A worker that takes no job: of it there is only the stalled check.
		this.worker = new Worker(name, null, { connection, autorun: false, stalledInterval: 5000, maxStalledCount: 5 });
		for (const one of [this.queue, this.events, this.worker]) one.on('error', () => {});
		this.worker.startStalledCheckTimer().catch(() => {});
	}

	/** Posts as the API server adds them, delayed until they are due. */
	async add(posts, artists) {
		const rows = await this.house.psql.rows(`SELECT id, extract(epoch FROM actual_publish_at - now() AT TIME ZONE 'UTC') * 1000 AS delay, upload_mode
			FROM deviations WHERE id IN (${posts.map((i) => `'post-${i}'`)})`);
		await this.queue.addBulk(rows.map(({ id, delay, upload_mode: uploadMode }) => ({
			name: 'publish-deviation',
			data: { deviationId: id, userId: `user-${Number(id.slice(5)) % artists}`, uploadMode },
			opts: { jobId: `deviation-${id}`, attempts: 7, ...(delay > 0 ? { delay: Math.ceil(delay) } : {}) },
		})));
	}

	/** One thing that an operator does at a board of BullMQ's. Whatever it meets on its way is its own affair. */
	async meddle(dice) {
		const what = ['pause', 'promote', 'retry', 'counts'][dice.below(4)], hold = 100 + dice.below(500), chosen = dice.below(1000);
		const soon = (promise) => Promise.race([promise, atMost(3000)]).catch(() => {});
		if (what === 'pause') {
			await soon(this.queue.pause());
			await sleep(hold);
			await this.resume();
		} else if (what === 'promote') {
			const delayed = await soon(this.queue.getDelayed(0, 20)) ?? [];
			if (delayed.length > 0) await soon(delayed[chosen % delayed.length]?.promote());
		} else if (what === 'retry') {
			for (const job of await soon(this.queue.getFailed(0, 5)) ?? []) await soon(job?.retry());
		} else {
			await soon(this.queue.getJobCounts());
		}
		return what;
	}

	/** Until it is so: what a Redis that was away has not heard is said again. */
	async resume() {
		for (let left = 60; left > 0; left--) {
			const done = await Promise.race([this.queue.resume().then(() => true, () => false), atMost(1500)]);
			if (done) return;
			await sleep(500);
		}
		throw new Error('the queue cannot be resumed');
	}

	/** In order if Redis is there; else what it has open is cut, or it would try for ever. */
	async close() {
		const all = [this.worker, this.events, this.queue];
		await Promise.race([Promise.allSettled(all.map((one) => one.close(true))), atMost(3000)]);
		for (const { connection, blockingConnection } of all) for (const one of [connection, blockingConnection]) one?._client?.disconnect();
	}
}
