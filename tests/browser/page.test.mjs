// The status page of a running publisher: shows what is so, by itself, to everybody, whatever becomes of the publisher.
import assert from 'node:assert/strict';

import { afterwards, build, scenario, until } from '../integration/publish/stage.mjs';
import { assertAccessible, assertClean, assertFits, open, phone, picture } from './browser.mjs';

const of = (house) => `http://127.0.0.1:${house.port}/`;

/** What a reader sees of a part of the page. */
const seen = (page, selector) => page.locator(selector).innerText();

/** Waits until a part of the page reads so, without a reload. */
function reads(page, selector, pattern, ms = 20000) {
	let text;
	return until(() => `${selector} reads ${pattern}; it reads ${text}`, async () => {
		text = await seen(page, selector);
		return pattern.test(text) && text;
	}, ms);
}

/** A pool with everything to see: one job hangs in its publish, one in its upload, some wait, some failed, some went out. */
async function busy(settings = {}) {
	const house = await build({ health: true, settings: { PUBLISHER_CONCURRENCY: 3, ...settings } });
	const artist = await house.artist();
	const works = [];
	const add = async (title, { endpoint, action, fault, ...row } = {}) => {
		const work = await house.deviation(artist, { title, ...row });
		if (endpoint) await house.sandbox.fault(endpoint, { title }, action, fault);
		await house.add(work);
		works.push(work);
		return work;
	};
	for (let i = 0; i < 12; i++) await add(`Out ${i}`, { actual_publish_at: `sql:now() AT TIME ZONE 'UTC' - interval '${1 + i * 2} seconds'` });
	for (const work of works) await house.published(work);
	await house.failed(await add('Lost', { files: [{ stored: false }] }));
	await house.failed(await add('Refused', { endpoint: 'publish', action: 'status', fault: { status: 400, body: { status: 'error', error: 'invalid_request', error_code: 1, error_description: 'This title is not allowed.' } } }));
	await house.jobIs(await add('Later', { endpoint: 'submit', action: 'status', fault: { status: 500, count: 100 } }), 'delayed');
	const inHand = [
		await add('In its upload', { endpoint: 'submit', action: 'hang', fault: { count: 1 } }),
		await add('In its publish', { endpoint: 'publish', action: 'hang', fault: { count: 1 } }),
	];
	await Promise.all(['submit', 'publish'].map((endpoint) => house.inFlight(endpoint)));
	return { house, artist, add, inHand };
}

scenario('the page shows slots, queue, times and failures of a publisher at work, and follows it without a reload', async () => {
	const { house, add, inHand } = await busy();
	const page = await open(of(house));
	await reads(page, '#state', /^Ready$/);
	assert.match(await seen(page, '#glance'), /Busy slots\s+2 of 3/);
	const slots = await page.locator('#slots tr').allInnerTexts();
	assert.equal(slots.length, 3);
	for (const work of inHand) assert.equal(slots.filter((row) => row.includes(work.job)).length, 1, `${work.job} in ${slots}`);
	assert.ok(slots.some((row) => row.includes('uploading')) && slots.some((row) => row.includes('publishing')), String(slots));
	assert.match(await seen(page, '#queue'), /active\s+2\s/);
	assert.match(await seen(page, '#queue'), /delayed\s+1\s/);
	const failures = await page.locator('#failures tr').allInnerTexts();
	assert.ok(failures.some((row) => /failed for good[^]*VALIDATION_ERROR[^]*upload of \(file\): .*(missing|not|no)/.test(row)), String(failures));
	assert.ok(failures.some((row) => /This title is not allowed\./.test(row)), String(failures));
	assert.ok(failures.some((row) => /waits[^]*SERVER_ERROR/.test(row)), String(failures));
	assert.match(await seen(page, '#counts'), /jobs completed\s+12\s/);
	for (const svg of await page.locator('svg').all()) {
		assert.ok((await svg.getAttribute('aria-label')).length > 20);
		assert.ok(await svg.locator('*').count() > 0);
	}
	assert.match(await page.locator('[data-key="lateness"] svg').first().getAttribute('aria-label'), /Half of 1\d posts within \d+ (s|min), 95 % within \d+ (s|min)\./);
	assert.ok(await page.locator('[data-key="lateness"] rect').count() === 15);

	const before = page.seen.requests.filter((url) => url.endsWith('/')).length;
	await house.published(await add('One more'));
	await reads(page, '#counts', /jobs completed\s+13\s/);
	await reads(page, '[data-key="upload"]', /latest mean/);
	assert.equal(page.seen.requests.filter((url) => url.endsWith('/')).length, before, 'it was not loaded again');
	assert.ok(page.seen.requests.length > 2);
	assert.deepEqual([...new Set(page.seen.requests.map((url) => new URL(url).pathname))].sort().filter((one) => one !== '/favicon.ico'), ['/', '/status']);
	assertClean(page);

	await picture(page, 'page-light');
	for (const [name, options] of Object.entries({ 'page-dark': { scheme: 'dark' }, 'page-phone-light': { viewport: phone }, 'page-phone-dark': { viewport: phone, scheme: 'dark' } })) {
		const other = await open(of(house), options);
		await reads(other, '#state', /^Ready$/);
		await reads(other, '#slots', /publishing/);
		await assertFits(other);
		assertClean(other);
		await picture(other, name);
		await other.context().close();
	}
	for (const scheme of ['light', 'dark']) {
		const open_to_axe = await open(of(house), { scheme, bypassCSP: true });
		await reads(open_to_axe, '#state', /^Ready$/);
		await assertAccessible(open_to_axe);
		await open_to_axe.context().close();
	}
	const [ground, ink] = await page.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]);
	const dark = await open(of(house), { scheme: 'dark' });
	assert.notDeepEqual(await dark.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]), [ground, ink]);
	await house.publisher.stop('SIGQUIT');
	await house.start();
	for (const work of inHand) await house.published(work, 40000);
});

scenario('a publisher that goes away is told with the time since when, ever more seldom asked, and found again when it is back', async () => {
	const house = await build({ health: true });
	const page = await open(of(house));
	await reads(page, '#state', /^Ready$/);
	await house.publisher.stop('SIGTERM');
	await reads(page, '#state', /^No answer$/);
	const told = await reads(page, '#fresh', /^since \d\d:\d\d:\d\d, for .*: no connection; next try in \d+ s$/);
	assert.equal(await page.locator('#announcement').textContent(), `The publisher has not answered since ${told.slice(6, 14)}.`);
	assert.match(await page.title(), /^NO ANSWER/);
	await reads(page, '#fresh', /next try in [4-9] s$/);
	await picture(page, 'page-silent');
	const requests = page.seen.requests.length;
	await house.start();
	await reads(page, '#state', /^Ready$/, 40000);
	assert.equal(await page.locator('#announcement').textContent(), 'The publisher is ready.');
	assert.ok(page.seen.requests.length > requests);
	assert.deepEqual([page.seen.elsewhere, page.seen.violations, page.seen.errors], [[], [], []]);
});

scenario('a pool that is not ready says why, and a page that nobody sees asks nothing', async () => {
	const house = await build({ health: true, own: ['postgres', 'redis'] });
	const page = await open(of(house));
	await reads(page, '#state', /^Ready$/);
	house.redisServer.process.kill('SIGSTOP');
	try {
		await reads(page, '#trouble', /Redis/);
		await reads(page, '#state', /^Not ready$/);
		await picture(page, 'page-trouble');
		const axe = await open(of(house), { bypassCSP: true });
		await reads(axe, '#trouble', /Redis/);
		await assertAccessible(axe);
		await axe.context().close();
	} finally {
		house.redisServer.process.kill('SIGCONT');
	}
	await reads(page, '#state', /^Ready$/);
	assert.equal(await page.locator('#trouble').isVisible(), false);

	const hide = (hidden) => page.evaluate((value) => {
		Object.defineProperty(document, 'hidden', { value, configurable: true });
		document.dispatchEvent(new Event('visibilitychange'));
	}, hidden);
	await hide(true);
	const asked = page.seen.requests.length;
	await page.waitForTimeout(5000);
	assert.equal(page.seen.requests.length, asked, 'nothing is asked while it is hidden');
	await hide(false);
	await until('it asks at once when it is seen again', () => page.seen.requests.length > asked, 1500);
	assertClean(page);
});

scenario('without scripts the page says where the figures are', async () => {
	const house = await build({ health: true });
	const page = await open(of(house), { javaScriptEnabled: false, viewport: phone });
	assert.match(await seen(page, 'noscript'), /scripts are off/);
	const [answer] = await Promise.all([page.waitForResponse((response) => response.url().endsWith('/status')), page.locator('noscript a').first().click()]);
	assert.equal(answer.status(), 200);
	await page.goBack();
	await assertFits(page);
	await picture(page, 'page-without-script');
});

afterwards();
