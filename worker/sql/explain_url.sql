-- For `explain`: the deviation whose post has this link, among its artist's. $1 what its link ends with: the post's number, which stays when a
-- title or a name changes; $2 the artist's name as the link has it. A statement of its own, for only so its plan is that of a few rows.
SELECT d.id FROM {schema}.users u JOIN {schema}.deviations d ON d.user_id = u.id
WHERE u.username = $2 AND right(d.deviation_url, length($1)) = $1
LIMIT 1
