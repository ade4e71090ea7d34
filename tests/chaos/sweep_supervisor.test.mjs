// Every kind of system call of the supervisor fails once: while it has to start a worker in a dead one's place (it goes on, and so do the
// jobs), and while it starts up itself (it says what is wrong and leaves with a status, or works all the same).
//
//   SWEEP=full            every call; else one of each kind in each way it can fail
//   SWEEP_ONLY=fork,...   only these classes (syscalls.h); "start": only the start
//   SWEEP_POINT='7 EPIPE' this one alone
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { afterwards, directory, isAlive } from '../integration/publish/stage.mjs';
import { root } from '../integration/publish/servers.mjs';
import { chance } from './crowd.mjs';
import { beyond, spread } from './points.mjs';
import { Killpoint } from './killpoint.mjs';
import { Sweep, sweepHouse, wait } from './sweep.mjs';
import { strikeArgs } from './sweep_plays.mjs';

const full = process.env.SWEEP === 'full';
const only = process.env.SWEEP_ONLY?.split(',');
const program = process.env.PUBLISHER ?? `${root}/build/isekai-publisher`;
const below = chance();

const failures = {
	fork: ['EAGAIN', 'ENOMEM'],
	pipe: ['EMFILE', 'ENFILE', 'ENOMEM'],
	poll: ['EINTR'],
	read: ['EINTR', 'EAGAIN'], // others a pipe does not have; libevent takes them for its end
	write: ['EAGAIN', 'EPIPE', 'ENOSPC'],
	send: ['EAGAIN', 'ENOBUFS'],
	recv: ['EAGAIN', 'EINTR'],
	socket: ['EMFILE', 'ENOBUFS'],
	option: ['ENOBUFS'],
	open: ['EMFILE', 'ENFILE', 'EACCES', 'ENOENT'],
	fcntl: ['EPERM', 'EINTR'],
	memory: ['ENOMEM'],
	slow: ['EINTR'],
	other: ['ENOMEM', 'EPERM'],
};

/** The worker is killed, and the supervisor's n-th call fails. It lives, its pool is whole again, and a job goes out. */
async function running(sweep, { n, of, error }) {
	const { house } = sweep;
	const work = await sweep.work();
	const victim = await sweep.idleWorker();
	const supervisor = house.publisher.pid;
	const tool = new Killpoint(['-p', supervisor, ...strikeArgs({ n, of, error })]);
	await tool.seized();
	if (process.env.SWEEP_TELL) console.log(`# ${of} ${n} ${error}`);
	process.kill(victim, 'SIGKILL');
	sweep.gone.add(sweep.taker);
	await house.add(work);
	const struck = await sweep.strike(tool, work);
	const wrong = [];
	if (!await wait(() => house.children().length === 2, 40000)) wrong.push(`${house.children().length} children, not a worker and a dispatcher`);
	if (!isAlive(supervisor) || house.publisher.end) wrong.push(`the supervisor has gone: ${JSON.stringify(house.publisher.end)}`);
	await sweep.settle({ n, of, error }, work, struck && { ...struck, seen: [] }, wrong);
	return struck;
}

let starts = 0;

/** A publisher whose n-th call fails while it starts: it works, or says why not. */
async function starting(sweep, { n, of, error }) {
	const { house } = sweep;
	const log = path.join(directory, `start-${++starts}.log`);
	const tool = new Killpoint([...strikeArgs({ n, of, error }), '-O', 'coredump_filter', '-l', log, '-x', program], { env: house.environment() });
	const { pid } = await tool.seized();
	const said = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
	const works = await wait(async () => tool.find('ended') || (await sweep.turnTakers()).length > 0, 30000);
	const problems = [];
	if (!tool.find('ended')) {
		if (!works) problems.push('it neither works nor ends');
		process.kill(pid, 'SIGTERM');
		if (!await wait(() => tool.find('ended'), 15000)) problems.push('it does not end');
		else if (tool.find('ended').code !== 0) problems.push(`told to end it left with ${JSON.stringify(tool.find('ended'))}`);
	} else {
		const { code, signal } = tool.find('ended');
		if (signal !== 0 || code === 0) problems.push(`it left with ${JSON.stringify(tool.find('ended'))}`);
		if (said().trim() === '') problems.push('it said nothing');
	}
	const struck = tool.find('failed');
	// libevent's own pipe for signals: it holds a byte or two, and is never full or closed.
	if (struck?.on === 'pipe' && struck.data === '.' && struck.class === 'write') problems.length = 0;
	if (tool.find('ended')) await tool.over;
	else {
		process.kill(pid, 'SIGKILL');
		await tool.release();
	}
	if (struck) sweep.points++;
	else sweep.count(tool);
	if (problems.length > 0) {
		sweep.violations.push(`${sweep.name} ${of} ${n} ${error}: ${struck?.call} "${struck?.data}": ${problems.join('; ')}`);
		console.log(`# ${sweep.violations.at(-1)}\n# ${said().split('\n').slice(-8).join('\n# ')}`);
	}
	if (process.env.SWEEP_TELL) console.log(`# ${of} ${n} ${error}: ${struck?.call} "${struck?.data}": ${JSON.stringify(tool.find('ended'))} ${said().split('\n')[0].slice(0, 200)}`);
	return struck;
}

async function sweepClasses(sweep, play) {
	const [at, error] = (process.env.SWEEP_POINT ?? '').split(' ');
	if (!full && !at) await play(sweep, { n: beyond });
	const { calls = [] } = sweep;
	for (const [of, errors] of Object.entries(failures)) {
		if (only && !only.includes(of) && !only.every((name) => name === 'start' || name === 'running')) continue;
		if (at) await play(sweep, { n: at, of, error });
		else if (full) for (const one of errors) await everyOne(sweep, play, { of, error: one });
		else await some(sweep, play, { of, errors, count: calls.filter((call) => call.class === of).length });
	}
}

async function everyOne(sweep, play, how) {
	for (let n = 1; await play(sweep, { n, ...how }); n++);
}

/** One call a way to fail, spread over all of the class. */
async function some(sweep, play, { of, errors, count }) {
	const points = spread(count, errors.length, below);
	for (const [i, error] of errors.entries()) {
		// Of a start's these few decide whether anybody is heard, and are over soon.
		if (play === starting && of === 'pipe' && error === 'ENOMEM') await everyOne(sweep, play, { of, error });
		else if (count > 0) await play(sweep, { n: points[i % points.length], of, error });
	}
}

for (const [name, play, start] of [['running', running, true], ['start', starting, false]]) {
	if (only && !only.includes(name) && only.some((one) => one === 'start' || one === 'running')) continue;
	const played = (async () => {
		const sweep = new Sweep(`supervisor ${name}`, await sweepHouse({}, { start }));
		sweep.tearsLog = true;
		await sweepClasses(sweep, play);
		if (start) await sweep.close();
		sweep.report();
		assert.deepEqual(sweep.violations, []);
	})();
	played.catch(() => {});
	test(`${name}: any call of the supervisor fails, and it goes on or says why not`, { timeout: full ? 3600000 : 120000 }, () => played);
}

afterwards();
