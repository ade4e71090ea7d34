// Bull Board, the real one: it shows our jobs in every state, and its buttons work on them, judged by Redis, PostgreSQL and the ledger.
import assert from 'node:assert/strict';

import { afterwards, build, inTime, scenario, until } from '../integration/publish/stage.mjs';
import { open, picture } from './browser.mjs';
import { board, name } from './bull_board.mjs';

const refusal = { status: 'error', error: 'invalid_request', error_code: 1, error_description: 'Not this time.' };

/** A house with Bull Board beside it; `play` gets both and a page of the browser. */
async function beside(settings, play) {
	const house = await build({ health: true, settings });
	const bull = await board(house);
	try {
		const page = await open(bull.url);
		await play({ house, queue: bull.queue, page, see: (state) => page.goto(`${bull.url}/queue/${name}?status=${state}`, { waitUntil: 'commit' }) });
		assert.deepEqual(page.seen.errors, []);
		await page.context().close();
	} finally {
		await bull.close();
	}
}

function card(page, work) {
	return page.locator('[class^="card-"]', { hasText: work.job });
}

/** What a tab of the job's card reads, once it reads so: some tabs fetch what they show. */
async function tab(page, work, which, pattern) {
	const one = card(page, work);
	await one.getByRole('button', { name: which, exact: true }).click();
	// Levels further in are folded.
	const folded = one.locator('[aria-label="expand JSON"]');
	let text;
	return until(() => `${which} of ${work.job} reads ${pattern}; it reads ${text}`, async () => {
		while (await folded.count() > 0) await folded.first().click();
		text = await one.innerText();
		return pattern.test(text) && text;
	}, 30000);
}

async function press(page, work, button) {
	await card(page, work).locator(`[data-title="${button}"] button`).click();
	await page.getByRole('button', { name: 'Confirm' }).click();
}

/** Chosen from the queue's menu. */
async function choose(page, item) {
	await page.locator('main [aria-haspopup="menu"]').first().click();
	await page.getByRole('menuitem', { name: item, exact: true }).click();
	// What cannot be taken back is asked for twice.
	const confirm = page.getByRole('button', { name: 'Confirm' });
	if (await confirm.isVisible().catch(() => false)) await confirm.click();
}

const future = { actual_publish_at: inTime('10 minutes') };

scenario('jobs in every state are shown, with progress, log lines, return value, failure reason and stack', () => beside({ PUBLISHER_CONCURRENCY: 1 }, async ({ house, queue, page, see }) => {
	const artist = await house.artist();
	const works = {};
	works.completed = await house.deviation(artist);
	works.failed = await house.deviation(artist);
	await house.sandbox.fault('submit', { title: works.failed.title }, 'status', { status: 500, count: 2 });
	await house.add(works.completed);
	const { row } = await house.published(works.completed);
	await house.add(works.failed, { opts: { attempts: 2, backoff: { type: 'fixed', delay: 50 } } });
	await house.failed(works.failed);
	works.delayed = await house.deviation(artist, future);
	await house.add(works.delayed, { delay: 600000 });
	works.active = await house.deviation(artist);
	await house.sandbox.fault('publish', { title: works.active.title }, 'hang', { count: 1 });
	await house.add(works.active);
	await house.inFlight('publish');
	works.waiting = await house.deviation(artist);
	works.prioritized = await house.deviation(artist);
	await house.add(works.waiting);
	await house.add(works.prioritized, { priority: 5 });

	for (const [state, work] of Object.entries(works)) {
		await see(state);
		await card(page, work).waitFor();
		for (const other of Object.values(works)) assert.equal(await card(page, other).count(), other === work ? 1 : 0, `${other.job} among the ${state}`);
	}
	await see('completed');
	await tab(page, works.completed, 'Data', new RegExp(`success:true[^]*deviationId:"${row.deviation_id}"[^]*url:"${row.deviation_url.replaceAll('.', '\\.')}"`));
	await tab(page, works.completed, 'Progress', /step:"publishing"[^]*percent:100/);
	await tab(page, works.completed, 'Logs', /loading the deviation[^]*uploading picture 0\.png \(2000 bytes\)[^]*publishing item \d+[^]*published: http/);
	await picture(page, 'board-completed');
	await see('failed');
	const error = await tab(page, works.failed, 'Error', /Error: upload of picture 0\.png: .*HTTP 500/);
	assert.equal(error.match(/Error: upload of picture 0\.png: /g)?.length, 2, `a stack entry an attempt: ${error}`);
	await tab(page, works.failed, 'Logs', /attempt 1 of 2 failed, again in 0\.1 s: upload of[^]*failed for good: upload of/);
	await picture(page, 'board-failed');
	await see('active');
	await tab(page, works.active, 'Progress', /step:"publishing"[^]*percent:0/);
	await tab(page, works.active, 'Logs', /publishing item \d+/);
	await picture(page, 'board-active');

	await queue.pause();
	await see('paused');
	await card(page, works.waiting).waitFor();
	await picture(page, 'board-paused');
	await queue.resume();
	await house.publisher.stop('SIGQUIT');
	await house.start();
	for (const state of ['active', 'waiting', 'prioritized']) await house.published(works[state], 40000);
}));

scenario('retry: a post that failed is published, once', () => beside({}, async ({ house, page, see }) => {
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('publish', { title: work.title }, 'status', { status: 400, body: refusal, count: 1 });
	await house.add(work);
	await house.failed(work);
	await see('failed');
	await press(page, work, 'Retry');
	const { row, job } = await house.published(work);
	assert.equal(row.error_message, null);
	assert.ok(job.returned.success);
	assert.equal((await house.seen(work)).posts.length, 1);
	await see('completed');
	await card(page, work).waitFor();
}));

scenario('promote: a post that waits for its next attempt has it at once', () => beside({}, async ({ house, page, see }) => {
	const work = await house.deviation(await house.artist());
	await house.sandbox.fault('submit', { title: work.title }, 'status', { status: 500, count: 1 });
	await house.add(work, { opts: { backoff: { type: 'fixed', delay: 3600000 } } });
	await house.jobIs(work, 'delayed');
	await see('delayed');
	await press(page, work, 'Promote');
	const { job } = await house.published(work);
	assert.equal(job.attempts, 2);
	assert.equal((await house.seen(work)).posts.length, 1);
}));

scenario('clean: a job is gone, its row stays as it was', () => beside({}, async ({ house, page, see }) => {
	const [work, ended] = [await house.deviation(await house.artist(), future), await house.deviation(await house.artist())];
	await house.add(work, { delay: 600000 });
	await house.add(ended);
	await house.published(ended);
	const before = await house.row(work);
	for (const [state, one] of [['delayed', work], ['completed', ended]]) {
		await see(state);
		await press(page, one, 'Clean');
		await house.jobIs(one, 'missing');
		await until('it is not shown any more', async () => await card(page, one).count() === 0);
	}
	assert.deepEqual(await house.row(work), before);
	assert.equal((await house.row(ended)).status, 'published');
	assert.equal((await house.seen(ended)).posts.length, 1);
}));

scenario('pause and resume: nothing is taken from a paused queue, the status page says so, and all goes on', () => beside({}, async ({ house, page, see }) => {
	const ours = await open(`http://127.0.0.1:${house.port}/`);
	await see('waiting');
	await choose(page, 'Pause');
	await until('the queue is paused', async () => await house.redis.run('HEXISTS', house.key('meta'), 'paused') === 1);
	const work = await house.deviation(await house.artist());
	await house.add(work);
	await until('the status page says so', async () => /paused/.test(await ours.locator('#queue-note').innerText() + await ours.locator('#glance').innerText()) && /\b1\b/.test(await ours.locator('#glance div').nth(1).innerText()));
	await picture(ours, 'page-paused');
	assert.match((await house.job(work)).state, /^(wait|paused)$/);
	assert.equal((await house.seen(work)).requests.length, 0);
	await see('waiting');
	await choose(page, 'Resume');
	await house.published(work);
	await until('the status page says so', async () => !/paused/.test(await ours.locator('#glance').innerText()));
}));

afterwards();
