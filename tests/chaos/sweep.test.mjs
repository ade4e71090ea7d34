// Processes killed at their 1st, 2nd, 3rd ... system call, one job a call: each post goes out exactly once, whatever the call.
//
//   SWEEP=full            every point, before and after each call, and somewhere between it and the next
//   SWEEP_ONLY=NAME,...   only these sweeps (sweep_plays.mjs)
//   SWEEP_POINT='117 before'   this point alone; `after`, or `later 300`: so many instructions after it
import assert from 'node:assert/strict';
import test from 'node:test';

import { afterwards } from '../integration/publish/stage.mjs';
import { chance } from './crowd.mjs';
import { beyond, countOf, playSpread, sharing } from './points.mjs';
import { Sweep, sweepHouse } from './sweep.mjs';
import { sweeps } from './sweep_plays.mjs';

const full = process.env.SWEEP === 'full';
const only = process.env.SWEEP_ONLY?.split(',');
const below = chance();

/** Points of each sweep in the bounded part. */
const few = 9;
const sides = ['before', 'after', 'later'];

function point(n, side) {
	return { n, side, steps: side === 'later' ? 1 + below(3000) : 0 };
}

/** A few points, spread over all calls; on which side of a call is each one's turn, where the turns begin is chance. */
async function sample(sweep, play) {
	const count = await countOf(sweep, () => play(sweep, point(beyond, 'before')));
	const turn = below(sides.length);
	await playSpread(count, few, below, (n, i) => play(sweep, point(n, sides[(turn + i) % sides.length])));
	assert.ok(sweep.points >= few - 1, `${sweep.name}: only ${sweep.points} of ${few} points were met`);
}

async function everyPoint(sweep, play) {
	for (const side of sides) for (let n = 1; await play(sweep, point(n, side)); n++);
}

async function play(sweep) {
	const { play: one } = sweeps[sweep.name];
	const [n, side, steps] = (process.env.SWEEP_POINT ?? '').split(' ');
	if (n) console.log('#', JSON.stringify(await one(sweep, { n, side: side ?? 'before', steps })));
	else await (full ? everyPoint : sample)(sweep, one);
	sweep.report();
}

/** Sweeps, one after the other in one house: {name: its violations}. What the house ends with is told by the last. */
async function playAll(names) {
	const found = {};
	const house = await sweepHouse(sweeps[names[0]].settings);
	let sweep = new Sweep('', house);
	for (const name of names) {
		sweep = sweep.follow(name, sweeps[name]);
		found[name] = sweep.violations;
		await play(sweep);
	}
	await sweep.close();
	return found;
}

const kindOf = (name) => JSON.stringify(sweeps[name].settings);
const names = Object.keys(sweeps).filter((name) => !only || only.includes(name));
for (const house of sharing(names, kindOf, full ? 1 : 2)) {
	const played = playAll(house);
	played.catch(() => {});
	for (const name of house) {
		test(`${name}: killed at any system call, the post goes out once`, { timeout: full ? 3600000 : 120000 }, async () => assert.deepEqual((await played)[name], []));
	}
}

afterwards();
