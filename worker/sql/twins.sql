-- The other files of the same user that have a publish whose outcome or link is not known, with the title and size by which the
-- gallery shows them: each may be a post that is found there. The last column: whether it has read the gallery since.
-- $1 user, $2 deviation, $3 file that asks.
SELECT coalesce(f.title, d.title), coalesce(df.file_size, -1), (f.looks > 0)::integer
FROM publisher.files f
JOIN {schema}.deviations d ON d.id = f.deviation_id
LEFT JOIN {schema}.deviation_files df ON df.id = f.file_id
WHERE d.user_id = $1 AND f.state = 'publishing' AND NOT (f.deviation_id = $2 AND f.file_id = $3)
