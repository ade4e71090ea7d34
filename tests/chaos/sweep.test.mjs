// Processes killed at their 1st, 2nd, 3rd ... system call, one job a call: each post goes out exactly once, whatever the call.
//
//   SWEEP=full            every point, before and after each call, and somewhere between it and the next
//   SWEEP_ONLY=NAME,...   only these sweeps (sweep_plays.mjs)
//   SWEEP_POINT='117 before'   this point alone; `after`, or `later 300`: so many instructions after it
import assert from 'node:assert/strict';
import test from 'node:test';

import { afterwards } from '../integration/publish/stage.mjs';
import { chance } from './crowd.mjs';
import { openSweep, sweeps } from './sweep_plays.mjs';

const full = process.env.SWEEP === 'full';
const only = process.env.SWEEP_ONLY?.split(',');
const below = chance();

/** Points of each sweep in the bounded part. */
const few = 10;
const sides = ['before', 'after', 'later'];

function point(n, side) {
	return { n, side, steps: side === 'later' ? 1 + below(3000) : 0 };
}

/** Every n-th point, so that a few are spread over all calls; where they begin is chance. */
async function sample(sweep, play) {
	await play(sweep, point(1000000, 'before'));
	const step = Math.max(1, Math.floor(sweep.counted / few));
	for (let n = 1 + below(step), i = below(3); n <= sweep.counted; n += step, i++) await play(sweep, point(n, sides[i % 3]));
}

async function everyPoint(sweep, play) {
	for (const side of sides) for (let n = 1; await play(sweep, point(n, side)); n++);
}

async function play(name) {
	const sweep = await openSweep(name);
	const [n, side, steps] = (process.env.SWEEP_POINT ?? '').split(' ');
	if (n) console.log('#', JSON.stringify(await sweeps[name].play(sweep, { n, side: side ?? 'before', steps })));
	else await (full ? everyPoint : sample)(sweep, sweeps[name].play);
	await sweep.close();
	sweep.report();
	assert.deepEqual(sweep.violations, []);
}

for (const name of Object.keys(sweeps)) {
	if (only && !only.includes(name)) continue;
	const played = play(name);
	played.catch(() => {});
	test(`${name}: killed at any system call, the post goes out once`, { timeout: full ? 3600000 : 120000 }, () => played);
}

afterwards();
