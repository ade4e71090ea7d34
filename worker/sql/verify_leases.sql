-- For `verify`: leases that ended without anybody saying so, on tokens that are still stored: they may be spent. $1 after this user, $2 how many.
SELECT l.user_id, l.started_at::text
FROM publisher.token_leases l
JOIN {schema}.users u ON u.id = l.user_id
WHERE l.user_id > $1 AND NOT l.refused AND l.expires_at < clock_timestamp()
  AND l.refresh_token_digest = encode(sha256(convert_to(u.refresh_token, 'UTF8')), 'hex')
ORDER BY l.user_id
LIMIT $2::integer
