-- An upload was accepted: its item is fixed for the file, by whoever holds the execution lock.
-- $1 deviation, $2 lock, $3 file, $4 item, $5 digest, $6 whether it is the first file, $7 detail for the trail, $8 title as submitted.
-- Nothing is written where the lock is another's, or where the file's item was already asked to publish.
WITH fence AS (
	UPDATE {schema}.deviations d
	SET stash_item_id = CASE WHEN $6::boolean THEN $4 ELSE d.stash_item_id END,
	    execution_locked_at = now() AT TIME ZONE 'UTC',
	    updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.execution_lock_id = $2
	RETURNING 1
), item AS (
	INSERT INTO publisher.files AS f (deviation_id, file_id, stash_item_id, digest, title, state)
	SELECT $1, $3, $4, $5, $8, 'submitted' FROM fence
	ON CONFLICT (deviation_id, file_id) DO UPDATE
	SET stash_item_id = $4, digest = $5, title = $8, uploads = f.uploads + 1, submitted_at = now(), item_gone = false
	WHERE f.state = 'submitted'
	RETURNING 1
), post AS (
	UPDATE publisher.posts SET crashes = 0, first_refused_at = NULL, updated_at = now()
	FROM item WHERE deviation_id = $1
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, 'uploaded', $7 FROM item
)
SELECT (SELECT count(*) FROM fence), (SELECT count(*) FROM item)
