/**
 * What Redis and the wire allow: redis-benchmark sends the publisher's own finish-and-claim script, as often as there are jobs, and does
 * nothing else. The script and its arguments are what build/queue-bench itself was heard to send; only the job that is to be finished,
 * which differs from call to call, is looked up in Redis, whichever claim it is.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import net from 'node:net';
import { promisify } from 'node:util';

import { until } from '../integration/publish/servers.mjs';
import { queueName, queueSides } from './stand.mjs';

const run = promisify(execFile);
const escapes = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b', '"': '"', '\\': '\\' };

/** The words of a line of MONITOR. */
function words(line) {
	const quoted = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text);
	return quoted.map((text) => text.replace(/\\(x([0-9a-f]{2})|.)/g, (_, one, hex) => (hex ? String.fromCharCode(parseInt(hex, 16)) : escapes[one] ?? one)));
}

/** Every command that Redis gets while `play` runs, as words. */
async function overhear(stand, play) {
	const commands = [];
	let text = '';
	const socket = net.connect(stand.redisServer.socket);
	socket.setEncoding('latin1');
	socket.on('data', (data) => {
		const lines = (text + data).split('\r\n');
		text = lines.pop();
		commands.push(...lines.map(words));
	});
	socket.write('MONITOR\r\n');
	await play();
	socket.destroy();
	return commands;
}

const digest = (text) => createHash('sha1').update(text, 'latin1').digest('hex');

/** The claim and the finish-and-claim of one job, as words of an EVALSHA, and the text of the latter. */
async function ownCommands(stand, fill) {
	await stand.redis.run('SCRIPT', 'FLUSH'); // a script is sent whole where Redis does not know it
	const commands = await overhear(stand, async () => {
		const queue = await fill(1);
		const one = await stand.start(queueSides.publisher, { PUBLISHER_CONCURRENCY: 1 });
		await queue.resume();
		await until('the job is done', async () => await stand.redis.run('ZCARD', `bull:${queueName}:completed`) === 1, 10000, 5);
		await one.stop();
		await queue.close();
	});
	const texts = new Map(commands.filter(([name]) => name === 'EVAL').map(([, text]) => [digest(text), text]));
	const calls = commands.filter(([name]) => name === 'EVALSHA');
	const finish = calls.find((call) => call[8] === 'completed');
	const claim = finish && calls.find((call) => call[4] === finish[5]);
	if (!claim || !texts.has(finish[1])) throw new Error('what the publisher sends is not what it was: tests/bench/floor.mjs has to learn of it');
	return { claim, finish, text: texts.get(finish[1]) };
}

/** Calls a second, and µs of Redis' processor time a call. fill(jobs): a paused queue with so many. */
export async function floor(stand, { jobs, concurrency, fill }) {
	const { claim, finish, text } = await ownCommands(stand, fill);
	const changes = [['id, token, target = ARGV[1],', `id, token, target = redis.call("LINDEX", "bull:${queueName}:active", 0),`], ['ARGV[3], ARGV[4],', 'nil, nil,']];
	const patched = changes.reduce((so, [from, to]) => so.replace(from, to), text);
	if (changes.some(([from]) => !text.includes(from))) throw new Error('the script is not what it was: tests/bench/floor.mjs has to learn of it');
	const queue = await fill(jobs);
	await queue.resume();
	await queue.close();
	for (let i = 0; i < concurrency; i++) await stand.redis.run(...claim);
	const sha = await stand.redis.run('SCRIPT', 'LOAD', patched);
	const before = stand.redisCpuUs();
	const { stdout } = await run('redis-benchmark', ['-h', '127.0.0.1', '-p', stand.redisServer.port, '-c', concurrency, '-n', jobs, '--csv', 'EVALSHA', sha, ...finish.slice(2)].map(String));
	const redisCpuUs = (stand.redisCpuUs() - before) / jobs;
	const done = await stand.redis.run('ZCARD', `bull:${queueName}:completed`);
	if (done !== jobs) throw new Error(`${done} of ${jobs} jobs are done`);
	const perS = Number(/^".*?","([\d.]+)"/m.exec(stdout.trim().split('\n').at(-1))[1]);
	return { jobsPerS: perS, redisCpuUs };
}
