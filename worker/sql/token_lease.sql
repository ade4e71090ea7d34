-- The right to refresh a user's token, for $4 ms. $1 user, $2 holder, $3 SHA-256 of the refresh token that will be presented.
-- 'taken', 'refused' (this very token was presented a short while ago, and is dead), or no row: somebody else holds it.
WITH lease AS (
	INSERT INTO publisher.token_leases AS l (user_id, holder, expires_at, refresh_token_digest, started_at)
	VALUES ($1, $2, now() + ($4 || ' ms')::interval, $3, now())
	ON CONFLICT (user_id) DO UPDATE
	SET holder = $2, expires_at = now() + ($4 || ' ms')::interval, refresh_token_digest = $3, refused = false, started_at = now()
	WHERE (l.expires_at < now() OR l.holder = $2)
	  AND NOT (l.refused AND l.refresh_token_digest = $3 AND l.started_at > now() - interval '10 minutes')
	RETURNING 1
)
SELECT 'taken' FROM lease
UNION ALL
SELECT 'refused' FROM publisher.token_leases
WHERE user_id = $1 AND refused AND refresh_token_digest = $3 AND started_at > now() - interval '10 minutes'
  AND NOT EXISTS (SELECT 1 FROM lease)
