/**
 * The publisher side by side with BullMQ in Node, in pairs: A B A B. How it is called: run.sh.
 *
 *   bench.mjs smoke|short|full [NAME...]    NAME: queue, publish, pickup, footprint, network
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

import { root, stopAll } from '../integration/publish/servers.mjs';
import { measureFootprint } from './footprint.mjs';
import { measureNetwork } from './network.mjs';
import { measurePickup } from './pickup.mjs';
import { measurePublish } from './publish.mjs';
import { measureQueue } from './queue.mjs';
import { lines, picture } from './report.mjs';
import { load, openStand } from './stand.mjs';

const [form = 'short', ...only] = process.argv.slice(2);
const both = ['publisher', 'bullmq5'];
const all = [...both, 'bullmq6'];
const kb20 = { sizeBytes: 20000, latencyMs: 0 };
const mb50 = { sizeBytes: 50000000, latencyMs: 0 };

/** What is measured in each form: a few minutes, or everything; `smoke` only sees that it works. */
const plans = {
	smoke: {
		queue: (stand, tell) => measureQueue(stand, { rounds: 1, jobs: 500, concurrencies: [2], kinds: [false], sides: all, background: 1000, tell }),
		publish: (stand, tell) => measurePublish(stand, { rounds: 1, cases: [{ posts: 20, concurrency: 3, ...kb20 }], sides: all, tell }),
		pickup: (stand, tell) => measurePickup(stand, { rounds: 1, posts: 3, sides: both, tell }),
		network: (stand, tell) => measureNetwork(stand, {
			rounds: 1, sides: both, queue: { jobs: 200, concurrencies: [2], kinds: [false] }, publish: { cases: [{ posts: 10, concurrency: 3, ...kb20 }] }, tell,
		}),
	},
	short: {
		queue: (stand, tell) => measureQueue(stand, { rounds: 5, jobs: 20000, concurrencies: [1, 8], kinds: [false], sides: both, tell }),
		publish: (stand, tell) => measurePublish(stand, { rounds: 5, cases: [{ posts: 1000, concurrency: 5, ...kb20 }], sides: both, tell }),
		pickup: (stand, tell) => measurePickup(stand, { rounds: 5, posts: 40, sides: both, tell }),
	},
	full: {
		queue: (stand, tell) => measureQueue(stand, { rounds: 5, jobs: 100000, background: 1000000, sides: all, tell }),
		publish: (stand, tell) => measurePublish(stand, {
			rounds: 5,
			cases: [
				...[1, 5, 20, 50].map((concurrency) => ({ posts: 2000, concurrency, ...kb20 })),
				...[5, 20, 50].map((concurrency) => ({ posts: 1000, concurrency, ...kb20, latencyMs: 50 })),
				{ posts: 20, concurrency: 5, ...mb50 },
			],
			sides: all, tell,
		}),
		pickup: (stand, tell) => measurePickup(stand, { rounds: 5, posts: 400, sides: all, tell }),
		footprint: (stand, tell) => measureFootprint(stand, { rounds: 3, slots: [5, 32, 128, 512], tell }),
		network: (stand, tell) => measureNetwork(stand, {
			rounds: 5,
			queue: { jobs: 20000, kinds: [false] },
			publish: { cases: [5, 20].map((concurrency) => ({ posts: 1000, concurrency, ...kb20 })) },
			sides: both, tell,
		}),
	},
};

function about() {
	const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
	const versions = ['bullmq5', 'bullmq6'].map((name) => `BullMQ ${load(`${name}/package.json`).version}`).join(', ');
	return `${cpus().length} cores, ${system}, Linux ${release()}, Node ${process.version}, ${versions}; servers, producers and workers on the same cores`;
}

const plan = plans[form];
if (!plan || only.some((name) => !plan[name])) {
	console.error(`usage: tests/bench/run.sh ${Object.keys(plans).join('|')} [${Object.keys(plans.full).join('|')}]...`);
	process.exit(64);
}
const results = [];
const tell = (result) => {
	results.push(result);
	console.log(lines(result));
};
console.log(about());
const stand = await openStand();
for (const [name, measure] of Object.entries(plan)) if (only.length === 0 || only.includes(name)) await measure(stand, tell);
await stopAll();
const out = `${root}/build/bench`;
mkdirSync(out, { recursive: true });
writeFileSync(`${out}/${form}.json`, `${JSON.stringify({ about: about(), at: new Date().toISOString(), results }, null, '\t')}\n`);
writeFileSync(`${out}/${form}.svg`, picture(results, about()));
console.log(`\nEvery job was done exactly once. build/bench/${form}.json and .svg have it all.`);
process.exit(0);
