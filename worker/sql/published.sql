-- A file is public; with $8 it was the last one and the whole post ends: row, journal, sale queue in one transaction.
-- $1 deviation, $2 lock, $3 file ('' = none: stash_only), $4 DeviantArt's id or NULL, $5 url or NULL, $6 the first file's id,
-- $7 the first file's url, $8 last, $9 item of the first file, $10 step, $11 detail, $12 whether the sale queue is served.
WITH fence AS (
	UPDATE {schema}.deviations d
	SET execution_locked_at = CASE WHEN $8::boolean THEN NULL ELSE now() AT TIME ZONE 'UTC' END,
	    execution_lock_id = CASE WHEN $8::boolean THEN NULL ELSE d.execution_lock_id END,
	    status = CASE WHEN $8::boolean THEN 'published' ELSE d.status END,
	    deviation_id = CASE WHEN $8::boolean THEN $6 ELSE d.deviation_id END,
	    deviation_url = CASE WHEN $8::boolean THEN $7 ELSE d.deviation_url END,
	    stash_item_id = coalesce($9, d.stash_item_id),
	    published_at = CASE WHEN $8::boolean THEN now() AT TIME ZONE 'UTC' ELSE d.published_at END,
	    post_count_incremented = d.post_count_incremented OR $8::boolean,
	    error_message = CASE WHEN $8::boolean THEN NULL ELSE d.error_message END,
	    updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1 AND d.execution_lock_id = $2
	RETURNING d.user_id, d.automation_id, d.stash_only
), item AS (
	UPDATE publisher.files f
	SET state = 'published', published_deviation_id = $4, url = $5, published_at = now()
	FROM fence
	WHERE f.deviation_id = $1 AND f.file_id = $3
	RETURNING 1
), ended AS (
	DELETE FROM publisher.posts USING fence WHERE deviation_id = $1 AND $8::boolean
), post AS (
	UPDATE publisher.posts SET crashes = 0, first_refused_at = NULL, updated_at = now()
	FROM fence WHERE deviation_id = $1 AND NOT $8::boolean
), sale AS (
	INSERT INTO {schema}.sale_queue (id, user_id, deviation_id, price_preset_id, price)
	SELECT gen_random_uuid()::text, fence.user_id, $1, p.id,
	       CASE WHEN p.min_price IS NOT NULL AND p.max_price IS NOT NULL AND p.max_price >= p.min_price
	            THEN (p.min_price + floor(random() * (p.max_price::bigint - p.min_price + 1))::bigint)::integer
	            ELSE p.price END
	FROM fence
	JOIN {schema}.automations a ON a.id = fence.automation_id AND a.auto_add_to_sale_queue
	JOIN {schema}.price_presets p ON p.id = a.sale_queue_preset_id
	WHERE $8::boolean AND $12::boolean AND NOT fence.stash_only
	ON CONFLICT (deviation_id) DO NOTHING
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT $1, $10, $11 FROM fence
)
SELECT (SELECT count(*) FROM fence)
