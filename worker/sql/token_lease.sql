-- The right to refresh a user's token, for $4 ms. $1 user, $2 holder, $3 SHA-256 of the refresh token that will be presented.
-- No row: somebody else holds it.
INSERT INTO publisher.token_leases AS l (user_id, holder, expires_at, refresh_token_digest, started_at)
VALUES ($1, $2, now() + ($4 || ' ms')::interval, $3, now())
ON CONFLICT (user_id) DO UPDATE
SET holder = $2, expires_at = now() + ($4 || ' ms')::interval, refresh_token_digest = $3, started_at = now()
WHERE l.expires_at < now() OR l.holder = $2
RETURNING 1
