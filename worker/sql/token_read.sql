-- The pair as it stands now. $1 user.
SELECT access_token, refresh_token,
       (extract(epoch FROM token_expires_at - (now() AT TIME ZONE 'UTC')) * 1000)::bigint,
       (extract(epoch FROM refresh_token_expires_at - (now() AT TIME ZONE 'UTC')) * 1000)::bigint
FROM {schema}.users WHERE id = $1
