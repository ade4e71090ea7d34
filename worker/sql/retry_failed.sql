-- For `retry --failed`: a page of the posts that have failed. $1 after this id, $2 how many.
SELECT d.id FROM {schema}.deviations d WHERE d.status = 'failed' AND d.id > $1 ORDER BY d.id LIMIT $2::integer
