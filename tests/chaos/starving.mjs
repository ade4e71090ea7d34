// A sweep whose points are allocations that fail (tests/support/starve.c).
import { execFileSync } from 'node:child_process';

import { root } from '../integration/publish/servers.mjs';
import { Starve } from '../integration/publish/starve.mjs';
import { Sweep, sweepHouse, wait } from './sweep.mjs';

export class Starving extends Sweep {
	/** In a house of its own. */
	static async open() {
		const starve = new Starve();
		return Object.assign(new Starving('', await sweepHouse(starve.settings)), { starve });
	}

	/** burst: how many allocations fail one after another. */
	follow(name, { burst = 1, ...options }) {
		return Object.assign(super.follow(name, options), { starve: this.starve, burst });
	}

	/** Where it was: our own functions, the innermost first. */
	where() {
		const frames = this.starve.trace();
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
			this.starve.arm(worker, n, this.burst);
			return worker;
		});
		await wait(async () => await this.ended(work) || this.starve.read().fired > 0, 30000);
		const { count, fired } = this.starve.read();
		const struck = fired > 0 ? { event: 'failed', call: 'malloc', on: '', seen: [true, false, false] } : undefined;
		if (struck) this.points++;
		else this.counted = count;
		await wait(async () => await this.ended(work) || await this.hurry(work), 30000, 10);
		this.starve.disarm();
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
