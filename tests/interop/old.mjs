// What BullMQ 5.35.0 does otherwise than its successors and we (protocol page, section 18). Each history of it differs in exactly
// the ways that are written here; everything else must be equal.
import assert from 'node:assert/strict';

import { WORKER } from './sides.mjs';

/** difference -> what it is; each mends what Node left and tells whether there was anything to mend. */
const differences = {
	// No `prev` in completed and failed (before 5.44.3).
	prev: (node) => every(node.events, (one) => /^(completed|failed)$/.test(one.event) && one.prev === undefined && (one.prev = 'active')),
	// A retry at once comes "from failed" (before 5.58.6).
	from: (node, ours) => every(node.events, (one, i) => one.event === 'waiting' && one.prev === 'failed' && ours.events[i]?.prev === 'active' && (one.prev = 'active')),
	// A job that is put back comes from nowhere (before 5.55).
	back: (node, ours) => every(node.events, (one, i) => one.event === 'waiting' && !one.prev && ours.events[i]?.prev === 'active' && (one.prev = 'active')),
	// Who finishes a job and claims the next does not leave its name on it.
	name: (node) => every(jobs(node), ([, job]) => job.processedOn && !job.pb && (job.pb = WORKER)),
	// Stalls are counted in another field (before 5.49).
	stalls: (node) => every(jobs(node), ([, job]) => {
		if (!job.stalledCounter) return false;
		job.stc = job.stalledCounter;
		return delete job.stalledCounter;
	}),
	// A retry at once forgets the error (before 5.39.1).
	error: (node, ours) => every(jobs(node), ([id, job]) => {
		const entries = (text) => JSON.parse(text ?? '[]');
		const ourEntries = entries(ours[id]?.stacktrace), theirs = entries(job.stacktrace);
		if (job.failedReason === ours[id]?.failedReason && ourEntries.length === theirs.length) return false;
		assert.deepEqual(theirs, theirs.length ? ourEntries.slice(-theirs.length) : []);
		Object.assign(job, { failedReason: ours[id].failedReason, stacktrace: ours[id].stacktrace });
		return true;
	}),
	// A child that fails its parent stays among what the parent waits for.
	kept: (node, ours) => Object.keys(node).filter((key) => key.endsWith(':dependencies')).map((key) => {
		const more = node[key].filter((child) => !ours[key]?.includes(child));
		node[key] = node[key].filter((child) => !more.includes(child));
		if (node[key].length === 0) delete node[key];
		return more.length > 0;
	}).some(Boolean),
	// After a delayed retry no next job is looked for (before 5.73.3): nobody finds `prioritized` empty.
	next: (node, ours) => Boolean(node.pc && !ours.pc && delete node.pc),
};

/** Which of them a history shows; one that is not here shows none. */
const known = new Map(Object.entries({
	prev: ['one job completed', 'completed without looking for the next', 'completed while a delayed job waits',
		'failed for good at the first attempt', 'own rate limit', 'removed with all its keys'],
	next: ['retry with a delay'],
	back: ['put back, by class'],
	stalls: ['stalled', 'stalled too often'],
	'prev name stalls': ['stalled, before and behind others', 'stalled in a pause'],
	'prev from error': ['retry at once until attempts are exhausted', 'retry at once of standard jobs, one lifo'],
	'prev from name error': ['stack trace limit'],
	'prev name kept': ['the parent fails with its child'],
	'prev kept': ['the parent of the parent fails too'],
	'prev back name': ['paused'],
	'prev from back error': ['who is heard of is suspected no more'],
	'from error': ['retried at once while paused', 'the lowest priority, back in its class'],
	'prev name': ['finish and claim, prioritized, nothing returned', 'delayed jobs become due', 'progress and logs',
		'removed when done', 'only so many are kept', 'only so old ones are kept', 'failures are kept by number and by age', 'metrics', 'queue-wide concurrency',
		'deduplication key released', 'children complete, the parent follows', 'a delayed parent follows later',
		'a child without a flag fails', 'the parent that is not kept fails with its child', 'no attempts given', 'trimmed with all their keys', 'marks of BullMQ 4 are no jobs', 'no length of the event stream', 'a child fails and is removed', 'the child is ignored',
		'the child is taken out', 'a failed child is trimmed away'],
}).flatMap(([found, histories]) => histories.map((history) => [history, found])));

function every(list, mend) {
	return (list ?? []).map(mend).some(Boolean);
}

function jobs(dump) {
	return Object.entries(dump).filter(([, value]) => value?.opts && value.timestamp);
}

/** The same for the events alone, by whoever hears them. */
export function levelEvents(node, ours) {
	for (const name of ['prev', 'from', 'back']) differences[name]({ events: node }, { events: ours });
}

export function level(history, node, ours) {
	const found = Object.entries(differences).filter(([, mend]) => mend(node, ours)).map(([name]) => name);
	assert.equal(found.join(' '), known.get(history) ?? '', 'the differences of 5.35');
}
