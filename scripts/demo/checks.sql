-- Is all as it should be? A line for each check: t or f, what was looked at, and what was found instead.
\pset format unaligned
\pset tuples_only on
\pset fieldsep '\t'
-- Each check is a query for what contradicts it; nothing found is well.
CREATE TEMPORARY TABLE found (check_number integer, what text);
CREATE TEMPORARY TABLE checks (number integer PRIMARY KEY, about text);

INSERT INTO checks VALUES (1, 'every deviation of an artist with a working login is published, its job completed');
INSERT INTO found
SELECT 1, format('%s is %s (%s), its job %s', title, status, error_message, state) FROM demo.fates
WHERE wanted AND (status <> 'published' OR state IS DISTINCT FROM 'completed');

INSERT INTO checks VALUES (2, 'each file that should be public has exactly one accepted publish');
INSERT INTO found
SELECT 2, format('%s, file %s: %s posts', title, number, count(url)) FROM demo.outcomes
WHERE public_wanted GROUP BY title, number HAVING count(url) <> 1;

INSERT INTO checks VALUES (3, 'nothing else is public: no repeated, foreign, private or failed file');
INSERT INTO found
SELECT 3, format('%s of %s', p.url, p.title) FROM demo.posts p
WHERE NOT EXISTS (SELECT FROM demo.outcomes o WHERE o.public_wanted AND o.sha256 = p.sha256);
INSERT INTO found
SELECT 3, format('item %s has %s posts', item, count(*)) FROM demo.posts GROUP BY item HAVING count(*) > 1;

INSERT INTO checks VALUES (4, 'what arrived is the file in storage, byte for byte, under its title, at its artist''s');
INSERT INTO found
SELECT 4, format('%s, file %s: %s bytes as "%s" at %s', title, number, post_bytes, post_title, post_username) FROM demo.outcomes
WHERE url IS NOT NULL
  AND (post_bytes <> size_bytes OR post_title <> rtrim(shown_title) OR post_username <> username);

INSERT INTO checks VALUES (5, 'the row knows the post: item, DeviantArt''s id and address of the first file');
INSERT INTO found
SELECT 5, format('%s: row %s %s, post %s %s', title, stash_item_id, deviation_url, item, url) FROM demo.outcomes
WHERE public_wanted AND number = 1
  AND (deviation_id, deviation_url, stash_item_id) IS DISTINCT FROM (post_id, url, item);

INSERT INTO checks VALUES (6, 'stash only: uploaded, and not published');
INSERT INTO found
SELECT 6, format('%s: item %s, deviation %s', o.title, o.stash_item_id, o.deviation_id) FROM demo.outcomes o
WHERE o.wanted AND o.posts_wanted = 0
  AND (o.deviation_id IS NOT NULL OR o.deviation_url IS NOT NULL OR NOT EXISTS (
	SELECT FROM demo.submits s
	WHERE (s.sha256, s.size_bytes, s.username, s.item) = (o.sha256, o.size_bytes, o.username, o.stash_item_id)));

INSERT INTO checks VALUES (7, 'no scheduled post is early');
INSERT INTO found
SELECT 7, format('%s: %s ms early', title, due_ms - time_ms)
FROM demo.outcomes, LATERAL (SELECT (extract(epoch FROM actual_publish_at) * 1000)::bigint AS due_ms) AS due
WHERE time_ms < due_ms;

INSERT INTO checks VALUES (8, 'attempts are burned by failed attempts alone: not by 429, 503, lost answers, storage, killed workers');
INSERT INTO found
SELECT 8, format('%s: %s attempts counted, not %s', title, attempts, attempts_wanted) FROM demo.fates
WHERE wanted AND attempts IS DISTINCT FROM attempts_wanted;

INSERT INTO checks VALUES (9, 'the dead login: the post at hand fails, the others are drafts, all say what to do, their jobs are gone');
-- One of theirs may have been in another worker's hands: it ends there, with nothing done.
INSERT INTO found
SELECT 9, format('%s is %s (%s), its job %s', title, status, error_message, state) FROM demo.fates
WHERE NOT wanted
  AND ((status, state) NOT IN (('failed', 'failed'), ('draft', 'removed'), ('draft', 'completed')) OR error_message IS NULL
       OR error_message NOT LIKE '%connect your DeviantArt account again%' OR has_cleanup);
INSERT INTO found
SELECT 9, format('%s of them failed', count(*)) FROM demo.fates WHERE NOT wanted AND status = 'failed' HAVING count(*) <> 1;

INSERT INTO checks VALUES (10, 'no refresh token is presented twice; dana''s is refreshed once, and the new one kept');
INSERT INTO found
SELECT 10, format('token %s… of %s was presented %s times', left(hash, 8), username, count(*)) FROM demo.refreshes
GROUP BY hash, username HAVING count(*) > 1;
INSERT INTO found
SELECT 10, format('%s: %s refreshes', a.name, count(r.ok)) FROM demo.artists a
LEFT JOIN demo.refreshes r ON r.username = a.name AND r.ok
GROUP BY a.name, a.login HAVING count(r.ok) <> CASE a.login WHEN 'expired' THEN 1 ELSE 0 END;
INSERT INTO found
SELECT 10, format('%s: the row''s tokens were not replaced', a.name) FROM demo.artists a JOIN users u USING (id)
WHERE a.login = 'expired' AND (u.refresh_token = a.refresh OR u.access_token = a.access
                               OR u.token_expires_at < now() AT TIME ZONE 'UTC');

INSERT INTO checks VALUES (11, 'the sale queue has one row for each published post that wants one, at the right price');
INSERT INTO found
SELECT 11, format('%s: price %s', f.title, s.price)
FROM demo.fates f
FULL JOIN sale_queue s ON s.deviation_id = f.id
LEFT JOIN price_presets p ON p.id = s.price_preset_id
WHERE (s.id IS NOT NULL) IS DISTINCT FROM (f.wanted AND f.mode = 8)
   OR (s.id IS NOT NULL AND (s.price NOT BETWEEN coalesce(p.min_price, p.price) AND coalesce(p.max_price, p.price)
                             OR p.user_id <> s.user_id OR s.status <> 'pending'));

INSERT INTO checks VALUES (12, 'each published deviation has its clean-up job, no other has');
INSERT INTO found
SELECT 12, title FROM demo.fates WHERE has_cleanup IS DISTINCT FROM (status = 'published');

INSERT INTO checks VALUES (13, 'what the artist chose arrived: maturity, watermark, tags, galleries, comments, download, AI');
INSERT INTO found
SELECT 13, format('%s: %s', title, fields) FROM demo.outcomes,
LATERAL (SELECT number % 2 = 0 AS even FROM demo.artists a WHERE a.number = artist) AS artist
WHERE url IS NOT NULL AND NOT (
	(fields->>'is_mature') = (mode = 5)::text
	AND (mode <> 5 OR fields->>'mature_level' = CASE WHEN even THEN 'strict' ELSE 'moderate' END)
	AND fields->>'display_resolution' = CASE WHEN mode = 6 THEN 1 + outcomes.artist ELSE 0 END::text
	AND (mode <> 6 OR fields->>'add_watermark' = 'true')
	AND fields->>'allow_comments' = (mode <> 10)::text
	AND fields->>'allow_free_download' = (mode = 10)::text
	AND fields->>'is_ai_generated' = (mode = 10)::text
	AND fields->>'noai' = (mode IN (1, 10))::text
	AND fields->'tags' = CASE WHEN mode = 7 THEN '["Snow_ice", "oil_painting", "northwest", "nol"]'::jsonb
	                     ELSE jsonb_build_array('demo', username) END
	AND fields->'galleryids' IS NOT DISTINCT FROM CASE WHEN mode = 7 THEN
		(SELECT jsonb_build_array(folder) FROM demo.artists a WHERE a.number = outcomes.artist) END);

INSERT INTO checks VALUES (14, 'rows are left tidy: no lock, no old error, the count raised, the time told');
INSERT INTO found
SELECT 14, format('%s: %s', title, status) FROM demo.fates
WHERE execution_lock_id IS NOT NULL
   OR (status = 'published' AND (error_message IS NOT NULL OR published_at IS NULL OR NOT post_count_incremented))
   OR (status <> 'published' AND (published_at IS NOT NULL OR post_count_incremented OR deviation_id IS NOT NULL));

INSERT INTO checks VALUES (15, 'DeviantArt''s own rules were kept: the sandbox saw no violation');
INSERT INTO found SELECT 15, left(line::text, 200) FROM demo.ledger WHERE line->>'kind' = 'violation';

INSERT INTO checks VALUES (16, 'every fault that was planned did strike');
INSERT INTO found SELECT 16, format('%s %s, %s left', action, match, count_left) FROM demo.faults WHERE count_left <> 0;

SELECT NOT EXISTS (SELECT FROM found WHERE check_number = number), about,
       (SELECT string_agg(what, '; ') FROM (SELECT what FROM found WHERE check_number = number LIMIT 5) AS few)
FROM checks ORDER BY number;
