-- For `verify`: a page of deviations with all that the journal knows of each. $1 after this id, $2 how many, $3 only these (JSON array) or NULL.
-- `attempts` is how many attempts the trail has seen end; `early` whether the post was asked for before its date.
WITH page AS (
	SELECT d.*, (now() AT TIME ZONE 'UTC') AS utc_now,
	       CASE WHEN isfinite(d.actual_publish_at) THEN d.actual_publish_at END AS due_at -- anybody may have written "infinity"
	FROM {schema}.deviations d
	WHERE d.id > $1 AND ($3::text IS NULL OR d.id IN (SELECT json_array_elements_text($3::json)))
	ORDER BY d.id
	LIMIT $2::integer
)
SELECT p.id, p.status::text, p.user_id, p.stash_only, p.deviation_id, p.deviation_url, coalesce(p.error_message, ''),
       coalesce(p.execution_lock_id, ''), p.execution_version, p.post_count_incremented,
       (extract(epoch FROM p.utc_now - p.due_at) * 1000)::bigint AS overdue_ms,
       (extract(epoch FROM p.utc_now - nullif(nullif(p.updated_at, 'infinity'), '-infinity')) * 1000)::bigint AS untouched_ms,
       (extract(epoch FROM p.utc_now - nullif(nullif(p.execution_locked_at, 'infinity'), '-infinity')) * 1000)::bigint AS locked_for_ms,
       (extract(epoch FROM nullif(nullif(p.published_at, 'infinity'), '-infinity') - p.due_at) * 1000)::bigint AS late_ms,
       (extract(epoch FROM p.due_at) * 1000)::bigint AS due_ms,
       p.updated_at::text,
       coalesce(j.published, 0), coalesce(j.publishing, 0), coalesce(j.without_link, 0), coalesce(j.spare, 0), j.post_id, j.files,
       (SELECT count(*) FROM {schema}.sale_queue s WHERE s.deviation_id = p.id),
       o.deviation_id IS NOT NULL AS worked,
       coalesce(t.attempts, 0), coalesce(t.early, false), j.texts,
       CASE WHEN p.upload_mode = 'multiple' THEN (SELECT count(*) FROM {schema}.deviation_files f WHERE f.deviation_id = p.id) ELSE 1 END AS wanted,
       (extract(epoch FROM p.utc_now - nullif(nullif(p.published_at, 'infinity'), '-infinity')) * 1000)::bigint AS published_ago_ms
FROM page p
LEFT JOIN LATERAL (
	SELECT count(*) FILTER (WHERE f.state = 'published') AS published,
	       count(*) FILTER (WHERE f.state = 'publishing') AS publishing,
	       count(*) FILTER (WHERE f.state = 'published' AND (f.published_deviation_id IS NULL OR f.url IS NULL)) AS without_link,
	       sum(f.uploads - 1) AS spare,
	       min(f.published_deviation_id) FILTER (WHERE f.published_deviation_id = p.deviation_id) AS post_id,
	       count(f.published_deviation_id) AS files,
	       string_agg(concat_ws(' ', f.title, f.url), E'\n') AS texts
	FROM publisher.files f WHERE f.deviation_id = p.id
) j ON true
LEFT JOIN publisher.posts o ON o.deviation_id = p.id
LEFT JOIN LATERAL (
	SELECT count(*) FILTER (WHERE s.step IN ('attempt failed', 'failed', 'taken back', 'published', 'published_now', 'no_link',
	                                          'recorded', 'stashed')) AS attempts,
	       bool_or(s.step = 'due at once') AS early
	FROM publisher.steps s WHERE s.deviation_id = p.id
) t ON true
ORDER BY p.id
