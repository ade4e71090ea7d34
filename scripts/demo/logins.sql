-- Who may log in with what, for the sandbox, as JSON. cleo's refresh token is not among them: DeviantArt knows it no more.
SELECT json_agg(json_strip_nulls(json_build_object(
	'username', name,
	'userid', md5('deviantart' || id)::uuid,
	'access_token', access,
	'access_expires_in_s', CASE login WHEN 'good' THEN 3600 ELSE 0 END,
	'refresh_token', CASE WHEN login <> 'dead' THEN refresh END)))
FROM demo.artists;
