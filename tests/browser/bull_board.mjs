// Bull Board as an operator of the site runs it, over the queue of a house.
import { modules } from './browser.mjs';

const { createBullBoard } = modules('@bull-board/api');
const { BullMQAdapter } = modules('@bull-board/api/bullMQAdapter');
const { ExpressAdapter } = modules('@bull-board/express');
const { Queue } = modules('bullmq');
const express = modules('express');

export const name = 'deviation-publisher';

/** {url, queue, close}: Bull Board on a free loopback port, and the queue that it looks at. */
export async function board(house) {
	const queue = new Queue(name, { connection: { path: house.redisServer.socket, db: house.number, maxRetriesPerRequest: null } });
	const adapter = new ExpressAdapter();
	const app = express();
	createBullBoard({ queues: [new BullMQAdapter(queue)], serverAdapter: adapter });
	app.use('/', adapter.getRouter());
	const server = await new Promise((done, fail) => {
		const listening = app.listen(0, '127.0.0.1', (error) => (error ? fail(error) : done(listening)));
	});
	return {
		queue,
		url: `http://127.0.0.1:${server.address().port}`,
		close: async () => {
			server.closeAllConnections();
			server.close();
			await queue.close();
		},
	};
}
