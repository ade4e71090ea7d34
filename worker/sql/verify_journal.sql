-- For `verify`: what no two may share. An item in two files, a post of DeviantArt's at two deviations.
SELECT 'item' AS kind, f.stash_item_id AS id, string_agg(f.deviation_id || ' file ' || f.file_id, ', ' ORDER BY f.deviation_id, f.file_id) AS who
FROM publisher.files f
GROUP BY f.stash_item_id
HAVING count(*) > 1
UNION ALL
SELECT 'post', f.published_deviation_id, 'the journal has it at ' || f.deviation_id || ', the row of ' || d.id || ' names it, too'
FROM publisher.files f
JOIN {schema}.deviations d ON d.deviation_id = f.published_deviation_id
WHERE d.id <> f.deviation_id
LIMIT 1000
