// The worker is killed at every system call of a job, one job a call: each post goes out exactly once, whatever the call.
import assert from 'node:assert/strict';

import { afterwards } from '../integration/publish/stage.mjs';
import { Sweep, modes, sweepHouse } from './sweep.mjs';
import { chance } from './crowd.mjs';
import test from 'node:test';

const full = process.env.SWEEP === 'full';
const only = process.env.SWEEP_MODE;
const below = chance();

for (const [name, mode] of Object.entries(modes)) {
	if (only && only !== name) continue;
	const play = async () => {
		const sweep = new Sweep(name, await sweepHouse(), mode);
		if (process.env.SWEEP_POINT) {
			const [n, side = 'before', steps = 0] = process.env.SWEEP_POINT.split(' ');
			console.log('#', await sweep.killWorker({ n: Number(n), side, steps: Number(steps) }));
		} else {
			for (const side of ['before', 'after']) {
				for (let n = 1; await sweep.killWorker({ n, side }); n++);
			}
		}
		await sweep.close();
		sweep.report();
		assert.deepEqual(sweep.violations, []);
	};
	const played = play();
	played.catch(() => {});
	test(`${name}: killed at any system call, the post goes out once`, { timeout: 3600000 }, () => played);
}

afterwards();
