// build/release/tests/chaos/killpoint, as a test uses it: it holds a process and strikes once.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { root } from '../integration/publish/servers.mjs';

const program = `${root}/build/release/tests/chaos/killpoint`;

export class Killpoint {
	/** args: the tool's own (see its head). What it says is in `events`, in order. */
	constructor(args, options = {}) {
		this.child = spawn(program, args.map(String), { stdio: ['pipe', 'pipe', 'pipe'], ...options });
		this.events = [];
		this.waiting = [];
		this.errors = '';
		this.child.stdin.on('error', () => {});
		this.child.stderr.on('data', (text) => { this.errors += text; });
		createInterface({ input: this.child.stdout }).on('line', (line) => this.hear(JSON.parse(line)));
		this.over = new Promise((done) => {
			this.child.once('error', done);
			this.child.once('close', done);
		}).then(() => this.hear({ event: 'over' }));
	}

	hear(event) {
		this.events.push(event);
		for (const one of this.waiting.splice(0)) one();
	}

	find(...names) {
		return this.events.find(({ event }) => names.includes(event));
	}

	/** The first event of one of these kinds; undefined once none can come any more. */
	async told(...names) {
		while (!this.find(...names) && !this.find('over')) await new Promise((done) => this.waiting.push(done));
		return this.find(...names);
	}

	/** Once it holds the process. */
	async seized() {
		const event = await this.told('seized');
		if (!event) throw new Error(`killpoint: ${this.errors}`);
		return event;
	}

	/** Lets the process go, where it still lives. */
	async release() {
		this.child.stdin.end();
		const late = setTimeout(() => {
			this.child.kill('SIGKILL');
			this.late = true;
		}, 10000);
		await this.over;
		clearTimeout(late);
		if (this.late) throw new Error(`killpoint does not let go: ${JSON.stringify(this.events)}`);
		return this.find('released', 'ended');
	}
}
