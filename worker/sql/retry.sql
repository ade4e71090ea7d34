-- For `retry`: what stands in the way of a failed post's being put to work again; where nothing does, its row becomes due, in the same statement.
-- $1 deviation, $2 whether the row may be changed at all (its job will not run by itself), $3 the lock for a post of which a part is out: a
-- neighbour that found it free would publish it from the start. A claim of its job takes such a lock over (begin.sql).
-- execution_version: a claim that came in between has raised it, and what was seen of the journal is of before.
WITH seen AS (
	SELECT d.*, (now() AT TIME ZONE 'UTC') AS utc_now,
	       (SELECT count(*) FROM {schema}.deviation_files f WHERE f.deviation_id = d.id) AS files,
	       EXISTS (SELECT 1 FROM publisher.files f WHERE f.deviation_id = d.id AND f.state = 'publishing') AS unknown,
	       EXISTS (SELECT 1 FROM publisher.files f WHERE f.deviation_id = d.id AND f.state = 'published') AS partly,
	       d.execution_lock_id IS NOT NULL
	       AND NOT (starts_with(d.execution_lock_id, 'isekai-publisher|')
	                AND right(d.execution_lock_id, length(d.id) + 11) = '|deviation-' || d.id)
	       AND d.execution_locked_at >= (now() AT TIME ZONE 'UTC') - interval '30 minutes' AS locked,
	       EXISTS (SELECT 1 FROM publisher.token_leases l JOIN {schema}.users u ON u.id = l.user_id
	               WHERE l.user_id = d.user_id AND l.refused
	                 AND l.refresh_token_digest = encode(sha256(convert_to(u.refresh_token, 'UTF8')), 'hex')) AS login_dead
	FROM {schema}.deviations d
	WHERE d.id = $1
), changed AS (
	UPDATE {schema}.deviations d
	SET status = CASE WHEN seen.partly THEN 'publishing' WHEN NOT seen.partly THEN 'scheduled' ELSE d.status END,
	    actual_publish_at = least(coalesce(d.actual_publish_at, seen.utc_now), seen.utc_now),
	    execution_lock_id = CASE WHEN seen.partly THEN $3::text END,
	    execution_locked_at = CASE WHEN seen.partly THEN seen.utc_now END,
	    error_message = NULL,
	    updated_at = seen.utc_now
	FROM seen
	WHERE d.id = seen.id AND $2::boolean
	  AND d.status = 'failed' AND d.execution_version = seen.execution_version
	  AND seen.files > 0 AND NOT seen.unknown AND NOT coalesce(seen.locked, false) AND NOT seen.login_dead
	RETURNING 1
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, 'retried by hand', NULL FROM changed
)
SELECT s.user_id, s.upload_mode::text, s.status::text, coalesce(s.deviation_url, ''),
       coalesce((extract(epoch FROM CASE WHEN isfinite(s.actual_publish_at) THEN s.actual_publish_at END - s.utc_now) * 1000)::bigint, 0),
       s.files, s.unknown, coalesce(s.locked, false), s.login_dead,
       (extract(epoch FROM now()) * 1000)::bigint,
       (SELECT count(*) FROM changed)
FROM seen s
