// As much of psql as a test needs: a program for each house costs more than all that it is asked
// (https://www.postgresql.org/docs/15/protocol-message-formats.html).
import net from 'node:net';

/** A message: its type, its length, its words, each with a zero behind it. */
function message(type, ...words) {
	const body = Buffer.from(words.map((word) => `${word}\0`).join(''));
	const head = Buffer.alloc(5);
	head.write(type || '\0', 'latin1');
	head.writeInt32BE(body.length + 4, 1);
	return Buffer.concat([head, body]);
}

/** The first message has no type, but a version: 3.0. */
function startup(user, database) {
	const words = message('', 'user', user, 'database', database, 'client_encoding', 'UTF8', '');
	const head = Buffer.alloc(8);
	head.writeInt32BE(words.length - 5 + 8, 0);
	head.writeInt32BE(3 << 16, 4);
	return Buffer.concat([head, words.subarray(5)]);
}

/** A DataRow's columns, null as nothing, as `psql -A -t` shows them. */
function columns(body) {
	const values = [];
	for (let at = 2, left = body.readInt16BE(0); left > 0; left--) {
		const size = body.readInt32BE(at);
		at += 4;
		values.push(size < 0 ? '' : body.toString('utf8', at, at + size));
		at += Math.max(size, 0);
	}
	return values.join('|');
}

/** An ErrorResponse's text for people. */
function errorText(body) {
	return body.toString('utf8').split('\0').find((field) => field[0] === 'M')?.slice(1) ?? 'an error without a message';
}

/** A session: one query after another, what it answers as lines of text, or rows as objects. Statements in one query are one transaction. */
export class Psql {
	constructor(postgres, database) {
		this.postgres = postgres;
		this.database = database;
		this.queue = Promise.resolve();
	}

	open() {
		const { PGHOST: host, PGUSER: user } = this.postgres.environment;
		const socket = net.connect(`${host}/.s.PGSQL.5432`);
		let bytes = Buffer.alloc(0);
		this.socket = socket;
		this.isReady = false;
		this.generation = this.postgres.generation;
		socket.write(startup(user, this.database));
		socket.on('data', (data) => {
			bytes = bytes.length > 0 ? Buffer.concat([bytes, data]) : data;
			while (bytes.length >= 5 && bytes.length > bytes.readInt32BE(1)) {
				const size = bytes.readInt32BE(1) + 1;
				this.hear(socket, String.fromCharCode(bytes[0]), bytes.subarray(5, size));
				bytes = bytes.subarray(size);
			}
		});
		socket.on('error', () => {});
		socket.once('close', () => {
			if (this.socket === socket) this.socket = null;
			if (this.asked?.socket === socket) this.end(this.asked.error ?? 'PostgreSQL ended the session');
		});
	}

	hear(socket, type, body) {
		const { asked } = this;
		if (!asked || asked.socket !== socket) return;
		if (type === 'D') asked.lines.push(columns(body));
		else if (type === 'E') asked.error ??= errorText(body);
		else if (type === 'Z' && this.isReady) this.end(asked.error);
		else if (type === 'Z') {
			this.isReady = true;
			socket.write(message('Q', asked.sql));
		}
	}

	/** What was asked last is answered. */
	end(error) {
		const { done, fail, lines, sql } = this.asked;
		this.asked = null;
		if (error === undefined) done(lines.map((line) => `${line}\n`).join(''));
		else fail(new Error(`${error}\n${sql}`));
	}

	ask(sql) {
		return new Promise((done, fail) => {
			// A session that outlived its server only knows how to fail.
			if (this.generation !== this.postgres.generation) this.close();
			const isOpen = Boolean(this.socket);
			if (!isOpen) this.open();
			this.asked = { socket: this.socket, sql, done, fail, lines: [] };
			if (isOpen) this.socket.write(message('Q', sql));
		});
	}

	/** For its effect. */
	query(sql) {
		const answer = this.queue.then(() => this.ask(sql));
		this.queue = answer.catch(() => {});
		return answer;
	}

	/** Rows as objects. */
	async rows(select) {
		return JSON.parse(await this.query(`SELECT coalesce(json_agg(t), '[]') FROM (${select}) t`));
	}

	close() {
		this.socket?.end(message('X'));
		this.socket = null;
	}
}
