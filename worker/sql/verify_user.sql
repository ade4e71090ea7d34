-- For `verify`: one user's stored refresh token, and whether somebody refreshes it now. $1 user.
SELECT u.refresh_token,
       EXISTS (SELECT 1 FROM publisher.token_leases l WHERE l.user_id = u.id AND l.expires_at >= clock_timestamp()) AS refreshed_now
FROM {schema}.users u
WHERE u.id = $1
