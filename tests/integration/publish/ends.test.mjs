// A publish that goes well: what DeviantArt gets, and what row, journal, job and neighbours' tables say afterwards.
import assert from 'node:assert/strict';

import { afterwards, build, inTime, scenario } from './stage.mjs';

const home = build();

/** What must be so of every deviation that was published just now. */
function checkEnd({ row, job }, version = 1) {
	assert.equal(row.error_message, null);
	assert.equal(row.execution_lock_id, null);
	assert.equal(row.execution_locked_at, null);
	assert.equal(row.execution_version, version);
	assert.equal(row.post_count_incremented, true);
	assert.ok(Math.abs(Date.parse(`${row.published_at}Z`) - Date.now()) < 60000, `published_at ${row.published_at}`);
	assert.ok(Date.parse(`${row.updated_at}Z`) >= Date.parse(`${row.published_at}Z`) - 5);
	assert.equal(job.returned.success, true);
	assert.equal(job.lock, null);
}

scenario('a single file is published, and row, journal, job and clean-up job say so', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	assert.equal(await house.enqueue(work), 0);
	const { row, job } = await house.published(work);
	const { posts, submits, publishes, requests } = await house.seen(work);

	checkEnd({ row, job });
	assert.equal(posts.length, 1);
	assert.deepEqual([submits.length, publishes.length], [1, 1]);
	assert.deepEqual(requests.map(({ endpoint }) => endpoint), ['submit', 'publish']);
	assert.equal(row.deviation_id, posts[0].deviationid);
	assert.equal(row.deviation_url, posts[0].url);
	assert.equal(row.stash_item_id, submits[0].itemid);
	assert.equal(row.retry_count, 0);
	assert.deepEqual(job.returned, { success: true, results: [{ deviationId: posts[0].deviationid, url: posts[0].url }] });
	assert.deepEqual([job.attempts, job.claims], [1, 1]);
	const journal = await house.journal(work);
	assert.deepEqual(journal.map(({ state, stash_item_id: item, published_deviation_id: id, url }) => ({ state, item, id, url })),
		[{ state: 'published', item: submits[0].itemid, id: posts[0].deviationid, url: posts[0].url }]);
	assert.equal((await house.psql.rows(`SELECT open_claim FROM publisher.posts WHERE deviation_id = '${work.id}' AND open_claim IS NOT NULL`)).length, 0);

	const cleanup = await house.job(`storage-cleanup-${work.id}`, 'storage-cleanup');
	assert.equal(cleanup.state, 'wait');
	assert.equal(cleanup.name, 'cleanup');
	assert.deepEqual(cleanup.data, { deviationId: work.id, userId: work.artist.id });
	assert.equal(cleanup.opts.attempts, 5);
	assert.deepEqual(cleanup.opts.backoff, { type: 'exponential', delay: 5000 });
	assert.deepEqual(cleanup.opts.removeOnComplete, { age: 86400, count: 1000 });
	assert.deepEqual(cleanup.opts.removeOnFail, { age: 604800, count: 1000 });
});

scenario('the job shows progress and a log line per step', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist());
	await house.add(work);
	const { job } = await house.published(work);
	const log = await house.redis.run('LRANGE', house.key(`${job.id}:logs`), 0, -1);
	assert.ok(log.length >= 3, `log: ${log}`);
	assert.match(log.join('\n'), /upload/i);
	assert.match(log.join('\n'), /publish/i);
	assert.ok(JSON.parse(job.progress), `progress: ${job.progress}`);
});

scenario('every file of a multiple deviation becomes a deviation of its own; the row names the first', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [{}, {}, {}] });
	assert.equal(await house.enqueue(work), 0);
	const { row, job } = await house.published(work);
	const { posts, submits, publishes } = await house.seen(work);

	checkEnd({ row, job });
	assert.deepEqual([posts.length, submits.length, publishes.length], [3, 3, 3]);
	assert.equal(new Set(submits.map(({ sha256 }) => sha256)).size, 3);
	assert.deepEqual(submits.map(({ size_bytes: size }) => size), work.files.map(({ size }) => size), 'in sort order');
	assert.equal(row.deviation_id, publishes[0].deviationid);
	assert.equal(row.deviation_url, publishes[0].url);
	assert.equal(row.stash_item_id, submits[0].itemid);
	assert.deepEqual(job.returned.results, publishes.map(({ deviationid, url }) => ({ deviationId: deviationid, url })));
	assert.deepEqual((await house.journal(work)).map(({ state }) => state), ['published', 'published', 'published']);
});

scenario('single publishes the first file only', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { files: [{}, {}], upload_mode: 'single' });
	assert.equal(await house.enqueue(work), 0);
	const { job } = await house.published(work);
	const { posts, submits } = await house.seen(work);
	assert.deepEqual([posts.length, submits.length], [1, 1]);
	assert.equal(submits[0].size_bytes, work.files[0].size);
	assert.equal(job.returned.results.length, 1);
});

scenario('stash_only uploads and publishes nothing', async () => {
	const house = await home;
	const artist = await house.artist();
	await house.insert('price_presets', { id: 'preset-stash', user_id: artist.id, name: 'p', price: 100 });
	await house.insert('automations', { id: 'automation-stash', user_id: artist.id, name: 'a', auto_add_to_sale_queue: true, sale_queue_preset_id: 'preset-stash' });
	const work = await house.deviation(artist, { stash_only: true, automation_id: 'automation-stash' });
	assert.equal(await house.enqueue(work), 0);
	const { row, job } = await house.published(work);
	const { posts, submits, publishes } = await house.seen(work);

	checkEnd({ row, job });
	assert.deepEqual([posts.length, submits.length, publishes.length], [0, 1, 0]);
	assert.equal(row.stash_item_id, submits[0].itemid);
	assert.deepEqual([row.deviation_id, row.deviation_url], [null, null]);
	assert.deepEqual((await house.journal(work)).map(({ state }) => state), ['submitted']);
	assert.equal((await house.psql.rows(`SELECT 1 FROM sale_queue WHERE deviation_id = '${work.id}'`)).length, 0);
	assert.equal((await house.job(`storage-cleanup-${work.id}`, 'storage-cleanup')).state, 'wait');
});

scenario('stash_only with several files uploads them all', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { stash_only: true, files: [{}, {}, {}] });
	assert.equal(await house.enqueue(work), 0);
	checkEnd(await house.published(work));
	const { submits, publishes } = await house.seen(work);
	assert.deepEqual([submits.length, publishes.length], [3, 0]);
	assert.equal((await house.row(work)).stash_item_id, submits[0].itemid);
});

scenario('every documented field reaches DeviantArt as the row has it', async () => {
	const house = await home;
	const folders = ['47D47436-5683-8DF2-EEBF-2A6760BE1336', '5AF11D24-30A4-4F4A-8C8D-7C6D5C0A1B2C'];
	const work = await house.deviation(await house.artist(), {
		title: 'Überlänge: ein Titel, der sehr viel länger ist als fünfzig Zeichen', description: '<p>Two\nlines &amp; more</p>',
		tags: ['digital art', 'Fan-Art!', 'sky_line', '***', 'digital art', 'ÄÖ'], category_path: 'digitalart/paintings', gallery_ids: folders,
		is_mature: true, mature_level: 'strict', allow_comments: false, allow_free_download: false, is_ai_generated: true, no_ai: true,
		add_watermark: true, display_resolution: 4, files: [{ original_filename: 'Sünset "1".png', mime_type: 'image/png', size: 4321 }],
	});
	await house.add(work);
	await house.published(work);
	const { submits: [submit], publishes: [publish] } = await house.seen(work);
	const tags = ['digital_art', 'FanArt', 'sky_line'];

	assert.deepEqual(submit.fields, {
		title: 'Überlänge: ein Titel, der sehr viel länger ist als', artist_comments: '<p>Two\nlines &amp; more</p>', tags,
		is_ai_generated: 'true', noai: 'true',
	});
	assert.deepEqual([submit.size_bytes, submit.mime], [4321, 'image/png']);
	assert.match(submit.filename, /\.png$/);
	assert.deepEqual(publish.fields, {
		itemid: submit.itemid, is_mature: 'true', mature_level: 'strict', allow_comments: 'false', allow_free_download: 'false',
		display_resolution: '4', add_watermark: 'true', is_ai_generated: 'true', noai: 'true', catpath: 'digitalart/paintings',
		galleryids: folders, tags,
	});
});

scenario('what the row leaves out is left out, and no watermark goes onto an original', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), {
		allow_comments: true, allow_free_download: true, add_watermark: true, display_resolution: 0, description: null, mature_level: 'moderate',
	});
	await house.add(work);
	await house.published(work);
	const { submits: [submit], publishes: [publish] } = await house.seen(work);
	assert.deepEqual(submit.fields, { title: work.title, is_ai_generated: 'false', noai: 'false' });
	assert.deepEqual(publish.fields, {
		itemid: submit.itemid, is_mature: 'false', allow_comments: 'true', allow_free_download: 'true', display_resolution: '0',
		is_ai_generated: 'false', noai: 'false',
	});
});

scenario('the automation puts the deviation in the sale queue at the preset price, or within its range', async () => {
	const house = await home;
	const artist = await house.artist();
	for (const [name, price, least, most, wanted] of [['fixed', 1200, null, null, true], ['range', 1, 500, 510, true], ['off', 700, null, null, false]]) {
		await house.insert('price_presets', { id: `preset-${name}`, user_id: artist.id, name, price, min_price: least, max_price: most });
		await house.insert('automations', { id: `automation-${name}`, user_id: artist.id, name, auto_add_to_sale_queue: wanted, sale_queue_preset_id: `preset-${name}` });
	}
	const works = await Promise.all(['fixed', 'range', 'off'].map((name) => house.deviation(artist, { automation_id: `automation-${name}` })));
	assert.equal(await house.enqueue(...works), 0);
	for (const work of works) await house.published(work);
	const sale = async ({ id }) => (await house.psql.rows(`SELECT * FROM sale_queue WHERE deviation_id = '${id}'`))[0];
	const [fixed, range, off] = await Promise.all(works.map(sale));
	assert.deepEqual([fixed.user_id, fixed.price_preset_id, fixed.price, fixed.status], [artist.id, 'preset-fixed', 1200, 'pending']);
	assert.ok(range.price >= 500 && range.price <= 510, `price ${range.price}`);
	assert.equal(off, undefined);
});

scenario('a job with priority, a delayed one and one added twice each publish once', async () => {
	const house = await home;
	const artist = await house.artist();
	const [urgent, late, twice] = await Promise.all([1, 2, 3].map(() => house.deviation(artist)));
	await house.add(urgent, { priority: 5 });
	const added = Date.now();
	await house.add(late, { delay: 1500 });
	assert.equal(await house.enqueue(twice), 0);
	await house.enqueue(twice); // whether it was published by then or not
	for (const work of [urgent, late, twice]) {
		await house.published(work);
		assert.equal((await house.seen(work)).posts.length, 1);
	}
	const [first] = (await house.seen(late)).requests;
	assert.ok(first.started_ms >= added + 1500, 'not before its delay is over');
	assert.ok(first.started_ms < added + 1500 + 1500, `started ${first.started_ms - added - 1500} ms late`);
});

scenario('a deviation that waits for its date goes out then, not before and not late', async () => {
	const house = await home;
	const work = await house.deviation(await house.artist(), { actual_publish_at: inTime('3 seconds') });
	const due = Date.parse(`${(await house.row(work)).actual_publish_at}Z`);
	assert.equal(await house.enqueue(work), 0);
	assert.equal((await house.jobIs(work, 'delayed')).lock, null);
	await house.published(work);
	const [first] = (await house.seen(work)).requests;
	assert.ok(first.started_ms >= due - 2, `started ${due - first.started_ms} ms early`);
	assert.ok(first.started_ms < due + 1500, `started ${first.started_ms - due} ms late`);
});

afterwards();
