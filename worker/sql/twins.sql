-- How many other files of the same user, under the same title, have a publish whose outcome or link is not known: each may be the
-- post that the gallery shows. $1 user, $2 title, $3 deviation, $4 file that asks.
SELECT count(*)
FROM publisher.files f
JOIN {schema}.deviations d ON d.id = f.deviation_id
WHERE d.user_id = $1 AND coalesce(f.title, d.title) = $2 AND f.state = 'publishing' AND NOT (f.deviation_id = $3 AND f.file_id = $4)
