// Which of a process' calls (or allocations) the bounded part of a sweep strikes at.

/** A point that no process comes to: a play of it only counts. */
export const beyond = 1000000;

/** `few` of the numbers 1 to `count`, one out of each of as many equal parts; which one of a part is chance. All, where there are no more. */
export function spread(count, few, below) {
	const parts = Math.min(few, count);
	return Array.from({ length: parts }, (_, i) => {
		const [from, to] = [i, i + 1].map((edge) => Math.floor(edge * count / parts));
		return 1 + from + below(to - from);
	});
}

/**
 * Plays `few` points, spread over `count`. Where the process gets through with fewer calls than it was counted to make, it is played again
 * at an earlier one.
 */
export async function playSpread(count, few, below, play) {
	for (const [i, first] of spread(count, few, below).entries()) {
		let n = first;
		while (!await play(n, i) && n > 1) n = 1 + below(n - 1);
	}
}

/** How many there are. The first play makes the process warm: only from then on it does what it does at the points as well. */
export async function countOf(sweep, play) {
	await play();
	await play();
	return sweep.counted;
}

/**
 * Sweeps that share a house, where they may: no more than `most`, one after the other. Houses are played side by side; each costs as much
 * as several points.
 */
export function sharing(names, kindOf, most) {
	const houses = [];
	for (const name of names) {
		const kind = kindOf(name);
		const shared = houses.find((house) => house.kind === kind && house.names.length < most);
		if (shared) shared.names.push(name);
		else houses.push({ kind, names: [name] });
	}
	return houses.map((house) => house.names);
}

/** The calls of the longest stretch between two that begin the count anew: those of the job, not of what comes before or after it. */
export function busiest(events) {
	const stretches = [[]];
	for (const call of events.filter(({ event }) => event === 'call')) {
		if (call.n === 1) stretches.push([]);
		stretches.at(-1).push(call);
	}
	return stretches.sort((a, b) => b.length - a.length)[0];
}
