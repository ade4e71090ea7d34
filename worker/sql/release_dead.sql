-- A dead process' rows are given free before its jobs move: a Node neighbour completes a job whose row it finds locked.
-- Rows with an unknown outcome, and those of which a part is out, stay locked. Its leases to refresh a token end; their rows stay, as a note that the stored
-- refresh token may have been presented. Its death is counted against the posts that it worked on, where it blames them. $1 deviation ids as JSON array,
-- $2 the dead process' token, $3 whether it blames them.
WITH lease AS (
	UPDATE publisher.token_leases SET expires_at = now() WHERE holder = $2 AND expires_at > now()
), post AS (
	UPDATE publisher.posts p
	SET crashes = p.crashes + $3::boolean::integer, open_claim = NULL, updated_at = now()
	WHERE p.deviation_id IN (SELECT json_array_elements_text($1::json)) AND split_part(p.open_claim, '|', 3) = $2
)
UPDATE {schema}.deviations d
SET execution_lock_id = NULL, execution_locked_at = NULL,
    status = CASE WHEN d.status = 'uploading' THEN 'scheduled' ELSE d.status END,
    actual_publish_at = CASE WHEN d.status = 'uploading'
                             THEN least(coalesce(d.actual_publish_at, now() AT TIME ZONE 'UTC'), now() AT TIME ZONE 'UTC')
                             ELSE d.actual_publish_at END,
    updated_at = now() AT TIME ZONE 'UTC'
WHERE d.id IN (SELECT json_array_elements_text($1::json))
  AND starts_with(d.execution_lock_id, 'isekai-publisher|')
  AND split_part(d.execution_lock_id, '|', 3) = $2
  AND NOT EXISTS (SELECT 1 FROM publisher.files f WHERE f.deviation_id = d.id AND f.state IN ('publishing', 'published'))
