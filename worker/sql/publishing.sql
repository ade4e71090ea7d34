-- The fence before the request that cannot be taken back: the lock is proven ours and the intention is committed.
-- A row that its artist took back meanwhile is given free instead.
-- $1 deviation, $2 lock, $3 file, $4 item, $5 the state the file must be in ('submitted'; 'publishing' when it is
-- asked again), $6 whether an outcome becomes unknown by it (1; 0 where the request before it was surely refused).
WITH fence AS (
	UPDATE {schema}.deviations d
	SET status = 'publishing',
	    execution_locked_at = now() AT TIME ZONE 'UTC',
	    updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.execution_lock_id = $2
	  AND d.status IN ('uploading', 'publishing', 'failed', 'scheduled')
	RETURNING 1
), taken_back AS (
	UPDATE {schema}.deviations d
	SET execution_lock_id = NULL, execution_locked_at = NULL, updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.execution_lock_id = $2
	  AND d.status NOT IN ('uploading', 'publishing', 'failed', 'scheduled')
	RETURNING 1
), post AS (
	UPDATE publisher.posts p SET open_claim = NULL FROM taken_back WHERE p.deviation_id = $1
), item AS (
	UPDATE publisher.files f
	SET state = 'publishing',
	    publish_first_at = coalesce(f.publish_first_at, now()),
	    publish_last_at = now(),
	    asks = f.asks + $6::integer
	FROM fence
	WHERE f.deviation_id = $1 AND f.file_id = $3 AND f.stash_item_id = $4 AND f.state = $5
	RETURNING extract(epoch FROM f.publish_first_at)::bigint AS first_at
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, 'publishing', 'item ' || $4 FROM item
)
SELECT (SELECT count(*) FROM fence), (SELECT count(*) FROM item), (SELECT first_at FROM item)
