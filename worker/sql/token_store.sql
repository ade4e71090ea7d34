-- The new pair, by compare-and-set on the old refresh token. The lease is not touched: who stores a pair that somebody else
-- parked may hold the lease for a refresh of his own, and still needs it.
-- $1 user, $2 old refresh token, $3 new access token, $4 new refresh token, $5 life of the access token in seconds.
-- Each refresh starts three new months (deviantart-api.md 3.3); the API server books 90 days too.
WITH stored AS (
	UPDATE {schema}.users
	SET access_token = $3, refresh_token = $4,
	    token_expires_at = (now() AT TIME ZONE 'UTC') + ($5 || ' s')::interval,
	    refresh_token_expires_at = (now() AT TIME ZONE 'UTC') + interval '90 days',
	    last_refresh_token_refresh = now() AT TIME ZONE 'UTC',
	    refresh_token_warning_email_sent = false,
	    refresh_token_expired_email_sent = false,
	    updated_at = now() AT TIME ZONE 'UTC'
	WHERE id = $1 AND refresh_token = $2
	RETURNING 1
)
SELECT count(*) FROM stored
