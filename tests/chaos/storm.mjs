// A storm: tracks of faults that run side by side over a crowd of posts, drawn from a seed; and the watch that sees what /ready said.
import { sleep } from '../integration/publish/stage.mjs';
import { firstClaim, firstRequest, mark } from './storm_house.mjs';

/** Numbers that come again with the seed (mulberry32). */
export class Dice {
	constructor(seed) {
		this.state = seed >>> 0;
	}

	next() {
		this.state = (this.state + 0x6d2b79f5) >>> 0;
		let t = this.state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return (t ^ (t >>> 14)) >>> 0;
	}

	below(n) {
		return this.next() % n;
	}

	/** For somebody whose draws must not change those of others. */
	fork() {
		return new Dice(this.next());
	}
}

export const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 2147483647);

/** What strikes, in order: by weight, but nothing twice before all others were drawn once. */
export function plan(faults, count, dice) {
	const drawn = [];
	let bag = [];
	while (drawn.length < count) {
		if (bag.length === 0) bag = faults.flatMap((fault) => Array(fault.weight ?? 1).fill(fault));
		drawn.push(...bag.splice(dice.below(bag.length), 1));
	}
	return drawn.map((fault) => ({ fault, dice: dice.fork(), pause: dice.below(100) / 100 }));
}

/** Plays the plan, one after the other, until it is over. `pause_ms`: at most so long between two. */
export async function playTrack(house, blows, pause_ms, over) {
	for (const { fault, dice, pause } of blows) {
		await sleep(pause * pause_ms);
		if (over()) return;
		const began = Date.now();
		try {
			await fault.play(house, dice);
		} catch (error) {
			house.complaints.push(`"${fault.name}": ${error.stack ?? error}`);
		}
		house.struck.push({ name: fault.name, covers: fault.covers, from: began - house.began, to: Date.now() - house.began });
	}
}

/** A house ready for tracks: what they tell is kept in it. */
export function prepare(house, lock_ms) {
	Object.assign(house, { outages: [], complaints: [], struck: [], resumed: [], lock_ms, began: Date.now(), measuring: [] });
	house.afterOutage = (outage) => {
		// The next fault may strike those whom it asks: then it is not measured, and that is all.
		house.measuring.push(measure(house, outage).catch(() => {}));
	};
}

/** How long after its end an outage was felt: I10. Only where there was work to begin with. */
async function measure(house, outage) {
	const [{ due }] = await house.psql.rows(`SELECT count(*)::int AS due FROM deviations WHERE status = 'scheduled' AND actual_publish_at <= now() AT TIME ZONE 'UTC'`);
	const seq = await mark(house);
	if (due < 5) return;
	for (const deadline = Date.now() + 60000; Date.now() < deadline; await sleep(50)) {
		const first = await (outage.who === 'redis' ? firstClaim(house, outage.to) : firstRequest(house, seq, outage.to)).catch(() => undefined);
		if (first === undefined) continue;
		house.resumed.push({ who: outage.who, ms: first - outage.to });
		return;
	}
	house.resumed.push({ who: outage.who, ms: Infinity });
}

/**
 * Asks /ready of every instance all the time until the function that this gives is called; that tells {lies, noticed, returned}: answers
 * that said "ready" though a server had been away for `patience_ms`, and how long it took to notice an outage and its end.
 */
export function watchReady(house, patience_ms) {
	const said = [];
	let stopped = false;
	const running = Promise.all(house.instances.map(async (instance) => {
		while (!stopped) {
			const { process, still } = instance;
			const at = Date.now();
			const { status } = still ? { status: 0 } : await instance.ask('/ready');
			if (!still && !instance.still && process === instance.process) said.push({ instance, process, at, to: Date.now(), status });
			await sleep(100);
		}
	}));
	return async () => {
		stopped = true;
		await running;
		const lies = [], noticed = [], returned = [];
		for (const { who, from, to } of house.outages) {
			const next = house.outages.filter((one) => one.from > from).map((one) => one.from);
			const until = Math.min(Infinity, ...next);
			for (const instance of house.instances) {
				const own = said.filter((one) => one.instance === instance);
				lies.push(...own.filter(({ at, to: answered, status }) => status === 200 && at > from + patience_ms && answered < to).map(({ at }) => `${who} away, and "ready" after ${at - from} ms`));
				// Its own life must have spanned the outage.
				const first = own.find(({ at, status }) => at >= from && at < to && status === 503);
				if (first && own.some(({ at, process, status }) => at < from && process === first.process && status === 200)) noticed.push(first.to - from);
				const well = own.find(({ at, status }) => at >= to && status === 200);
				if (well && first && well.process === first.process && well.at < until) returned.push(well.to - to);
			}
		}
		return { lies, noticed, returned };
	};
}

export function summary(times) {
	if (times.length === 0) return 'none measured';
	const sorted = [...times].sort((a, b) => a - b);
	return `median ${sorted[Math.floor((sorted.length - 1) / 2)]}, max ${sorted.at(-1)} ms of ${sorted.length}`;
}
