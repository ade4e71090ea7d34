/**
 * How often a worker waits for a server, a post: counted in its own system calls, where one job follows another. A round trip is an answer
 * that is read after something was sent on the same connection; what is sent without waiting has its answer read with the next.
 */
import assert from 'node:assert/strict';
import test from 'node:test';

import { afterwards, build } from '../integration/publish/stage.mjs';
import { Killpoint } from '../chaos/killpoint.mjs';

/** Whom a connection leads to, by the first that is sent on it: RESP, HTTP, or PostgreSQL's messages. */
function peerOf(data) {
	if (/^\*\d+\.\./.test(data)) return 'redis';
	return /^(GET|POST|HEAD) /.test(data) ? 'http' : 'postgres';
}

/** The calls as waits: {peer, asked}, in order. */
function waitsOf(calls) {
	const connections = new Map();
	const waits = [];
	for (const { call, class: kind, fd, result, data } of calls) {
		if (call === 'close') connections.delete(fd);
		if (kind === 'send' && result > 0) {
			const peer = connections.get(fd)?.peer ?? peerOf(data);
			const asked = connections.get(fd)?.asked;
			connections.set(fd, { peer, asked: peer === 'http' && asked ? asked : data });
		} else if (kind === 'recv' && result > 0 && connections.get(fd)?.asked) {
			const { peer, asked } = connections.get(fd);
			waits.push({ peer, asked });
			connections.set(fd, { peer });
		}
	}
	return waits;
}

/** The waits of each job: from one finish-and-claim to the next. */
function jobsOf(waits) {
	const jobs = [];
	let job;
	for (const wait of waits) {
		const begins = wait.peer === 'postgres' && wait.asked.includes('publisher_begin');
		if (begins) jobs.push(job = []);
		job?.push(wait);
	}
	return jobs;
}

async function watched(settings, row) {
	const house = await build({ settings: { PUBLISHER_CONCURRENCY: 1, ...settings } });
	const works = [];
	for (let i = 0; i < 8; i++) works.push(await house.deviation(await house.artist(), row));
	await house.add(works[0]);
	await house.published(works[0]);
	const tool = new Killpoint(['-p', await house.worker(), '-k', 1000000, '-T']);
	await tool.seized();
	await house.addTogether(works.slice(1));
	for (const work of works.slice(1)) await house.published(work);
	await tool.release();
	// The last one finds nothing to claim, and looks again.
	return jobsOf(waitsOf(tool.events.filter(({ event }) => event === 'call'))).slice(0, -1);
}

function count(job, peer) {
	return job.filter((wait) => wait.peer === peer).length;
}

for (const [name, settings, most] of [
	['with limiter and breaker', { RATE_LIMITER_ENABLED: 'true', RATE_LIMITER_BASE_DELAY_MS: 1, CIRCUIT_BREAKER_ENABLED: 'true' }, 2],
	['without', { RATE_LIMITER_ENABLED: 'false', CIRCUIT_BREAKER_ENABLED: 'false' }, 2],
]) {
	test(`a post waits ${most} times for Redis, 4 times for PostgreSQL, once for the storage and twice for DeviantArt, ${name}`, { timeout: 60000 }, async () => {
		const jobs = await watched(settings);
		assert.equal(jobs.length, 6);
		for (const job of jobs) {
			const told = job.map(({ peer, asked }) => `${peer}: ${asked}`).join('\n');
			assert.equal(count(job, 'redis'), most, told);
			assert.equal(count(job, 'postgres'), 4, told);
			assert.equal(count(job, 'http'), 3, told);
		}
	});
}

afterwards();
