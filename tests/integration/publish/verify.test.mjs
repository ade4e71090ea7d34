// The audit from outside, `isekai-publisher verify`: silent about a house in order, and exact about each thing that is not.
import assert from 'node:assert/strict';

import { afterwards, build, inTime, scenario, sleep, until } from './stage.mjs';

scenario('a house after real publishing, retries and a reconciled unknown is clean', async () => {
	const house = await build();
	const artist = await house.artist();
	const works = [
		await house.deviation(artist),
		await house.deviation(artist, { files: [{}, {}, {}] }),
		await house.deviation(artist, { stash_only: true }),
		await house.deviation(artist, { title: 'fails once' }),
		await house.deviation(artist, { title: 'unknown' }),
		await house.deviation(artist, { status: 'publishing', actual_publish_at: inTime('1 hour') }),
	];
	await house.sandbox.fault('submit', { title: 'fails once' }, 'status', { status: 500, count: 1 });
	await house.sandbox.fault('publish', { title: 'unknown' }, 'reset_after', { count: 1 });
	for (const work of works) await house.add(work);
	for (const work of works) await house.published(work, 40000);
	const { code, output, errors } = await house.command(['verify', '--ledger', house.sandbox.url]);
	assert.equal(errors, '');
	assert.equal(code, 0, output);
	console.log(output);
});

afterwards();
