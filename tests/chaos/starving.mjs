// A sweep whose points are allocations that fail (tests/support/starve.c).
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';

import { directory, root } from '../integration/publish/servers.mjs';
import { Sweep, sweepHouse, wait } from './sweep.mjs';

const library = `${root}/build/release/tests/support/starve.so`;
const PAGE = 32; // struct page: pid, burst, at, count, fired
let pages = 0;

export class Starving extends Sweep {
	/** burst: how many allocations fail one after another. */
	static async open(name, { burst = 1, ...options }) {
		const file = path.join(directory, `starve-${++pages}`);
		const fd = openSync(file, 'w+', 0o600);
		writeSync(fd, Buffer.alloc(4096));
		const sweep = new Starving(name, await sweepHouse({ LD_PRELOAD: library, STARVE_FILE: file }), options);
		return Object.assign(sweep, { file, fd, burst });
	}

	arm(pid, at) {
		const page = Buffer.alloc(PAGE);
		page.writeInt32LE(pid, 0);
		page.writeInt32LE(this.burst, 4);
		page.writeBigInt64LE(BigInt(at), 8);
		writeSync(this.fd, page, 0, PAGE, 0);
	}

	read() {
		const page = Buffer.alloc(PAGE);
		readSync(this.fd, page, 0, PAGE, 0);
		return { count: Number(page.readBigInt64LE(16)), fired: Number(page.readBigInt64LE(24)) };
	}

	/** Where it was: our own functions, the innermost first. */
	where() {
		if (!existsSync(`${this.file}.trace`)) return '';
		const frames = readFileSync(`${this.file}.trace`, 'utf8').split('\n').slice(1, -1);
		rmSync(`${this.file}.trace`);
		const own = frames.filter((line) => line.includes('isekai-publisher')).map((line) => /\(\+(0x[0-9a-f]+)\)/.exec(line)?.[1]).filter(Boolean);
		const library = /([^/]+?)\(([^)+]*)/.exec(frames.find((line) => !line.includes('starve.so')) ?? '') ?? [];
		const program = process.env.VARIANT === 'asan' ? `${root}/build/asan/isekai-publisher` : `${root}/build/isekai-publisher`;
		const names = own.length > 0 ? execFileSync('addr2line', ['-fse', program, ...own.slice(0, 6)], { encoding: 'utf8' }) : '';
		return [library[0], ...names.split('\n').filter((_, i) => i % 2 === 0)].join(' < ');
	}

	/** One job, of which the n-th allocation fails; undefined: it had fewer. */
	async point(n) {
		const { house } = this;
		const work = await this.work();
		const pid = await this.begin(work, (worker) => {
			this.arm(worker, n);
			return worker;
		});
		await wait(async () => await this.ended(work) || this.read().fired > 0, 30000);
		const { count, fired } = this.read();
		const struck = fired > 0 ? { event: 'failed', call: 'malloc', on: '', seen: [true, false, false] } : undefined;
		if (struck) this.points++;
		else this.counted = count;
		await wait(async () => await this.ended(work) || await this.hurry(work), 30000, 10);
		this.arm(0, 0);
		if (struck) this.last = struck.data = this.where();
		await this.settle({ n, side: 'fails' }, work, struck);
		if (!house.children().some((child) => child.pid === pid)) {
			this.gone.add(this.taker);
			this.left = (this.left ?? 0) + 1;
		}
		return struck;
	}

	/** libcurl 7.88 signs requests to the storage with digests that it does not look whether it got; that is not ours to mend. */
	crashes() {
		const crashes = super.crashes();
		if (!/^libcrypto.*CRYPTO_.* < http_pump < /.test(this.last ?? '')) return crashes;
		this.inLibcurl = (this.inLibcurl ?? 0) + crashes.length;
		return [];
	}

	report() {
		super.report();
		console.log(`# ${this.name}: ${this.left ?? 0} workers left or died, ${this.inLibcurl ?? 0} of them in libcurl`);
	}
}
