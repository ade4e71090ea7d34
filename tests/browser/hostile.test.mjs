// Texts that would be markup in a careless page, and names that are nobody's business.
import assert from 'node:assert/strict';

import { afterwards, build, scenario, until } from '../integration/publish/stage.mjs';
import { assertClean, assertFits, open, phone, picture } from './browser.mjs';

const markup = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked=2"><b id=injected>';
const titles = {
	'markup': markup,
	'quotes': `"'\`&quot;&#39; \\" \\u003c style="x" ]]>`,
	'right to left': 'Abend \u202Egnp.exe\u2066 שלום \u200F!',
	'5 MB': `Long ${'☃<i>'.repeat(1000000)}`,
	'many marks': `Zalgo${'\u0301\u0316'.repeat(200)}`,
};

/** A house in which each of these failed, for a reason that holds markup too. */
async function failedPosts(settings) {
	const house = await build({ health: true, settings });
	const artist = await house.artist({ username: 'someone <b>' });
	const works = {};
	for (const [name, title] of Object.entries(titles)) works[name] = await house.deviation(artist, { title, files: [{ stored: false, original_filename: `${name} <u>.png` }] });
	works.refused = await house.deviation(artist, { title: 'Refused' });
	const body = { status: 'error', error: 'invalid_request', error_code: 1, error_description: `${markup} of "Refused"` };
	await house.sandbox.fault('publish', { title: 'Refused' }, 'status', { status: 400, body });
	for (const work of Object.values(works)) await house.add(work);
	for (const work of Object.values(works)) await house.failed(work, 40000);
	return { house, works };
}

async function rowOf(page, work) {
	const row = page.locator('#failures tr', { hasText: work.job });
	await until(`${work.title.slice(0, 60)} is shown`, async () => await row.count() === 1);
	return row.innerText();
}

/** The row has this text, letter by letter. */
async function assertShows(page, work, text) {
	const row = await rowOf(page, work);
	assert.ok(row.includes(text), `${text} is not in ${row}`);
}

scenario('with HEALTH_CHECK_DETAILS titles, names and reasons are shown, and stay text whatever they hold', async () => {
	const { house, works } = await failedPosts({ HEALTH_CHECK_DETAILS: 'true' });
	const page = await open(`http://127.0.0.1:${house.port}/`);
	assert.match(await rowOf(page, works.markup), /upload of markup <u>\.png: /);
	await assertShows(page, works.markup, `${markup.slice(0, 40)}`);
	await assertShows(page, works.markup, 'by someone <b>');
	await assertShows(page, works.quotes, titles.quotes);
	await assertShows(page, works['right to left'], 'gnp.exe');
	await assertShows(page, works['5 MB'], 'Long ☃<i>☃<i>');
	assert.ok((await rowOf(page, works['5 MB'])).length < 2000);
	await assertShows(page, works.refused, markup.slice(0, markup.indexOf(' onerror'))); // of what looks like a key, stars are shown
	const made = await page.evaluate(() => ({ hacked: window.hacked, scripts: document.scripts.length, injected: document.querySelectorAll('#injected, img, main i, main u, main b:not(figcaption b)').length }));
	assert.deepEqual(made, { hacked: undefined, scripts: 1, injected: 0 });
	await assertFits(page);
	assertClean(page);
	await picture(page, 'hostile-wide');
	const small = await open(`http://127.0.0.1:${house.port}/`, { viewport: phone, scheme: 'dark' });
	await rowOf(small, works.markup);
	await assertFits(small);
	await picture(small, 'hostile-phone');
});

scenario('without HEALTH_CHECK_DETAILS no title, no file and no user name is on the page, in /status or in /metrics', async () => {
	const { house, works } = await failedPosts({});
	const page = await open(`http://127.0.0.1:${house.port}/`);
	assert.match(await rowOf(page, works.markup), /upload of \(file\): /);
	assert.match(await rowOf(page, works.refused), / of "\(title\)"/);
	const answers = await Promise.all(['/', '/status', '/metrics', '/ready'].map(async (what) => (await house.ask(what)).text));
	const text = [await page.content(), ...answers].join('\n');
	for (const secret of ['someone', '<u>', 'Zalgo', 'gnp.exe', 'Long ', 'Refused', 'access-artist', 'refresh-artist', 'storage-secret', 'application-secret']) assert.ok(!text.includes(secret), secret);
	assertClean(page);
});

afterwards();
