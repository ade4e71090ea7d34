-- What the API server would put in the queue for these deviations. $1 ids as JSON array.
SELECT d.id, d.user_id, d.upload_mode::text, d.status::text,
       coalesce((extract(epoch FROM d.actual_publish_at - (now() AT TIME ZONE 'UTC')) * 1000)::bigint, 0) AS due_in_ms,
       (SELECT count(*) FROM {schema}.deviation_files f WHERE f.deviation_id = d.id) AS files
FROM {schema}.deviations d
WHERE d.id IN (SELECT json_array_elements_text($1::json))
