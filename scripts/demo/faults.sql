-- What goes wrong, for the sandbox, as JSON: which request of whom, and how. Each once unless it says otherwise.
WITH fault (number, endpoint, artist, mode, rest) AS (VALUES
	(1, 'submit', 1, 1, '{"action": "status", "status": 500, "body": {"error": "server_error", "status": "error"}}'::jsonb),
	(2, 'submit', 2, NULL, '{"action": "status", "status": 429, "count": 3, "skip": 2, "headers": {"Retry-After": "2"},
		"body": {"error": "user_api_threshold", "error_description": "User request limit reached.", "status": "error"}}'),
	(3, 'submit', 5, 1, '{"action": "truncate"}'),
	(4, 'publish', 5, 3, '{"action": "reset_after", "skip": 1}'),
	(5, 'publish', 5, 5, '{"action": "reset_after"}'),
	(6, 'submit', 6, 5, '{"action": "status", "status": 503, "body": "<html>maintenance</html>"}'),
	(7, 's3', 6, 1, '{"action": "status", "status": 500}')
)
SELECT json_agg(rest || jsonb_build_object('match', jsonb_strip_nulls(CASE endpoint
	WHEN 's3' THEN jsonb_build_object('endpoint', endpoint, 'key', pictures.key)
	ELSE jsonb_build_object('endpoint', endpoint, 'user', artists.name, 'title', left(plan.title, 50)) END)) ORDER BY fault.number)
FROM fault
JOIN demo.artists ON artists.number = fault.artist
LEFT JOIN demo.plan ON plan.artist = fault.artist AND plan.mode = fault.mode
LEFT JOIN demo.pictures ON pictures.plan_id = plan.id AND pictures.number = 1;
