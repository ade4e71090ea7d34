// Every kind of system call of a worker fails once, at its 1st, 2nd, 3rd ... time, in every way that it really can: the post goes out
// exactly once, no attempt is burned unless DeviantArt was asked something, and nothing crashes.
//
//   SWEEP=full              every call; else some of each kind
//   SWEEP_ONLY=send,recv    only these classes (syscalls.h)
//   SWEEP_POINT='7 EPIPE'   this one alone
import assert from 'node:assert/strict';
import test from 'node:test';

import { afterwards } from '../integration/publish/stage.mjs';
import { chance } from './crowd.mjs';
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
	memory: { errors: ['ENOMEM'] },
	write: { errors: ['EPIPE', 'EAGAIN', 'EINTR', 'ENOSPC', 'EIO', 'SHORT'] },
	read: { errors: ['EIO', 'EINTR', 'EAGAIN'] },
	pipe: { errors: ['EMFILE', 'ENOMEM'] },
	other: { errors: ['ENOMEM', 'EINTR'] },
	warm_send: { of: 'send', warm: true, mode: modes.multiple, errors: ['ECONNRESET', 'EPIPE', 'SHORT', 'EAGAIN'] },
	warm_recv: { of: 'recv', warm: true, mode: modes.multiple, errors: ['ECONNRESET', 'EOF', 'SHORT', 'EAGAIN'] },
	unknown_recv: { of: 'recv', mode: modes.unknown, errors: ['ECONNRESET', 'SHORT'] },
	unknown_send: { of: 'send', mode: modes.unknown_without, errors: ['ECONNRESET', 'SHORT'] },
	token_send: { of: 'send', mode: modes.token, errors: ['ECONNRESET', 'SHORT'] },
	token_recv: { of: 'recv', mode: modes.token, errors: ['ECONNRESET', 'EOF', 'SHORT'] },
	token_poll: { of: 'poll', mode: modes.token, errors: ['ENOMEM'] },
};

/** One call a way to fail. */
async function someOf(sweep, of, errors) {
	for (const error of errors) {
		await worker(sweep, { n: 1000000, of, error });
		const calls = sweep.counted;
		if (calls > 0) await worker(sweep, { n: 1 + below(calls), of, error });
	}
}

async function allOf(sweep, of, errors) {
	for (const error of errors) for (let n = 1; await worker(sweep, { n, of, error }); n++);
}

async function play(name) {
	const { mode, errors, warm, of = name } = failures[name];
	const sweep = new Sweep(`failing ${name}`, await sweepHouse(), { mode, cold: !warm });
	sweep.tearsLog = name === 'write'; // a line whose write fails half way
	const [n, error] = (process.env.SWEEP_POINT ?? '').split(' ');
	if (n) console.log('#', JSON.stringify(await worker(sweep, { n, of, error })));
	else await (full ? allOf : someOf)(sweep, of, errors);
	await sweep.close();
	sweep.report();
	assert.deepEqual(sweep.violations, []);
}

for (const name of Object.keys(failures)) {
	if (only && !only.includes(name)) continue;
	const played = play(name);
	played.catch(() => {});
	test(`${name} fails at any time: the post goes out once, and nothing crashes`, { timeout: full ? 3600000 : 120000 }, () => played);
}

afterwards();
