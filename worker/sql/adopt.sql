-- A stash_item_id on the row that the journal does not know (a Node worker's): the first file's item, outcome unknown.
-- $1 deviation, $2 lock, $3 file, $4 item, $5 how long ago the row was last touched, ms.
WITH fence AS (
	SELECT 1 FROM {schema}.deviations d WHERE d.id = $1 AND d.execution_lock_id = $2 FOR UPDATE
)
INSERT INTO publisher.files (deviation_id, file_id, stash_item_id, digest, state, publish_first_at, publish_last_at, asks)
SELECT $1, $3, $4, '', 'publishing', now() - ($5 || ' ms')::interval, now() - ($5 || ' ms')::interval, 1 FROM fence
ON CONFLICT DO NOTHING
