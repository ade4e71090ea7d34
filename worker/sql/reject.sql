-- A job that can never be done fails before a lock was taken (no files, for example), where begin.sql would have taken it.
-- $1 deviation, $2 user, $3 message, $4 job id.
WITH row AS (
	UPDATE {schema}.deviations d
	SET status = 'failed', error_message = $3, execution_lock_id = NULL, execution_locked_at = NULL, retry_count = least(d.retry_count::bigint + 1, 2147483647),
	    last_retry_at = now() AT TIME ZONE 'UTC', updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.user_id = $2 AND (d.execution_lock_id IS NULL
	       OR d.execution_locked_at IS NULL
	       OR d.execution_locked_at < (now() AT TIME ZONE 'UTC') - interval '30 minutes'
	       OR (starts_with(d.execution_lock_id, 'isekai-publisher|')
	           AND right(d.execution_lock_id, length($4::text) + 1) = '|' || $4))
	  AND d.status IN ('scheduled', 'uploading', 'publishing', 'failed')
	RETURNING 1
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, 'failed', $3 FROM row
)
SELECT (SELECT count(*) FROM row)
