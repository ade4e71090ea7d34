-- For good: the row says why, and scheduling it again, by another job or a retry by hand, starts afresh.
-- $1 deviation, $2 lock, $3 message, $4 file to be forgotten or NULL (its item is gone), $5 another file, whose publish was refused for
-- sure, or NULL, $6 the job that fails ("<id>|<added>|<attempts made>").
WITH fence AS (
	UPDATE {schema}.deviations d
	SET status = 'failed', error_message = $3,
	    retry_count = least(d.retry_count::bigint + 1, 2147483647), last_retry_at = now() AT TIME ZONE 'UTC',
	    execution_lock_id = NULL, execution_locked_at = NULL,
	    stash_item_id = CASE WHEN $4::text IS NULL THEN d.stash_item_id END,
	    updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.execution_lock_id = $2
	  AND d.status IN ('uploading', 'publishing', 'scheduled', 'failed') -- not one that its artist took back
	RETURNING 1
), forgotten AS (
	DELETE FROM publisher.files f USING fence
	WHERE f.deviation_id = $1 AND f.file_id = $4 AND f.state <> 'published'
), item AS (
	-- What could not be known stays so; whoever schedules it again has looked, and it is asked for anew.
	UPDATE publisher.files f
	SET asks = CASE WHEN f.file_id = $5 THEN f.asks - 1 ELSE 1 END,
	    looks = 0,
	    state = CASE WHEN f.file_id = $5 AND f.asks <= 1 THEN 'submitted' ELSE f.state END,
	    publish_first_at = CASE WHEN f.file_id = $5 AND f.asks <= 1 THEN NULL ELSE f.publish_first_at END
	FROM fence
	WHERE f.deviation_id = $1 AND f.state = 'publishing' AND f.public_since IS NULL
	  AND f.file_id IS DISTINCT FROM $4
), post AS (
	INSERT INTO publisher.posts AS p (deviation_id, failed_job) SELECT $1, $6 FROM fence
	ON CONFLICT (deviation_id) DO UPDATE
	SET failed_job = $6, came_as = NULL, open_claim = NULL, crashes = 0, retries = '{}', first_refused_at = NULL, updated_at = now()
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, 'failed', $3 FROM fence
)
SELECT (SELECT count(*) FROM fence)
