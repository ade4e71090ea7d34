-- The latest post of the same artist that went out through this service: its metadata name our application.
-- $1 user, $2 deviation, $3 file that asks.
SELECT f.published_deviation_id
FROM {schema}.deviations d
JOIN publisher.files f ON f.deviation_id = d.id
WHERE d.user_id = $1 AND f.published_deviation_id IS NOT NULL AND NOT (f.deviation_id = $2 AND f.file_id = $3)
ORDER BY d.published_at DESC NULLS LAST, f.published_deviation_id COLLATE "C"
LIMIT 1
