-- For `breaker --reset`, `limit --reset`: a page of the posts whose jobs may wait for a gate: those that are due. $1 after this id, $2 how many, $3
-- their artist, or NULL for everybody's. What became of an unknown outcome is asked when its time has come, and no sooner.
SELECT d.id FROM {schema}.deviations d
WHERE d.id > $1
  AND ($3::text IS NULL OR d.user_id = $3)
  AND d.status IN ('scheduled', 'uploading', 'publishing')
  AND (d.status <> 'scheduled' OR d.actual_publish_at <= now() AT TIME ZONE 'UTC')
  AND NOT EXISTS (SELECT 1 FROM publisher.files f WHERE f.deviation_id = d.id AND f.state = 'publishing')
ORDER BY d.id
LIMIT $2::integer
