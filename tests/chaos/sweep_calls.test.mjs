// Every kind of system call of a worker fails once, at its 1st, 2nd, 3rd ... time, in every way that it really can: the post goes out
// exactly once, no attempt is burned unless DeviantArt was asked something, and nothing crashes.
//
//   SWEEP=full              every call in every way; else a few of each kind, the ways in turn
//   SWEEP_ONLY=send,recv    only these classes (syscalls.h)
//   SWEEP_POINT='7 EPIPE'   this one alone
import assert from 'node:assert/strict';
import test from 'node:test';

import { afterwards, sanitized } from '../integration/publish/stage.mjs';
import { chance } from './crowd.mjs';
import { beyond, countOf, playSpread, sharing } from './points.mjs';
import { Sweep, modes, sweepHouse } from './sweep.mjs';
import { worker } from './sweep_plays.mjs';

const full = process.env.SWEEP === 'full';
const only = process.env.SWEEP_ONLY?.split(',');
const below = chance();

/** A class of calls (`of`; else the name), in which kind of job they fail [single], and how. warm: of a worker that has connected already. */
const failures = {
	send: { errors: ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAGAIN', 'EINTR', 'SHORT', 'ENOBUFS'] },
	recv: { errors: ['ECONNRESET', 'EOF', 'ETIMEDOUT', 'EAGAIN', 'EINTR', 'SHORT'] },
	poll: { errors: ['EINTR', 'ENOMEM'] },
	connect: { errors: ['ECONNREFUSED', 'ETIMEDOUT', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EAGAIN', 'ENOENT'] },
	socket: { errors: ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EACCES'] },
	option: { errors: ['ENOBUFS', 'ENOMEM', 'EPERM'] },
	fcntl: { errors: ['EINTR', 'ENOMEM'] },
	open: { errors: ['EMFILE', 'ENFILE', 'ENOENT', 'ENOMEM'] },
	// A sanitizer ends a program whose memory is refused.
	...sanitized ? {} : { memory: { errors: ['ENOMEM'] } },
	write: { errors: ['EPIPE', 'EAGAIN', 'EINTR', 'ENOSPC', 'EIO', 'SHORT'] },
	read: { errors: ['EIO', 'EINTR', 'EAGAIN'] },
	pipe: { errors: ['EMFILE', 'ENOMEM'] },
	slow: { errors: ['EINTR'] },
	other: { errors: ['ENOMEM'] },
	warm_send: { of: 'send', warm: true, mode: modes.multiple, errors: ['ECONNRESET', 'EPIPE', 'SHORT', 'EAGAIN'] },
	warm_recv: { of: 'recv', warm: true, mode: modes.multiple, errors: ['ECONNRESET', 'EOF', 'SHORT', 'EAGAIN'] },
	unknown_recv: { of: 'recv', mode: modes.unknown, errors: ['ECONNRESET', 'SHORT'] },
	unknown_send: { of: 'send', mode: modes.unknown_without, errors: ['ECONNRESET', 'SHORT'] },
	token_send: { of: 'send', mode: modes.token, errors: ['ECONNRESET', 'SHORT'] },
	token_recv: { of: 'recv', mode: modes.token, errors: ['ECONNRESET', 'EOF', 'SHORT'] },
	token_poll: { of: 'poll', mode: modes.token, errors: ['ENOMEM'] },
};

/** Points of each kind in the bounded part: each way to fail once, and no fewer than these. */
const few = 4;

/** A few calls, spread over all, the ways to fail in turn. */
async function someOf(sweep, of, errors) {
	const count = sweep.calls.filter((call) => call.class === of).length;
	const turn = below(errors.length);
	await playSpread(count, Math.max(few, errors.length), below, (n, i) => worker(sweep, { n, of, error: errors[(turn + i) % errors.length] }));
}

async function allOf(sweep, of, errors) {
	for (const error of errors) for (let n = 1; await worker(sweep, { n, of, error }); n++);
}

async function play(sweep, of, errors) {
	const [n, error] = (process.env.SWEEP_POINT ?? '').split(' ');
	if (n) console.log('#', JSON.stringify(await worker(sweep, { n, of, error })));
	else await (full ? allOf : someOf)(sweep, of, errors);
	sweep.report();
}

/** Kinds of failures, one after the other in one house: {name: its violations}. What the house ends with is told by the last. */
async function playAll(names) {
	const { mode, warm } = failures[names[0]];
	const found = {};
	let sweep = new Sweep('counting', await sweepHouse(), { mode, cold: !warm });
	sweep.tearsLog = names.includes('write'); // a line whose write fails half way
	if (!full && !process.env.SWEEP_POINT) await countOf(sweep, () => worker(sweep, { n: beyond }));
	for (const name of names) {
		const { errors, of = name } = failures[name];
		const before = sweep.violations;
		sweep = sweep.follow(`failing ${name}`, sweep);
		if (name === names[0]) sweep.violations.push(...before);
		found[name] = sweep.violations;
		await play(sweep, of, errors);
	}
	await sweep.close();
	return found;
}

/** Kinds that fail in the same kind of job. */
const kindOf = (name) => JSON.stringify([failures[name].mode, failures[name].warm, name === 'write']);

for (const names of sharing(Object.keys(failures).filter((name) => !only || only.includes(name)), kindOf, full ? 1 : 4)) {
	const played = playAll(names);
	played.catch(() => {});
	for (const name of names) {
		test(`${name} fails at any time: the post goes out once, and nothing crashes`, { timeout: full ? 3600000 : 120000 }, async () => assert.deepEqual((await played)[name], []));
	}
}

afterwards();
