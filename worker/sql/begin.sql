-- Reads all that a claim needs and takes the execution lock where it may be taken, in one statement.
-- $1 deviation, $2 user, $3 our lock ("isekai-publisher|<claimed ms>|<token>|<job id>"), $4 job id, $5 the job's name in
-- publisher.posts.failed_job, $6 how often its job was recovered by a stalled check. A lock of our format is taken over by a newer claim of the same job, any other after 30 minutes.
-- Where the lock is taken, the row is what `locked` returns: it may have changed while this statement waited for somebody else's.
WITH seen AS (
	SELECT d.*, (now() AT TIME ZONE 'UTC') AS utc_now
	FROM {schema}.deviations d
	WHERE d.id = $1
), locked AS (
	UPDATE {schema}.deviations d
	SET execution_lock_id = $3,
	    execution_locked_at = now() AT TIME ZONE 'UTC',
	    execution_version = d.execution_version + 1,
	    status = CASE WHEN d.status = 'publishing' THEN d.status ELSE 'uploading' END,
	    updated_at = now() AT TIME ZONE 'UTC'
	WHERE d.id = $1
	  AND d.user_id = $2
	  AND (d.status IN ('failed', 'publishing', 'uploading')
	       OR (d.status = 'scheduled'
	           AND (d.actual_publish_at IS NULL OR d.actual_publish_at <= now() AT TIME ZONE 'UTC')))
	  AND EXISTS (SELECT 1 FROM {schema}.deviation_files f WHERE f.deviation_id = d.id)
	  AND NOT (d.status = 'failed'
	           AND EXISTS (SELECT 1 FROM publisher.posts p WHERE p.deviation_id = d.id AND p.failed_job = $5))
	  AND (d.execution_lock_id IS NULL
	       OR d.execution_lock_id = $3
	       OR d.execution_locked_at IS NULL
	       OR d.execution_locked_at < (now() AT TIME ZONE 'UTC') - interval '30 minutes'
	       OR (starts_with(d.execution_lock_id, 'isekai-publisher|')
	           AND right(d.execution_lock_id, length($4::text) + 1) = '|' || $4
	           AND split_part(d.execution_lock_id, '|', 2) COLLATE "C" < split_part($3, '|', 2) COLLATE "C"))
	RETURNING d.*
), cur AS (
	SELECT l.*, s.utc_now,
	       CASE WHEN l.execution_version = s.execution_version + 1 THEN s.updated_at ELSE s.utc_now END AS touched_at
	FROM locked l, seen s
	UNION ALL
	SELECT s.*, s.updated_at FROM seen s WHERE NOT EXISTS (SELECT 1 FROM locked)
), post AS (
	INSERT INTO publisher.posts AS p (deviation_id, open_claim, came_as, stalls)
	SELECT $1, $3, seen.status::text, $6::integer FROM locked, seen
	ON CONFLICT (deviation_id) DO UPDATE
	SET open_claim = $3,
	    -- On this host the dispatcher proves deaths and counts them. Of a whole host that died the queue tells: a claim of ours
	    -- never ended, and the stalled check has recovered its job since.
	    crashes = p.crashes + (p.open_claim IS NOT NULL AND $6::integer > p.stalls)::integer,
	    stalls = $6::integer,
	    -- A row that we made 'publishing' ourselves still came as what it was before.
	    came_as = CASE WHEN EXCLUDED.came_as = 'publishing' THEN coalesce(p.came_as, 'publishing') ELSE EXCLUDED.came_as END,
	    failed_job = NULL,
	    updated_at = now()
	RETURNING p.crashes, p.retries, p.first_refused_at
), early AS (
	-- "Publish now", a retry by hand: the trail tells why the post went out before its date.
	INSERT INTO publisher.steps (deviation_id, step, detail)
	SELECT $1, 'due at once', 'the row was ' || seen.status::text
	FROM locked, seen
	WHERE locked.actual_publish_at > seen.utc_now AND seen.status <> 'scheduled'
	  AND NOT EXISTS (SELECT 1 FROM publisher.steps s WHERE s.deviation_id = $1 AND s.step = 'due at once')
)
SELECT s.status::text, s.user_id, (SELECT execution_version FROM locked),
       s.execution_lock_id,
       (extract(epoch FROM s.utc_now - s.execution_locked_at) * 1000)::bigint AS locked_for_ms,
       (extract(epoch FROM s.actual_publish_at - s.utc_now) * 1000)::bigint AS due_in_ms,
       s.title, s.description, to_json(s.tags), s.category_path, to_json(s.gallery_ids),
       s.is_mature, s.mature_level::text, s.allow_comments, s.allow_free_download, s.is_ai_generated, s.no_ai,
       s.stash_only, s.add_watermark, s.display_resolution, s.upload_mode::text,
       s.stash_item_id, s.deviation_id, s.deviation_url,
       (extract(epoch FROM s.utc_now - s.touched_at) * 1000)::bigint AS untouched_ms,
       u.access_token, u.refresh_token,
       (extract(epoch FROM u.token_expires_at - s.utc_now) * 1000)::bigint AS token_left_ms,
       (extract(epoch FROM u.refresh_token_expires_at - s.utc_now) * 1000)::bigint AS refresh_left_ms,
       (SELECT json_agg(json_build_object('id', f.id, 'name', f.original_filename, 'key', f.storage_key,
                                          'type', f.mime_type, 'size', f.file_size)
                        ORDER BY f.sort_order, f.created_at, f.id)
        FROM {schema}.deviation_files f WHERE f.deviation_id = $1) AS files,
       (SELECT json_agg(json_build_object('id', j.file_id, 'item', j.stash_item_id, 'digest', j.digest, 'title', j.title, 'state', j.state,
                'first_ms', (extract(epoch FROM now() - j.publish_first_at) * 1000)::bigint,
                'first_at', extract(epoch FROM j.publish_first_at)::bigint,
                'last_ms', (extract(epoch FROM now() - j.publish_last_at) * 1000)::bigint,
                'public_ms', (extract(epoch FROM now() - j.public_since) * 1000)::bigint,
                'asks', j.asks, 'looks', j.looks, 'gone', j.item_gone,
                'deviation_id', j.published_deviation_id, 'url', j.url))
        FROM publisher.files j WHERE j.deviation_id = $1) AS journal,
       (SELECT crashes FROM post), (SELECT retries::text FROM post),
       (SELECT (extract(epoch FROM now() - first_refused_at) * 1000)::bigint FROM post) AS refused_for_ms,
       s.status = 'failed' AND EXISTS (SELECT 1 FROM publisher.posts p WHERE p.deviation_id = $1 AND p.failed_job = $5) AS ended,
       s.error_message, u.username
FROM cur s
LEFT JOIN {schema}.users u ON u.id = s.user_id
