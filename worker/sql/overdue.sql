-- Deviations that ought to have a job: due ones, ones that somebody left half done, ones with an unknown outcome. $1 how many at most, $2 after
-- this id (paging), $3 only this one or NULL. `worked`: a claim of ours has been at it, so that its job may well be due later than the row.
SELECT d.id, d.user_id, d.upload_mode::text, d.status::text,
       EXISTS (SELECT 1 FROM publisher.posts p WHERE p.deviation_id = d.id) AS worked
FROM {schema}.deviations d
WHERE d.id > $2
  AND ($3::text IS NULL OR d.id = $3)
  AND ((d.status = 'scheduled' AND d.actual_publish_at <= (now() AT TIME ZONE 'UTC') - interval '5 seconds')
       OR (d.status IN ('uploading', 'publishing')
           AND d.updated_at < (now() AT TIME ZONE 'UTC') - interval '30 seconds'
           AND (d.execution_lock_id IS NULL
                OR d.execution_locked_at < (now() AT TIME ZONE 'UTC') - interval '30 minutes'
                OR starts_with(d.execution_lock_id, 'isekai-publisher|'))))
ORDER BY d.id
LIMIT $1::integer
