// How a process comes to its point: what it does when it is killed. Each play makes one job and kills once; it gives what the tool said
// of the call, or undefined where the job got through without so many calls.
import { inTime, isAlive } from '../integration/publish/stage.mjs';
import { Killpoint } from './killpoint.mjs';
import { beyond } from './points.mjs';
import { modes, parkingKey, pointText, wait } from './sweep.mjs';

/** Options for the tool: where it strikes, and what it is to tell of the calls before. */
export function strikeArgs({ n, side, steps, error, of }) {
	if (n === beyond) return ['-t', '-k', n];
	const where = error ? ['-f', n, '-e', error] : [side === 'before' ? '-k' : '-K', n, ...steps ? ['-s', steps] : []];
	return [...where, ...of ? ['-c', of] : []];
}

/** Tells whether the refresh was asked for, whether the new pair was parked, and whether DeviantArt was asked anything. */
function watchArgs({ artist }) {
	const key = parkingKey(artist);
	return ['-w', 'grant_type=refresh_token', '-w', `SET\r\n$${Buffer.byteLength(key)}\r\n${key}`, '-w', 'POST /'];
}

async function holding(args) {
	const tool = new Killpoint(args);
	await tool.seized();
	return tool;
}

/** The worker, from its last look at an empty queue to the end of a job. */
export async function worker(sweep, point) {
	const work = await sweep.work();
	const tool = await sweep.begin(work, (pid) => holding(['-p', pid, ...strikeArgs(point), '-o', 'BRPOPLPUSH', ...watchArgs(work)]));
	if (process.env.SWEEP_TELL) console.log(`# ${sweep.name} ${pointText(point)}`);
	const struck = await sweep.strike(tool, work);
	if (struck?.event === 'killed' || tool.find('ended')) sweep.gone.add(sweep.taker);
	await sweep.settle(point, work, struck);
	return struck;
}

/** A job whose upload is not answered for now. */
async function inUpload(sweep, action, fault = {}) {
	const work = await sweep.work();
	await sweep.house.sandbox.fault('submit', { title: work.title }, action, fault);
	await sweep.idleWorker();
	await sweep.house.add(work);
	await sweep.house.inFlight('submit').catch(async ({ message }) => {
		throw new Error(`${sweep.name}: ${message}: ${JSON.stringify(await sweep.house.job(work))} ${await sweep.scene()}\n${sweep.house.said(undefined, 30)}`);
	});
	return work;
}

/** The dispatcher, from the moment it is told of a dead worker until that worker's job is done. */
async function dispatcherAtDeath(sweep, point) {
	const work = await inUpload(sweep, 'hang');
	const victim = await sweep.house.worker();
	const tool = new Killpoint(['-p', await sweep.dispatcher(), ...strikeArgs(point), '-O', '=l']);
	await tool.seized();
	process.kill(victim, 'SIGKILL');
	sweep.gone.add(sweep.taker);
	const struck = await sweep.strike(tool, work);
	await sweep.settle(point, work, struck);
	return struck;
}

/** The dispatcher, before and while a delayed job becomes due. */
async function dispatcherAtDelay(sweep, point) {
	const work = await sweep.work();
	const tool = new Killpoint(['-p', await sweep.dispatcher(), ...strikeArgs(point)]);
	await tool.seized();
	await sweep.house.add(work, { delay: 100 });
	const struck = await sweep.strike(tool, work);
	await sweep.settle(point, work, struck);
	return struck;
}

/** The dispatcher, while it compares PostgreSQL with the queue and finds a due row without a job. */
async function dispatcherAtSweep(sweep, point) {
	await sweep.idleWorker();
	const tool = new Killpoint(['-p', await sweep.dispatcher(), ...strikeArgs(point), '-O', 'publisher_overdue']);
	await tool.seized();
	const work = await sweep.work({ actual_publish_at: inTime('-10 seconds') });
	const struck = await sweep.strike(tool, work);
	await sweep.settle(point, work, struck);
	return struck;
}

/** The worker from the supervisor's order on, while it has a job in hand; then the pool ends, and another one follows. */
function stopping(signal, order, code) {
	return async (sweep, point) => {
		const { house } = sweep;
		if (house.publisher.end) await house.start();
		const work = await inUpload(sweep, 'hang', { effect: true });
		const { publisher } = house;
		const tool = new Killpoint(['-p', await house.worker(), ...strikeArgs(point), '-O', `=${order}`]);
		await tool.seized();
		publisher.kill(signal);
		await house.sandbox.post('release', {});
		const struck = await sweep.strike(tool, work, () => publisher.end);
		const end = await wait(() => publisher.end, 15000);
		const wrong = end?.code === code ? [] : [`the publisher's end: ${JSON.stringify(end)}`];
		if (!end) await publisher.stop('SIGKILL');
		await house.start();
		await sweep.settle(point, work, struck, wrong);
		return struck;
	};
}

/** The supervisor, when one of its workers has died with a job; its children are gone within 5 s, and its successor goes on. */
async function supervisor(sweep, point) {
	const { house } = sweep;
	const work = await inUpload(sweep, 'hang');
	const { publisher } = house;
	const children = house.children().map(({ pid }) => pid);
	const pid = await house.worker();
	const tool = new Killpoint(['-p', publisher.pid, ...strikeArgs(point)]);
	await tool.seized();
	// A timer of its own may have been its first call already: then its children are going.
	if (isAlive(pid)) process.kill(pid, 'SIGKILL');
	sweep.gone.add(sweep.taker);
	const struck = await sweep.strike(tool, work);
	const wrong = [];
	if (struck) {
		await publisher.ended;
		const since = Date.now();
		await house.start();
		if (!await wait(() => !children.some(isAlive), 5500)) wrong.push(`after ${Date.now() - since} ms there are children left`);
	}
	await sweep.settle(point, work, struck, wrong);
	return struck;
}

/** name: {play, settings, mode, cold}. What `sweep.sh` knows. */
export const sweeps = {
	...Object.fromEntries(Object.entries(modes).map(([name, mode]) => [name, { play: worker, mode }])),
	cold: { play: worker, cold: true },
	dispatcher_death: { play: dispatcherAtDeath },
	dispatcher_delay: { play: dispatcherAtDelay },
	dispatcher_sweep: { play: dispatcherAtSweep, settings: { PUBLISHER_RECONCILE_INTERVAL_MS: 200 } },
	drain: { play: stopping('SIGTERM', 'd', 0) },
	quit: { play: stopping('SIGQUIT', 's', 131) },
	supervisor: { play: supervisor },
};
