-- What reconciliation found out about an item whose publish had an unknown outcome.
-- $1 deviation, $2 lock, $3 file, $4 known to be public, $5 the item is gone, $6 whether the gallery was read, $7 step, $8 detail.
WITH fence AS (
	UPDATE {schema}.deviations d
	SET execution_locked_at = now() AT TIME ZONE 'UTC', updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.execution_lock_id = $2
	RETURNING 1
), item AS (
	UPDATE publisher.files f
	SET public_since = CASE WHEN $4::boolean THEN coalesce(f.public_since, now()) ELSE f.public_since END,
	    item_gone = f.item_gone OR $5::boolean,
	    looks = f.looks + $6::boolean::integer
	FROM fence
	WHERE f.deviation_id = $1 AND f.file_id = $3 AND f.state = 'publishing'
	RETURNING 1
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, $7, $8 FROM item WHERE $7::text IS NOT NULL
)
SELECT (SELECT count(*) FROM fence), (SELECT count(*) FROM item)
