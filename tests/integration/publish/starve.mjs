// Lets allocations of one process fail: the test's side of tests/support/starve.c.
import { existsSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';

import { directory, root } from './servers.mjs';

const library = `${root}/build/release/tests/support/starve.so`;
const SIZE = 32; // struct page: pid, burst, at, count, fired; after them no_random
let pages = 0;

export const forGood = 2 ** 31 - 1;

export class Starve {
	constructor() {
		this.file = path.join(directory, `starve-${++pages}`);
		this.fd = openSync(this.file, 'w+', 0o600);
		writeSync(this.fd, Buffer.alloc(4096));
	}

	/** What a publisher has to be given in its environment. */
	get settings() {
		return { LD_PRELOAD: library, STARVE_FILE: this.file };
	}

	/** From now on the process' allocation number `at` fails, and further ones up to `burst` of them. */
	arm(pid, at, burst = 1) {
		const page = Buffer.alloc(SIZE);
		page.writeInt32LE(pid, 0);
		page.writeInt32LE(burst, 4);
		page.writeBigInt64LE(BigInt(at), 8);
		writeSync(this.fd, page, 0, SIZE, 0);
	}

	disarm() {
		this.arm(0, 0);
	}

	/** From now on libcrypto gives this process no random numbers. */
	noRandom(pid) {
		const number = Buffer.alloc(4);
		number.writeInt32LE(pid, 0);
		writeSync(this.fd, number, 0, 4, SIZE);
	}

	/** How many allocations there were, and how many of them failed. */
	read() {
		const page = Buffer.alloc(SIZE);
		readSync(this.fd, page, 0, SIZE, 0);
		return { count: Number(page.readBigInt64LE(16)), fired: Number(page.readBigInt64LE(24)) };
	}

	/** The stack at the first that failed, a line a frame; [] where none did. It is told once. */
	trace() {
		if (!existsSync(`${this.file}.trace`)) return [];
		const frames = readFileSync(`${this.file}.trace`, 'utf8').split('\n').slice(1, -1);
		rmSync(`${this.file}.trace`);
		return frames;
	}
}
