-- Rows whose outcome is unknown, or of which a part is out, stay locked against neighbours, who take a lock for stale after 30 minutes.
UPDATE {schema}.deviations d
SET execution_locked_at = now() AT TIME ZONE 'UTC', updated_at = now() AT TIME ZONE 'UTC'
WHERE starts_with(d.execution_lock_id, 'isekai-publisher|')
  AND d.execution_locked_at < (now() AT TIME ZONE 'UTC') - interval '10 minutes'
  AND d.status = 'publishing'
  AND EXISTS (SELECT 1 FROM publisher.files f WHERE f.deviation_id = d.id AND f.state IN ('publishing', 'published'))
