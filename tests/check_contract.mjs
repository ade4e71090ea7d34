// Holds tests/CONTRACT.md against what ran: `check_contract.mjs RESULTS`. RESULTS has a line a test: suite, "ok", "not ok" or "skip", name,
// with tabs between. Every promise has a test, every test that is named ran and passed, every setting and every trap is there. TAP on
// standard output.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (name) => readFileSync(path.join(root, name), 'utf8');
const traps = 34; // bullmq-protocol.md, section 22

/** "publish/gates" is a file of the suite tests/integration/test_publish.sh; "test_config" is told by its program's name. */
function suiteOf(name) {
	const [suite, file] = name.split('/');
	if (suite === 'publish' && !existsSync(path.join(root, 'tests/integration/publish', `${file}.test.mjs`))) return null;
	return suite === 'publish' ? 'test_publish' : suite;
}

function readResults(file) {
	const suites = new Map();
	for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
		const [suite, status, name] = line.split('\t');
		const short = path.basename(suite).replace(/\.sh$/, '');
		if (!suites.has(short)) suites.set(short, []);
		suites.get(short).push({ status, name: name.replaceAll('\\#', '#').replaceAll('\\\\', '\\') });
	}
	return suites;
}

/** [{promise, line, tests: [{suite, name, mayBeSkipped}]}] */
function readPromises(text) {
	const promises = [];
	for (const [i, line] of text.split('\n').entries()) {
		const test = /^ {2}- `([^`]+)` (.+?)( \(where TLS is built in\))?$/.exec(line);
		if (/^- /.test(line)) promises.push({ promise: line.slice(2), line: i + 1, tests: [] });
		else if (test) promises.at(-1)?.tests.push({ suite: test[1], name: test[2], mayBeSkipped: Boolean(test[3]), line: i + 1 });
		else if (/^ +- /.test(line)) promises.at(-1)?.tests.push({ suite: null, name: line.trim(), line: i + 1 });
	}
	return promises;
}

/** Why a test does not hold its promise; null: it does. */
function objection({ suite, name, mayBeSkipped }, suites) {
	if (!suite) return 'it does not name its suite';
	const all = suites.get(suiteOf(suite));
	if (!all) return `there is no suite ${suite}`;
	const pattern = new RegExp(`^${name.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`);
	const found = all.filter((one) => pattern.test(one.name));
	if (found.length === 0) return 'no such test ran';
	const bad = found.find(({ status }) => status !== 'ok' && !(mayBeSkipped && status === 'skip'));
	return bad ? `${bad.name}: ${bad.status}` : null;
}

let count = 0;
let failed = 0;
function tell(name, faults) {
	console.log(`${faults.length === 0 ? 'ok' : 'not ok'} ${++count} - ${name}`);
	for (const fault of faults) console.log(`# ${fault}`);
	if (faults.length > 0) failed++;
}

const text = read('tests/CONTRACT.md');
const suites = readResults(process.argv[2]);
const promises = readPromises(text);
const settings = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);
const told = new Set([...text.matchAll(/^- Trap (\d+):/gm)].map(([, number]) => Number(number)));

tell('every promise has a test', promises.filter(({ tests }) => tests.length === 0).map(({ line, promise }) => `CONTRACT.md:${line}: ${promise}`));
tell('every test that is named ran and passed', promises.flatMap(({ tests }) => tests).map((test) => [test, objection(test, suites)])
	.filter(([, fault]) => fault).map(([{ line, suite, name }, fault]) => `CONTRACT.md:${line}: ${suite} ${name}: ${fault}`));
tell('every setting has its row', settings.length > 30 ? settings.filter((name) => !new RegExp(`^- .*\\b${name}\\b`, 'm').test(text)) : ['.env.example names no settings']);
tell('every trap of the queue protocol has its row', Array.from({ length: traps }, (_, i) => i + 1).filter((number) => !told.has(number)).map((number) => `trap ${number}`));
console.log(`1..${count}`);
process.exitCode = failed > 0 ? 1 : 0;
