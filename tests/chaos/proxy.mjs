// A way between the publisher and a server that can go wrong: slow, narrow, in single bytes, cut, refused, or dead without a word.
import { once } from 'node:events';
import net from 'node:net';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * RST, where there is such a thing: a unix socket only closes. Nor can one be reset that has been ended: Node would give up the socket,
 * keep its handle, and spin at its own end.
 */
function reset(socket) {
	if (socket?.remotePort && !socket.writableEnded && !socket.destroyed) socket.resetAndDestroy();
	else socket?.destroy();
}

/**
 * A loopback port before a server: `target` is {port} or {path}. What it does to the bytes:
 *
 *   latency_ms     each piece arrives that much later, in both directions
 *   bytes_per_s    no faster than this, each connection and direction for itself
 *   crumbs         the first bytes of each piece arrive one by one
 *   refuse()       nobody listens; what is connected is reset
 *   deaden()       half open: connections stand, new ones are accepted, whatever is sent is swallowed and nothing comes back. A
 *                  connection that was open in that time stays dead for ever, as after a partition; only its user can find out
 *   cut(how)       'rst' or 'fin' for every connection
 *   heal()         the way is as it should be; buryDead() resets what is dead by then
 */
export class Proxy {
	constructor(target) {
		this.target = target;
		this.links = new Set();
		this.accepted = 0;
		/**
		 * Connections that may have taken a request with them, which counts as a failed attempt then: cut ones, as one that was idle may
		 * just be taken for the next request; dead ones into which something was sent.
		 */
		this.requestsLost = 0;
		this.plain();
	}

	plain() {
		Object.assign(this, { latency_ms: 0, bytes_per_s: 0, crumbs: false, dead: false });
	}

	async listen() {
		this.server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
		// After a refusal the same port again; it may take a moment.
		for (let left = 50; ; left--) {
			this.server.listen(this.port ?? 0, '127.0.0.1');
			try {
				await once(this.server, 'listening');
				break;
			} catch (error) {
				if (left === 0) throw error;
				await sleep(20);
			}
		}
		this.port = this.server.address().port;
		return this;
	}

	accept(client) {
		this.accepted++;
		const link = { client, dead: this.dead, unanswered: false };
		this.links.add(link);
		const end = () => {
			this.links.delete(link);
			client.destroy();
			// The server does not hear of the end of what was lost on the way.
			if (link.dead) setTimeout(() => reset(link.server), 2000).unref();
			else link.server?.destroy();
		};
		client.on('error', end);
		client.on('close', end);
		// Its user has found out, and hung up: nobody is told.
		client.on('end', () => (link.dead ? client.destroy() : null));
		if (link.dead) {
			client.on('data', () => { link.unanswered = true; });
			return;
		}
		link.server = net.connect({ ...this.target, noDelay: true, allowHalfOpen: true });
		// A server that is not there is one that resets; the port of the proxy is open either way.
		link.server.on('error', () => (link.dead ? null : reset(client)));
		link.server.on('close', () => (link.dead ? null : client.destroy()));
		this.pump(link, client, link.server, true);
		this.pump(link, link.server, client, false);
	}

	/** Bytes go from one socket to the other, in order, as late and as slowly as it is set now. */
	pump(link, from, to, isRequest) {
		const waiting = [];
		let busy = false;
		const work = async () => {
			if (busy) return;
			busy = true;
			for (let next; (next = waiting.shift());) {
				const late = next.at - performance.now();
				if (late > 1) await sleep(late);
				if (link.dead) continue;
				if (next.end) to.end();
				else await this.deliver(link, to, next.bytes, isRequest);
			}
			busy = false;
			if (from.isPaused()) from.resume();
		};
		from.on('data', (bytes) => {
			if (link.dead) {
				link.unanswered ||= isRequest;
				return;
			}
			waiting.push({ at: performance.now() + this.latency_ms, bytes });
			if (waiting.length > 64) from.pause();
			work();
		});
		from.on('end', () => {
			if (link.dead) return;
			waiting.push({ at: performance.now() + this.latency_ms, end: true });
			work();
		});
	}

	async deliver(link, to, bytes, isRequest) {
		link.unanswered = isRequest;
		let pieces = [bytes];
		if (this.crumbs) {
			const few = Math.min(bytes.length, 48);
			pieces = [...Array.from({ length: few }, (_, i) => bytes.subarray(i, i + 1)), bytes.subarray(few)];
		} else if (this.bytes_per_s > 0) {
			const size = Math.max(1, Math.floor(this.bytes_per_s / 20));
			pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
		}
		for (const piece of pieces) {
			if (piece.length === 0 || link.dead || to.destroyed) continue;
			if (!to.write(piece) && !to.destroyed) await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => {});
			if (this.crumbs) await new Promise(setImmediate);
			else if (this.bytes_per_s > 0) await sleep(piece.length * 1000 / this.bytes_per_s);
		}
	}

	// ---------------------------------------------------------------- what goes wrong

	count(link, lost = link.unanswered) {
		if (lost && !link.counted) this.requestsLost++;
		link.counted ||= lost;
	}

	cut(how = 'rst') {
		for (const link of [...this.links]) {
			this.count(link, true);
			if (how === 'fin') {
				link.client.end();
				link.server?.end();
				// Who does not answer a FIN with his own is reset after all.
				setTimeout(() => link.client.destroy(), 500).unref();
			} else {
				reset(link.client);
			}
		}
	}

	async refuse() {
		const closed = new Promise((done) => this.server.close(done));
		this.cut('rst');
		this.refusing = true;
		await closed;
	}

	deaden() {
		this.dead = true;
		for (const link of this.links) {
			this.count(link);
			link.dead = true;
			link.client.resume();
			link.server?.resume();
		}
	}

	/** The dead connections are reset, as by a peer that is back and knows nothing of them. */
	buryDead() {
		for (const link of [...this.links]) {
			if (!link.dead) continue;
			this.count(link);
			reset(link.server);
			reset(link.client);
		}
	}

	async heal() {
		this.plain();
		if (!this.refusing) return;
		this.refusing = false;
		await this.listen();
	}

	/** It is not needed any more. */
	close() {
		if (!this.refusing) this.server.close();
		for (const { client } of [...this.links]) client.destroy();
	}
}
