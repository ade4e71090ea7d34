-- Which of DeviantArt's ids already belong to a post of ours. $1 ids as JSON array, $2 deviation, $3 file that asks.
SELECT f.published_deviation_id FROM publisher.files f
WHERE f.published_deviation_id IN (SELECT json_array_elements_text($1::json)) AND NOT (f.deviation_id = $2 AND f.file_id = $3)
UNION
SELECT d.deviation_id FROM {schema}.deviations d
WHERE d.deviation_id IN (SELECT json_array_elements_text($1::json)) AND d.id <> $2
