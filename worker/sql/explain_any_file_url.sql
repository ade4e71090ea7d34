-- For `explain`: the same as explain_any_url.sql, of posts that are not the first file's. $1 as in explain_url.sql.
SELECT f.deviation_id FROM publisher.files f WHERE right(f.url, length($1)) = $1 LIMIT 1
