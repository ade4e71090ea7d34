-- For `explain`: one deviation as the API server has it, whether there is a journal, and PostgreSQL's clock; always one row. $1 its id, or DeviantArt's
-- of its post, $2 another id that it may have, or NULL. The tokens are read so that no text that holds one is shown; they are wiped at once.
SELECT to_regclass('publisher.steps') IS NOT NULL, (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
       d.id, d.user_id, u.username, d.title, d.status::text, coalesce(d.error_message, ''), coalesce(d.execution_lock_id, ''),
       coalesce(d.deviation_url, ''), d.stash_only, d.upload_mode = 'multiple',
       CASE WHEN isfinite(d.actual_publish_at) THEN (extract(epoch FROM d.actual_publish_at) * 1000)::bigint END,
       CASE WHEN isfinite(d.published_at) THEN (extract(epoch FROM d.published_at) * 1000)::bigint END,
       CASE WHEN isfinite(d.updated_at) THEN (extract(epoch FROM d.updated_at) * 1000)::bigint END,
       CASE WHEN isfinite(d.execution_locked_at) THEN (extract(epoch FROM d.execution_locked_at) * 1000)::bigint END,
       (SELECT count(*) FROM {schema}.deviation_files f WHERE f.deviation_id = d.id),
       coalesce(u.access_token, ''), coalesce(u.refresh_token, '')
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
	SELECT x.* FROM {schema}.deviations x
	WHERE x.id = $1 OR x.id = $2 OR x.deviation_id = $1
	ORDER BY x.id = $1 DESC, x.deviation_id IS DISTINCT FROM $1 DESC
	LIMIT 1
) d ON true
LEFT JOIN {schema}.users u ON u.id = d.user_id
