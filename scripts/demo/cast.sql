-- Fills the API server's tables from the plan. The pictures exist by now: pictures.tsv tells their sizes and digests.
BEGIN;

CREATE TEMPORARY TABLE made (key text, size_bytes bigint, sha256 text);
\copy made FROM pstdin
UPDATE demo.pictures p SET size_bytes = made.size_bytes, sha256 = made.sha256 FROM made WHERE made.key = p.key;

INSERT INTO users (id, deviantart_id, username, email, access_token, refresh_token, token_expires_at, refresh_token_expires_at)
SELECT id, md5('deviantart' || id)::uuid, name, name || '@example.org', access, refresh,
       now() AT TIME ZONE 'UTC' + CASE login WHEN 'good' THEN interval '50 minutes' ELSE interval '-10 minutes' END,
       now() AT TIME ZONE 'UTC' + interval '60 days'
FROM demo.artists;

INSERT INTO price_presets (id, user_id, name, price, min_price, max_price)
SELECT 'preset-' || name, id, 'Prints', 2500,
       CASE WHEN number % 2 = 0 THEN 1000 END, CASE WHEN number % 2 = 0 THEN 1999 END
FROM demo.artists;

INSERT INTO automations (id, user_id, name, auto_add_to_sale_queue, sale_queue_preset_id)
SELECT 'automation-' || name, id, 'Sell it', true, 'preset-' || name FROM demo.artists;

INSERT INTO deviations (id, user_id, status, title, description, tags, gallery_ids, automation_id, is_mature, mature_level,
                        allow_comments, allow_free_download, is_ai_generated, no_ai, stash_only, add_watermark,
                        display_resolution, upload_mode, scheduled_at, actual_publish_at)
SELECT p.id, a.id, 'scheduled', p.title, '<p>Number ' || p.mode || ' by ' || a.name || '.</p>',
       CASE WHEN p.mode = 7 THEN ARRAY['#Snow & ice', 'oil painting', 'OIL  painting', '  ', 'north-west', 'noël']
            ELSE ARRAY['demo', a.name] END,
       CASE WHEN p.mode = 7 THEN ARRAY[a.folder] END,
       CASE WHEN p.mode = 8 THEN 'automation-' || a.name END,
       p.mode = 5,
       (CASE WHEN p.mode = 5 THEN CASE WHEN p.artist % 2 = 0 THEN 'strict' ELSE 'moderate' END END)::"MatureLevel",
       p.mode <> 10, p.mode = 10, p.mode = 10, p.mode IN (1, 10), p.mode = 4, p.mode = 6,
       CASE WHEN p.mode = 6 THEN 1 + p.artist ELSE 0 END,
       (CASE WHEN p.mode = 3 THEN 'multiple' ELSE 'single' END)::"UploadMode",
       due, due
FROM demo.plan p
JOIN demo.artists a ON a.number = p.artist
CROSS JOIN LATERAL (SELECT now() AT TIME ZONE 'UTC' + make_interval(secs => p.due_in_s) AS due) AS time;

INSERT INTO deviation_files (id, deviation_id, original_filename, storage_key, storage_url, mime_type, file_size, width, height,
                             sort_order)
SELECT md5(p.key)::uuid, p.plan_id, 'picture ' || p.number || '.' || p.format, p.key, 'https://cdn.example.org/' || p.key,
       'image/' || p.format, p.size_bytes, p.width, p.height, p.number
FROM demo.pictures p;

COMMIT;
