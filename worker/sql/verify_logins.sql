-- For `verify` beside a ledger: of users (JSON array of names, $1) the digest of the stored refresh token, whether somebody refreshes it now,
-- and whether the artist was told to connect again.
SELECT u.id, u.username, encode(sha256(convert_to(u.refresh_token, 'UTF8')), 'hex'),
       EXISTS (SELECT 1 FROM publisher.token_leases l WHERE l.user_id = u.id AND l.expires_at >= clock_timestamp()),
       EXISTS (SELECT 1 FROM publisher.token_leases l WHERE l.user_id = u.id AND l.refused)
       OR EXISTS (SELECT 1 FROM {schema}.deviations d JOIN publisher.steps s ON s.deviation_id = d.id
                  WHERE d.user_id = u.id AND s.step IN ('failed', 'paused') AND s.detail LIKE 'DeviantArt no longer accepts the login%')
FROM {schema}.users u
WHERE u.username IN (SELECT json_array_elements_text($1::json))
