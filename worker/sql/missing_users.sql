-- For `breaker`, `limit`: which of these users do not exist. $1 ids (JSON array).
SELECT t FROM json_array_elements_text($1::json) t WHERE NOT EXISTS (SELECT 1 FROM {schema}.users u WHERE u.id = t)
