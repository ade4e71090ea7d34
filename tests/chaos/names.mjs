// A name server of our own on a loopback address, and a publisher that knows no other: its mount name space has its own resolv.conf.
import { execFileSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { Process, directory, root } from '../integration/publish/servers.mjs';

const address = '127.0.0.77';
const codes = { good: 0, servfail: 2, nxdomain: 3 };

/** Whether there may be such name spaces, and port 53 (a name server has no other): for root, as a rule. */
export function mayName() {
	try {
		execFileSync('unshare', ['-m', 'sh', '-c', 'mount --bind /etc/hosts /etc/hosts'], { stdio: 'ignore' });
		return process.getuid() === 0;
	} catch {
		return false;
	}
}

/** Says 127.0.0.1 to every question, or what `says` is: 'good', 'nxdomain', 'servfail', 'nothing'. */
export class NameServer {
	constructor() {
		this.says = 'good';
		this.asked = 0;
	}

	async listen() {
		this.socket = dgram.createSocket('udp4');
		this.socket.on('message', (question, { port, address: from }) => {
			this.asked++;
			if (this.says !== 'nothing') this.socket.send(this.answer(question), port, from);
		});
		this.socket.bind(53, address);
		await once(this.socket, 'listening');
		return this;
	}

	/** RFC 1035: the header, the question again, and one A record; none for other types (IPv6). */
	answer(question) {
		let end = 12;
		while (question[end] !== 0) end += question[end] + 1;
		end += 5;
		const isA = question.readUInt16BE(end - 4) === 1;
		const good = this.says === 'good' && isA;
		const head = Buffer.from(question.subarray(0, 12));
		head.writeUInt16BE(0x8180 | codes[this.says], 2);
		head.writeUInt16BE(1, 4);
		head.writeUInt16BE(good ? 1 : 0, 6);
		head.writeUInt32BE(0, 8);
		// A pointer to the name in the question; type A, class IN, no life at all, four bytes.
		const record = Buffer.from('c00c00010001000000000004' + '7f000001', 'hex');
		return Buffer.concat([head, question.subarray(12, end), ...good ? [record] : []]);
	}

	close() {
		this.socket.close();
	}
}

/** A publisher of the house that asks our name server; its process is the supervisor itself. */
export function startNamed(house, more) {
	const resolv = path.join(directory, 'resolv.conf'), nsswitch = path.join(directory, 'nsswitch.conf');
	// The resolver's own patience: two tries of a second.
	writeFileSync(resolv, `nameserver ${address}\noptions timeout:1 attempts:2\n`);
	writeFileSync(nsswitch, 'hosts: dns\n');
	const program = process.env.PUBLISHER ?? `${root}/build/isekai-publisher`;
	const script = `mount --bind ${resolv} /etc/resolv.conf && mount --bind ${nsswitch} /etc/nsswitch.conf && exec ${program}`;
	const publisher = new Process('publisher', 'unshare', ['-m', 'sh', '-c', script], { env: house.environment(more), log: house.log, detached: true });
	house.publishers.push(publisher);
	house.publisher = publisher;
	return publisher;
}
