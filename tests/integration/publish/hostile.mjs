// A crowd that does everything to a listener but behave, until it is killed: node hostile.mjs PORT. Says "in place" when it is whole.
import { randomBytes } from 'node:crypto';
import net from 'node:net';

const port = Number(process.argv[2]);
const line = Buffer.concat([Buffer.from('GET /'), Buffer.alloc(2 * 1024 * 1024, 'x')]);
const burst = Buffer.from('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nHEAD /ready HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(25));
const crowd = new Set();
let connected = 0;

/** One that comes again as soon as it is thrown out. */
function member(behave) {
	const socket = net.connect(port, '127.0.0.1', () => {
		connected++;
		behave(socket);
	});
	crowd.add(socket);
	socket.on('error', () => {});
	socket.on('close', () => {
		crowd.delete(socket);
		setTimeout(member, 50, behave);
	});
	return socket;
}

/** Does it again and again as long as the connection lives; what comes back is thrown away. */
const again = (ms, act) => (socket) => {
	socket.resume();
	const timer = setInterval(() => {
		if (socket.writable && socket.writableLength < 4 * 1024 * 1024) act(socket);
	}, ms);
	socket.on('close', () => clearInterval(timer));
};

for (let i = 0; i < 400; i++) member(i % 2 ? () => {} : (socket) => socket.write('GET /health HTTP/1.1\r\nX-Half: '));
for (let i = 0; i < 40; i++) member(again(100, (socket) => socket.write(i % 2 ? 'G' : 'GET /ready HTTP/1.1\r\nA')));
for (let i = 0; i < 4; i++) member(again(200, (socket) => socket.write(line)));
for (let i = 0; i < 8; i++) member(again(40, (socket) => socket.write(randomBytes(1 + i * 300))));
for (let i = 0; i < 4; i++) member(again(100, (socket) => socket.write(burst)));
// These never read what they asked for.
for (let i = 0; i < 4; i++) member((socket) => {
	socket.pause();
	for (let n = 0; n < 40; n++) socket.write(burst);
});

const whole = setInterval(() => {
	if (connected < 460) return;
	clearInterval(whole);
	console.log('in place');
}, 20);
