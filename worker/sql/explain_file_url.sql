-- For `explain`: the same where the post is not the first file's, whose link alone the row has. $1, $2 as in explain_url.sql.
SELECT f.deviation_id
FROM {schema}.users u JOIN {schema}.deviations d ON d.user_id = u.id JOIN publisher.files f ON f.deviation_id = d.id
WHERE u.username = $2 AND right(f.url, length($1)) = $1
LIMIT 1
