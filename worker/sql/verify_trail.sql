-- For `verify`: a page of the trail's texts. $1 after this id, $2 how many.
SELECT s.id, s.deviation_id, coalesce(s.detail, '') FROM publisher.steps s WHERE s.id > $1::bigint ORDER BY s.id LIMIT $2::integer
