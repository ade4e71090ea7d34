// The page: asks /status again and again while somebody looks, and shows what it says.

const EVERY_MS = 2000;
const PATIENCE_MS = 5000;
const SLOWEST_MS = 30000;
const SPAN_MS = 10 * 60000;
const SLOTS_SHOWN = 32;

const $ = (id) => document.getElementById(id);

// ---- what was: one entry an answer, for as long as the charts reach back

const past = [];

/** How much a counter has grown since the answer before; null where that is not known: the first answer, or a publisher that began anew. */
function growth(now, before, of) {
	const grown = before === undefined ? NaN : of(now) - of(before);
	return grown >= 0 ? grown : null;
}

function remember(status, at) {
	const before = past.at(-1);
	const seconds = before ? (at - before.at) / 1000 : 0;
	const queue = part(status, 'queue');
	const done = growth(status, before?.status, (one) => number(part(part(one, 'jobs'), 'completed')));
	const times = {};
	for (const name of Object.keys(TIMES)) {
		const of = (member) => (one) => number(part(part(part(one, 'timings'), name), member));
		const count = growth(status, before?.status, of('count'));
		times[name] = count > 0 ? growth(status, before?.status, of('sumMs')) / count : null;
	}
	if (before) before.status = { jobs: before.status.jobs, timings: before.status.timings }; // of an old answer no more is asked
	past.push({ at, status, times, waiting: queue ? waiting(queue) : null, rate: done === null ? null : done / seconds * 60 });
	while (past.length > 0 && at - past[0].at > SPAN_MS) past.shift();
}

function waiting(queue) {
	return number(queue.waiting) + number(queue.paused) + number(queue.prioritized);
}

// ---- the parts

function showState(status, at) {
	const ready = status.status === 'ready';
	const phase = text(part(status.pool, 'phase'));
	document.body.dataset.state = ready ? 'ready' : 'trouble';
	setText($('state'), ready ? 'Ready' : phase === 'draining' ? 'Draining' : 'Not ready');
	setText($('facts'), `up ${duration(number(status.uptime) * 1000)}, version ${text(status.version)}`);
	setText($('fresh'), `as of ${clock(at)}, every ${EVERY_MS / 1000} s`);
	const lines = [status.error, status.operatorFault].map(text).filter(Boolean);
	fillChildren($('trouble-list'), lines, () => {
		const item = document.createElement('li');
		item.append(document.createElement('bdi'));
		return item;
	}, (item, line) => setText(item.firstChild, line));
	$('trouble').hidden = lines.length === 0;
	document.title = `${ready ? '' : 'NOT READY: '}${whole(part(status.worker, 'activeJobs'))} at work - Isekai Publisher`;
}

function showGlance(status) {
	const { pool, queue, jobs, circuits } = status;
	const [busy, wanted] = [number(part(status.worker, 'activeJobs')), number(part(pool, 'concurrency'))];
	const up = number(part(pool, 'workersReady'));
	const late = part(part(status, 'timings'), 'lateness');
	const half = within(list(part(late, 'boundsMs')), list(part(late, 'counts')).map(number), 0.5);
	const oldest = number(part(queue, 'oldestDueMs'));
	const rates = past.map(({ rate }) => rate).filter((rate) => rate !== null).slice(-30);
	fillGlance($('glance'), [
		{ name: 'Busy slots', value: `${whole(busy)} of ${whole(wanted)}`, note: up < wanted ? `${whole(up)} up` : '', warn: up < wanted },
		{ name: 'Waiting', value: queue ? whole(waiting(queue)) : 'unknown', note: part(queue, 'isPaused') === true ? 'the queue is paused' : '', warn: !queue || queue.isPaused === true },
		{ name: 'Oldest due', value: queue ? (oldest > 0 ? duration(oldest) : 'none') : 'unknown', warn: oldest > 60000 },
		{ name: 'Done a minute', value: rates.length > 0 ? whole(rates.reduce((sum, rate) => sum + rate, 0) / rates.length) : '-', note: `${whole(part(jobs, 'completed'))} in all` },
		{ name: 'Failed', value: whole(part(jobs, 'failed')), note: `${whole(part(jobs, 'retried'))} tried again`, warn: number(part(jobs, 'failed')) > 0 },
		{ name: 'Late', value: half === undefined ? '-' : half === Infinity ? `> ${bound(list(late.boundsMs).at(-1))}` : `≤ ${bound(half)}`, note: half === undefined ? 'no post yet' : 'half of the posts' },
		{ name: 'Open circuits', value: circuits ? whole(circuits.open) : 'unknown', note: part(circuits, 'half_open') > 0 ? `${whole(circuits.half_open)} half open` : '', warn: part(circuits, 'open') > 0 },
	]);
}

/** Titles and names come only where HEALTH_CHECK_DETAILS is on. */
function names(one) {
	const [title, user] = [text(part(one, 'title')), text(part(one, 'user'))];
	return title || user ? [`${title || 'untitled'}${user ? ` by ${user}` : ''}`] : [];
}

function slotRow(slot) {
	const { activity, job } = slot;
	const busy = job !== undefined;
	const attempt = busy ? `attempt ${whole(job.attempt)}, at work for ${duration(job.forMs)}, at most ${duration(job.deadlineInMs)} more` : '';
	return [
		{ text: whole(slot.slot), kind: 'number' },
		{ text: activity === 'none' ? 'starting' : text(activity), kind: busy ? 'busy' : 'quiet' },
		{ text: duration(slot.forMs), kind: 'number' },
		busy ? { text: text(job.id), id: true, kind: 'long', notes: [...names(job), attempt] } : { text: '', kind: 'long' },
	];
}

function showSlots(status) {
	const workers = list(status.slots).filter((slot) => part(slot, 'role') === 'worker');
	// A large pool is told by who works; the others only wait.
	const shown = workers.length <= SLOTS_SHOWN ? workers : [...workers.filter(({ job }) => job), ...workers.filter(({ job }) => !job)].slice(0, SLOTS_SHOWN);
	const idle = workers.filter(({ activity }) => activity === 'idle').length;
	const dispatcher = part(status.dispatcher, 'running') === true ? '' : ' The dispatcher is silent.';
	fillTable($('slots'), shown.map(slotRow));
	setText($('slots-note'), (workers.length === 0 ? 'No slot is in use.' : shown.length < workers.length ? `And ${plural(workers.length - shown.length, 'slot')} more; ${whole(idle)} of ${whole(workers.length)} are idle.` : '') + dispatcher);
}

const STATES = ['waiting', 'paused', 'prioritized', 'active', 'delayed', 'waiting-children', 'failed', 'completed'];

function showQueue(status) {
	const { queue } = status;
	const rows = queue ? STATES.filter((state) => state !== 'waiting-children' || queue[state] > 0) : [];
	fillTable($('queue'), rows.map((state) => [
		{ text: state, kind: number(queue[state]) > 0 ? '' : 'quiet' }, { text: whole(queue[state]), kind: number(queue[state]) > 0 ? 'number' : 'number quiet' },
	]));
	setText($('queue-note'), queue ? (queue.isPaused ? 'Paused: nothing is taken from it until it is resumed.' : '') : 'Not known: the dispatcher has not counted it lately.');
}

/** A line over what was while this page was open. */
function showLine(key, title, what, of, now) {
	const points = past.map((one) => ({ at: one.at, value: of(one) }));
	const known = points.map(({ value }) => value).filter((value) => value !== null);
	const [last, most] = [known.at(-1), Math.max(0, ...known)];
	const { value, words, drawings } = figure($('lately'), key, title);
	setText(value, last === undefined ? '-' : whole(last));
	setText(words, known.length > 1 ? `at most ${whole(most)} while this page was open` : '');
	drawLine(drawings[0], `${what} over the last 10 minutes: ${last === undefined ? 'not known yet' : `now ${whole(last)}, at most ${whole(most)}`}.`, points, { now, span: SPAN_MS, end: 'now' });
}

function showLately(now) {
	showLine('waiting', 'Waiting', 'Jobs that waited', (one) => one.waiting, now);
	showLine('rate', 'Done a minute', 'Jobs done a minute', (one) => one.rate, now);
}

const TIMES = {
	lateness: ['Lateness', 'from due to public: what artists see', 'posts'],
	job: ['A job', 'from claim to end', 'jobs'],
	upload: ['An upload', 'of a file, from the storage to Sta.sh', 'files'],
	publish: ['A publish', 'until DeviantArt has accepted it', 'posts'],
};

function showTimes(status, now) {
	for (const [name, [title, what, many]] of Object.entries(TIMES)) {
		const timing = part(part(status, 'timings'), name);
		const bounds = list(part(timing, 'boundsMs'));
		const counts = list(part(timing, 'counts')).map(number);
		const [half, most] = [0.5, 0.95].map((share) => within(bounds, counts, share));
		const { value, words, drawings } = figure($('times'), name, title, { drawings: 2, about: what });
		const points = past.map(({ at, times }) => ({ at, value: times[name] }));
		const last = points.findLast((point) => point.value !== null);
		const told = half === undefined ? `No ${many} yet.` : `Half of ${whole(timing.count)} ${many} ${boundWords(bounds, half)}, 95 % ${boundWords(bounds, most)}.`;
		setText(value, half === undefined ? '-' : half === Infinity ? `> ${bound(bounds.at(-1))}` : `≤ ${bound(half)}`);
		setText(words, half === undefined ? `no ${many} yet` : `half of ${whole(timing.count)} ${many}; 95 % ${boundWords(bounds, most)}`);
		drawBars(drawings[0], `${title}, ${what}. ${told}`, bounds, counts);
		drawLine(drawings[1], `${title}: means over the last 10 minutes. ${last ? `The latest is ${brief(last.value)}.` : 'None yet.'}`, points,
			{ now, span: SPAN_MS, end: last ? `latest mean ${brief(last.value)}` : 'none yet' });
	}
}

function failureRow(one) {
	const ended = one.result === 'failed';
	const then = ended ? `after attempt ${whole(one.attempt)} of ${whole(one.maxAttempts)}` : `again ${duration(one.waitMs)} later`;
	return [
		{ text: `${duration(one.agoMs)} ago`, kind: 'when' },
		{ text: ended ? 'failed for good' : 'waits', kind: ended ? 'warn' : '', notes: [then, text(one.category)] },
		{ text: text(one.reason), kind: 'long', notes: [...names(one), text(one.jobId)] },
	];
}

function showFailures(status) {
	const failures = list(status.failures).filter((one) => one !== null && typeof one === 'object').sort((a, b) => number(a.agoMs) - number(b.agoMs));
	fillTable($('failures'), failures.map(failureRow));
	setText($('failures-note'), failures.length === 0 ? 'None since the start.' : 'The latest of each kind; the log has all of them.');
}

/** Rows of one kind of `heldBack`: the users that are told, and how many there are beside them. */
function heldRows(kind, words) {
	const users = list(part(kind, 'users')).filter((one) => one !== null && typeof one === 'object');
	const more = number(part(kind, 'total')) - users.length;
	const rows = users.map((one) => [
		{ text: text(one.userId), id: true, kind: 'long', notes: [words(one), number(one.forMs) > 0 ? `for ${duration(one.forMs)} more` : ''].filter(Boolean) },
	]);
	return more > 0 ? [...rows, [{ text: `and ${whole(more)} more`, kind: 'quiet' }]] : rows;
}

/** Who is held back: there where the publisher tells it; null: it does not know. */
function showHeld(status) {
	const held = part(status, 'heldBack');
	const everybody = part(held, 'everybody');
	const circuit = text(part(everybody, 'circuit'));
	const rows = [
		...heldRows(part(held, 'circuits'), (one) => (one.state === 'open' ? 'circuit open' : 'circuit half open: one post is tried')),
		...heldRows(part(held, 'pace'), (one) => `pace: ${plural(number(one.posts), 'post')} in line`),
		...heldRows(part(held, 'logins'), (one) => (one.state === 'dead' ? 'login dead: the artist has to connect again' : 'login is being refreshed')),
	];
	const all = [
		circuit !== '' && circuit !== 'closed' ? `Everybody: the circuit is ${circuit.replace('_', ' ')}${number(everybody.forMs) > 0 ? ` for ${duration(everybody.forMs)} more` : ''}.` : '',
		part(everybody, 'isFull') === true ? 'Everybody: as many jobs are at work as the queue allows.' : '',
		number(part(everybody, 'limitedForMs')) > 0 ? `Everybody: the queue's rate limit is shut for ${duration(everybody.limitedForMs)} more.` : '',
	].filter(Boolean);
	$('held-panel').hidden = held === undefined;
	fillTable($('held'), rows);
	setText($('held-note'), held === null ? 'Not known: the dispatcher has not looked lately.' : [...all, rows.length === 0 && all.length === 0 ? 'Nobody.' : ''].join(' ').trim());
}

function showCounts(status) {
	const { circuits, jobs, errors } = status;
	fillTable($('gates'), circuits ? [
		['open', { text: whole(circuits.open), kind: number(circuits.open) > 0 ? 'number warn' : 'number' }],
		['half open', { text: whole(circuits.half_open), kind: 'number' }],
	] : []);
	setText($('gates-note'), circuits ? '' : 'Not known: the dispatcher has not counted them lately.');
	const rows = [
		...['completed', 'failed', 'retried', 'deferred'].map((name) => [`jobs ${name}`, part(jobs, name)]),
		['files uploaded', status.uploads], ['posts published', status.publishes],
		['workers replaced', status.workerRestarts],
		...Object.entries(errors ?? {}).filter(([, n]) => number(n) > 0),
	];
	fillTable($('counts'), rows.map(([name, n]) => [{ text: name, kind: number(n) > 0 ? '' : 'quiet' }, { text: whole(n), kind: number(n) > 0 ? 'number' : 'number quiet' }]));
	setText($('process'), `pid ${number(status.pid)}, configuration ${number(status.configGeneration)}${part(status, 'details') === true ? ', with titles and names (HEALTH_CHECK_DETAILS)' : ''}`);
}

function show(status, at) {
	remember(status, at.getTime());
	showState(status, at);
	showGlance(status);
	showSlots(status);
	showQueue(status);
	showLately(at.getTime());
	showTimes(status, at.getTime());
	showFailures(status);
	showHeld(status);
	showCounts(status);
	$('main').hidden = false;
}

// ---- asking

let timer;
let asking; // AbortController of the question that is open
let silent = null; // {since, tries, why} while nobody answers
let announced = '';

/** Only what is news is said aloud: a figure that changes every two seconds is not. */
function announce(words) {
	if (words !== announced) setText($('announcement'), words);
	announced = words;
}

async function ask() {
	clearTimeout(timer);
	asking?.abort();
	const mine = asking = new AbortController();
	const late = setTimeout(() => mine.abort(), PATIENCE_MS);
	try {
		const answer = await fetch('status', { cache: 'no-store', signal: mine.signal });
		if (!answer.ok) throw new Error(`it answers ${answer.status}`);
		const status = await answer.json();
		if (mine !== asking) return;
		if (part(status, 'service') !== 'isekai-publisher') throw new Error('somebody else answers');
		silent = null;
		show(status, new Date());
		announce(status.status === 'ready' ? 'The publisher is ready.' : `The publisher is not ready: ${text(status.error)}`);
		again(EVERY_MS);
	} catch (error) {
		if (mine !== asking || document.hidden) return;
		silent = silent ?? { since: new Date(), tries: 0 };
		silent.why = error.name === 'AbortError' ? 'no answer in time' : error instanceof TypeError ? 'no connection' : error instanceof SyntaxError ? 'what answers is no JSON' : error.message;
		silent.tries++;
		announce(`The publisher has not answered since ${clock(silent.since)}.`);
		again(Math.min(EVERY_MS * 2 ** (silent.tries - 1), SLOWEST_MS));
	} finally {
		clearTimeout(late);
	}
}

/** Asks after `ms`; meanwhile, while nobody answers, says so and counts. */
function again(ms, at = Date.now() + ms) {
	const left = at - Date.now();
	if (document.hidden) return;
	if (silent) {
		document.body.dataset.state = 'silent';
		document.title = 'NO ANSWER - Isekai Publisher';
		setText($('state'), 'No answer');
		setText($('fresh'), `since ${clock(silent.since)}, for ${duration(Date.now() - silent.since)}: ${silent.why}; next try in ${Math.max(0, Math.ceil(left / 1000))} s`);
	}
	if (left <= 0) ask();
	else timer = setTimeout(() => again(ms, at), silent ? Math.min(left, 1000) : left);
}

document.addEventListener('visibilitychange', () => {
	clearTimeout(timer);
	if (document.hidden) asking?.abort();
	else ask();
});
if (!document.hidden) ask();
