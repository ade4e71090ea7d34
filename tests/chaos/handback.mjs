// How fast the job of a worker that was killed in mid-upload is in work again: by a mark in the ledger, with locks of any length.
import { build, sleep, until } from '../integration/publish/stage.mjs';

/**
 * Kills the worker of an upload `times` times. Gives how long it took each time, ms: from the kill to the next upload of the same post
 * that reached DeviantArt. The first upload of each would take `upload_ms`: the
 * kill strikes in its middle.
 */
export async function handbacks(times, settings, upload_ms = 5000) {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 3, ...settings } });
	const artist = await house.artist();
	await until('the pool is up', () => house.children().length === 4);
	const taken = [];
	for (let i = 0; i < times; i++) {
		const work = await house.deviation(artist);
		await house.sandbox.fault('submit', { title: work.title }, 'delay', { delay_ms: upload_ms, count: 1 });
		await house.add(work);
		// Those of the killed are still in flight at DeviantArt.
		await until('its upload is in flight', async () => (await house.sandbox.get('state')).inflight.some(({ title, step }) => title === work.title && step !== 'reading'), 20000, 10);
		const pid = await holder(house, work);
		process.kill(pid, 'SIGKILL');
		const killed = Date.now();
		const { job } = await house.published(work);
		if (job.attempts !== 1 || job.stc !== undefined) throw new Error(`it was counted: ${JSON.stringify(job)}`);
		const { requests, posts } = await house.seen(work);
		if (posts.length !== 1) throw new Error(`${posts.length} posts`);
		const again = requests.filter(({ endpoint, started_ms: ms }) => endpoint === 'submit' && ms > killed - 1).map(({ started_ms: ms }) => ms);
		taken.push(Math.min(...again) - killed);
		await sleep(20);
	}
	await house.inspect();
	await house.publisher.stop('SIGTERM');
	return taken;
}

/** The pid of the worker that has the job: its lock's token names supervisor, slot and generation; its slot's process is in the title. */
async function holder(house, work) {
	const row = await house.row(work);
	const token = (await house.job(work)).lock ?? row.execution_lock_id;
	const slot = Number(/\.(\d+)\.\d+$/.exec(token)[1]);
	return until(`slot ${slot} has a process`, () => house.children().find(({ title }) => title.endsWith(`worker ${slot}`))?.pid);
}

export function median(times) {
	return [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)];
}
