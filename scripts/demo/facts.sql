-- What came of it, in tables: demo.ledger is the sandbox's evidence, a JSON line each; demo.jobs is what Redis says.
CREATE TABLE demo.ledger (line jsonb NOT NULL);
CREATE TABLE demo.jobs (plan_id text PRIMARY KEY, state text NOT NULL, attempts integer NOT NULL, has_cleanup boolean NOT NULL);

-- The sandbox's list of faults, given by psql -v.
CREATE TABLE demo.faults AS
SELECT fault->'match' AS match, fault->>'action' AS action, (fault->>'count_left')::integer AS count_left
FROM jsonb_array_elements(:'faults'::jsonb) AS fault;

CREATE VIEW demo.submits AS
SELECT (line->>'time_ms')::bigint AS time_ms, line->>'user' AS username, line->>'title' AS title, line->>'itemid' AS item,
       line->>'sha256' AS sha256, (line->>'size_bytes')::bigint AS size_bytes, line->>'mime' AS mime, line->'fields' AS fields
FROM demo.ledger
WHERE line->>'kind' = 'submit';

-- Only what took effect: each line is a post that everybody can see.
CREATE VIEW demo.posts AS
SELECT (line->>'time_ms')::bigint AS time_ms, line->>'user' AS username, line->>'title' AS title, line->>'itemid' AS item,
       line->>'sha256' AS sha256, (line->>'size_bytes')::bigint AS size_bytes, line->>'deviationid' AS deviation_id,
       line->>'url' AS url, line->'fields' AS fields
FROM demo.ledger
WHERE line->>'kind' = 'publish' AND (line->>'accepted')::boolean;

CREATE VIEW demo.refreshes AS
SELECT line->>'user' AS username, line->>'refresh_token_hash' AS hash, (line->>'ok')::boolean AS ok
FROM demo.ledger
WHERE line->>'kind' = 'refresh';

-- The plan with what became of it. Whoever's login is dead cannot publish; everything else must go out.
CREATE VIEW demo.fates AS
SELECT p.id, p.artist, p.mode, a.name AS username, a.login, p.title, left(p.title, 50) AS shown_title, p.attempts AS attempts_wanted,
       p.story, m.name AS mode_name, CASE WHEN a.login = 'dead' THEN 0 ELSE m.posts END AS posts_wanted,
       a.login <> 'dead' AS wanted, d.status::text, d.error_message, d.deviation_id, d.deviation_url, d.stash_item_id,
       d.actual_publish_at, d.published_at, d.execution_lock_id, d.post_count_incremented, j.state, j.attempts, j.has_cleanup
FROM demo.plan p
JOIN demo.artists a ON a.number = p.artist
JOIN demo.modes m ON m.number = p.mode
JOIN deviations d ON d.id = p.id
LEFT JOIN demo.jobs j ON j.plan_id = p.id;

-- A picture is known by its digest: no two are alike.
CREATE VIEW demo.outcomes AS
SELECT f.*, pic.number, pic.size_bytes, pic.sha256, pic.number <= f.posts_wanted AS public_wanted, post.time_ms, post.url,
       post.deviation_id AS post_id, post.item, post.size_bytes AS post_bytes, post.title AS post_title,
       post.username AS post_username, post.fields
FROM demo.fates f
JOIN demo.pictures pic ON pic.plan_id = f.id
LEFT JOIN demo.posts post ON post.sha256 = pic.sha256;
