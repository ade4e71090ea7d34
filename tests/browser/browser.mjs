// Chromium, and pages that are watched: whatever they ask for, violate or throw is kept.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after } from 'node:test';

import { atOnce } from '../integration/publish/stage.mjs';

export const modules = createRequire(`${process.env.BROWSER_MODULES}/package.json`);
const { chromium } = modules('playwright-core');
const pictures = path.join(process.env.BROWSER_MODULES, 'pictures');
mkdirSync(pictures, { recursive: true });

// A browser takes what processors there are: one scenario after another.
atOnce(1);

let launched;
after(async () => (await launched)?.close());

/** Root has no user namespaces to be sandboxed in; the pages are ours. */
function browser() {
	launched ??= chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', chromiumSandbox: process.getuid() !== 0,
		args: ['--disable-dev-shm-usage', '--force-color-profile=srgb'],
	});
	return launched;
}

export const wide = { width: 1280, height: 900 };
export const phone = { width: 360, height: 740 };

/** A page in a context of its own. `page.seen`: requests to elsewhere, violations of the policy, errors of its script. */
export async function open(url, { scheme = 'light', viewport = wide, ...more } = {}) {
	const context = await (await browser()).newContext({ colorScheme: scheme, viewport, reducedMotion: 'reduce', locale: 'en-GB', ...more });
	context.setDefaultTimeout(60000);
	const page = await context.newPage();
	const origin = new URL(url).origin;
	page.seen = { elsewhere: [], violations: [], errors: [], requests: [] };
	page.on('request', (request) => {
		page.seen.requests.push(request.url());
		if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:')) page.seen.elsewhere.push(request.url());
	});
	// Whoever asks for the world gets no answer: the test is of this machine.
	await page.route((asked) => asked.origin !== origin && asked.protocol !== 'data:', (route) => route.abort());
	page.on('pageerror', (error) => page.seen.errors.push(error.message));
	page.on('console', (message) => {
		if (/Content Security Policy|Trusted ?(Type|HTML)/i.test(message.text())) page.seen.violations.push(message.text());
	});
	await page.exposeFunction('tellViolation', (what) => page.seen.violations.push(what));
	await page.addInitScript(() => {
		document.addEventListener('securitypolicyviolation', (event) => window.tellViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
	});
	await page.goto(url);
	return page;
}

/** Nothing was asked of anybody else, nothing violated, nothing thrown. */
export function assertClean(page) {
	const { elsewhere, violations, errors } = page.seen;
	assert.deepEqual({ elsewhere, violations, errors }, { elsewhere: [], violations: [], errors: [] });
}

/** A picture of the whole page, for people. */
export function picture(page, name) {
	return page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
}

/** The page is no wider than its window. */
export async function assertFits(page) {
	const { width, window: wanted, widest } = await page.evaluate(() => {
		const most = [...document.querySelectorAll('body *')].filter((one) => !one.closest('.unseen')).map((one) => ({ right: one.getBoundingClientRect().right, name: `${one.tagName}.${one.className.baseVal ?? one.className}` }));
		return { width: document.scrollingElement.scrollWidth, window: document.documentElement.clientWidth, widest: most.sort((a, b) => b.right - a.right).slice(0, 3) };
	});
	assert.ok(width <= wanted, `the page is ${width} wide in a window of ${wanted}: ${JSON.stringify(widest)}`);
}

/** What axe finds that is serious: [{id, impact, nodes}]. In a context that lets it in (bypassCSP). */
export async function assertAccessible(page) {
	await page.evaluate(readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8'));
	const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
	assert.ok(passes.length > 10, `axe looked at ${passes.length} rules only`);
	const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical' || impact === 'moderate');
	assert.deepEqual(serious.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html, failureSummary }) => `${html}: ${failureSummary}`) })), []);
}
