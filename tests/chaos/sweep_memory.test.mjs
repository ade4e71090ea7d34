// The n-th allocation of a worker fails, counted from the moment it waits for a job: the post goes out exactly once, the turn may end
// early, nothing crashes. And a worker that gets none from some allocation on leaves its place, and the job goes out elsewhere.
//
//   SWEEP=full              every allocation, alone, with the twenty after it, and with all after it
//   SWEEP_ONLY=NAME,...     only these
//   SWEEP_POINT='117'       this one alone
import assert from 'node:assert/strict';
import test from 'node:test';

import { afterwards } from '../integration/publish/stage.mjs';
import { forGood } from '../integration/publish/starve.mjs';
import { chance } from './crowd.mjs';
import { beyond, countOf, playSpread, sharing } from './points.mjs';
import { Starving } from './starving.mjs';
import { modes } from './sweep.mjs';

const full = process.env.SWEEP === 'full';
const only = process.env.SWEEP_ONLY?.split(',');
const below = chance();
const few = 8;

const sweeps = {
	single: {},
	multiple: { mode: modes.multiple },
	token: { mode: modes.token },
	stash_only: { mode: modes.stash_only },
	unknown: { mode: modes.unknown },
	unknown_without: { mode: modes.unknown_without },
	resumed: { mode: modes.resumed },
	cold: { cold: true },
	in_a_row: { cold: true, burst: 20 },
	for_good: { mode: modes.multiple, burst: forGood },
	for_good_in_a_publish: { mode: modes.unknown, burst: forGood },
};

async function everyOne(sweep) {
	for (let n = 1; await sweep.point(n); n++);
}

async function some(sweep) {
	const count = await countOf(sweep, () => sweep.point(beyond));
	await playSpread(count, few, below, (n) => sweep.point(n));
	assert.ok(sweep.points >= few, `${sweep.name}: only ${sweep.points} of ${few} points were met`);
}

async function play(sweep) {
	if (process.env.SWEEP_POINT) console.log('#', JSON.stringify(await sweep.point(Number(process.env.SWEEP_POINT))));
	else await (full ? everyOne : some)(sweep);
	sweep.report();
}

/** Sweeps, one after the other in one house: {name: its violations}. What the house ends with is told by the last. */
async function playAll(names) {
	const found = {};
	let sweep = await Starving.open();
	for (const name of names) {
		sweep = sweep.follow(`starving ${name}`, sweeps[name]);
		found[name] = sweep.violations;
		await play(sweep);
	}
	await sweep.close();
	return found;
}

const names = Object.keys(sweeps).filter((name) => !only || only.includes(name));
for (const house of sharing(names, () => '', full ? 1 : 2)) {
	const played = playAll(house);
	played.catch(() => {});
	for (const name of house) {
		test(`${name}: any allocation fails, the post goes out once and nothing crashes`, { timeout: full ? 3600000 : 120000 }, async () => assert.deepEqual((await played)[name], []));
	}
}

afterwards();
