-- For `verify` beside a ledger: a page of deviations with the items that the journal, the trail and the row know of each.
-- $1 after this id, $2 how many, $3 only these (JSON array) or NULL. `asked`: how often it failed with the request to look at the gallery.
WITH page AS (
	SELECT d.id, d.status::text AS status, d.stash_only, d.stash_item_id
	FROM {schema}.deviations d
	WHERE d.id > $1 AND ($3::text IS NULL OR d.id IN (SELECT json_array_elements_text($3::json)))
	ORDER BY d.id
	LIMIT $2::integer
)
SELECT p.id, p.status, p.stash_only,
       (SELECT coalesce(json_agg(json_build_object('item', f.stash_item_id, 'state', f.state, 'post', f.published_deviation_id)
                                 ORDER BY f.file_id), '[]')
        FROM publisher.files f WHERE f.deviation_id = p.id),
       (SELECT coalesce(json_agg(DISTINCT substr(s.detail, 6)), '[]') FROM publisher.steps s
        WHERE s.deviation_id = p.id AND s.step = 'publishing' AND s.detail LIKE 'item %'),
       coalesce(p.stash_item_id, ''),
       (SELECT count(*) FROM publisher.steps s
        WHERE s.deviation_id = p.id AND s.step = 'failed' AND s.detail LIKE '%look at your gallery%')
FROM page p
ORDER BY p.id
