-- A claim ends and the post waits: the row is given free. As long as a publish of one of its files has an unknown outcome it
-- stays locked and 'publishing', whyever the claim ends: a neighbour that finds it free would publish it again. So does a post of
-- which a part is out already.
-- $1 deviation, $2 lock, $3 message for the artist or NULL, $4 category to count or NULL, $5 whether it counts as a failed attempt,
-- $6 whether it was a refusal or an outage, $7 file whose publish was refused for sure or NULL, $8 step or NULL, $9 detail.
WITH open AS (
	SELECT EXISTS (
		SELECT 1 FROM publisher.files f
		WHERE f.deviation_id = $1 AND f.state = 'publishing'
		  AND NOT (f.file_id IS NOT DISTINCT FROM $7 AND f.asks <= 1 AND f.public_since IS NULL)
	) AS unknown,
	EXISTS (SELECT 1 FROM publisher.files f WHERE f.deviation_id = $1 AND f.state = 'published') AS partly,
	EXISTS (SELECT 1 FROM publisher.posts p WHERE p.deviation_id = $1 AND p.came_as = 'publishing') AS came_publishing
), fence AS (
	-- d as it is when it is written: its artist may have taken it back while this statement waited for it.
	UPDATE {schema}.deviations d
	SET status = CASE WHEN (open.unknown OR (open.partly AND d.status IN ('uploading', 'publishing'))) THEN 'publishing'
	                  WHEN d.status = 'uploading' OR (d.status = 'publishing' AND NOT open.came_publishing) THEN 'scheduled'
	                  ELSE d.status END,
	    -- A post that was retried by hand, or published "now", stays due.
	    actual_publish_at = CASE WHEN d.status IN ('uploading', 'publishing') AND NOT open.unknown
	                             THEN least(coalesce(d.actual_publish_at, now() AT TIME ZONE 'UTC'), now() AT TIME ZONE 'UTC')
	                             ELSE d.actual_publish_at END,
	    execution_lock_id = CASE WHEN (open.unknown OR (open.partly AND d.status IN ('uploading', 'publishing'))) THEN d.execution_lock_id END,
	    execution_locked_at = CASE WHEN (open.unknown OR (open.partly AND d.status IN ('uploading', 'publishing'))) THEN now() AT TIME ZONE 'UTC' END,
	    error_message = coalesce($3, d.error_message),
	    retry_count = least(d.retry_count::bigint + $5::boolean::integer, 2147483647),
	    last_retry_at = CASE WHEN $3 IS NULL THEN d.last_retry_at ELSE now() AT TIME ZONE 'UTC' END,
	    updated_at = now() AT TIME ZONE 'UTC'
	FROM open
	WHERE d.id = $1 AND d.execution_lock_id = $2
	RETURNING 1
), item AS (
	UPDATE publisher.files f
	SET asks = f.asks - 1,
	    state = CASE WHEN f.asks <= 1 THEN 'submitted' ELSE f.state END,
	    publish_first_at = CASE WHEN f.asks > 1 THEN f.publish_first_at END
	FROM fence
	WHERE f.deviation_id = $1 AND f.file_id = $7 AND f.state = 'publishing' AND f.public_since IS NULL
), post AS (
	UPDATE publisher.posts p
	SET open_claim = NULL,
	    crashes = CASE WHEN $5::boolean THEN 0 ELSE p.crashes END,
	    retries = CASE WHEN $4::text IS NULL THEN p.retries
	                   ELSE jsonb_set(p.retries, ARRAY[$4::text],
	                                  to_jsonb(coalesce((p.retries ->> $4)::integer, 0) + 1)) END,
	    first_refused_at = CASE WHEN $6::boolean THEN coalesce(p.first_refused_at, now()) ELSE p.first_refused_at END,
	    updated_at = now()
	FROM fence WHERE p.deviation_id = $1
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, $8, $9 FROM fence WHERE $8::text IS NOT NULL
)
SELECT (SELECT count(*) FROM fence)
