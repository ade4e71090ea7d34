// BullMQ's Worker with a processor that does nothing: what build/queue-bench is measured against. Runs until TERM.
import { createRequire } from 'node:module';

const { BENCH_MODULES, BENCH_BULLMQ, REDIS_URL, QUEUE_NAME, PUBLISHER_CONCURRENCY } = process.env;
const { Worker } = createRequire(`${BENCH_MODULES}/package.json`)(BENCH_BULLMQ);

const { hostname, port, pathname } = new URL(REDIS_URL);
const worker = new Worker(QUEUE_NAME, async () => {}, {
	connection: { host: hostname, port: Number(port), db: Number(pathname.slice(1) || 0), maxRetriesPerRequest: null },
	concurrency: Number(PUBLISHER_CONCURRENCY),
});
worker.on('error', (error) => console.error(error));
await worker.waitUntilReady();
process.send?.('ready');
process.once('SIGTERM', async () => {
	await worker.close();
	process.exit(0);
});
