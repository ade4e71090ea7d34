-- A job that can never be done fails before a lock was taken (no files, for example). $1 deviation, $2 user, $3 message.
WITH row AS (
	UPDATE {schema}.deviations d
	SET status = 'failed', error_message = $3, retry_count = d.retry_count + 1,
	    last_retry_at = now() AT TIME ZONE 'UTC', updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.user_id = $2 AND d.execution_lock_id IS NULL
	  AND d.status IN ('scheduled', 'uploading', 'publishing')
	RETURNING 1
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, 'failed', $3 FROM row
)
SELECT (SELECT count(*) FROM row)
