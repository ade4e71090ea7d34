// How many scenarios of a file play at the same time: as many as the machine bears. A scenario mostly waits, but it begins with a
// dozen processes, and on a machine that is crowded already everybody's clock would be looked at too late.
import { readFileSync } from 'node:fs';

const sampleMs = 250;
/** Where this process waits for a processor for more of a time than so, another scenario would only make it worse. */
const crowded = 0.3;

let most = 24;
let playing = 0;
let ushering = false;
const waiting = [];

/** At most so many scenarios of this file at the same time, where each takes much of the machine. */
export function atOnce(count) {
	most = Math.min(most, count);
}

/** Plays it as soon as there is room, and gives what it gives. Whoever asks first is first. */
export function inTurn(play) {
	return new Promise((done, fail) => {
		waiting.push(() => {
			playing++;
			play().then(done, fail).finally(() => { playing--; });
		});
		usher();
	});
}

async function usher() {
	if (ushering) return;
	ushering = true;
	while (waiting.length > 0) {
		if (playing === 0 || (playing < most && await shareWaited() < crowded)) waiting.shift()();
		else if (playing >= most) await pause();
	}
	ushering = false;
}

const pause = () => new Promise((done) => setTimeout(done, sampleMs));

/** For how much of a sample's time this process could have run and had no processor, 0 to 1. */
async function shareWaited() {
	const [began, before] = [performance.now(), waitedMs()];
	await pause();
	return (waitedMs() - before) / (performance.now() - began);
}

/** For how long this process' main thread has waited for a processor (the second of proc(5)'s schedstat, ns). */
function waitedMs() {
	try {
		return Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e6;
	} catch {
		return 0; // a kernel that does not count it
	}
}
