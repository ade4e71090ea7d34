-- For /status: users whose login DeviantArt refuses (0), or is refreshed at this moment (until when); the latest first, and how many there are.
-- $1 how many are named. A refused token that is not stored any more is history.
SELECT l.user_id, CASE WHEN l.refused THEN 0 ELSE (extract(epoch FROM l.expires_at) * 1000)::bigint END, count(*) OVER ()
FROM publisher.token_leases l
JOIN {schema}.users u ON u.id = l.user_id
WHERE (l.refused AND l.refresh_token_digest = encode(sha256(convert_to(u.refresh_token, 'UTF8')), 'hex'))
   OR (NOT l.refused AND l.expires_at > clock_timestamp())
ORDER BY l.started_at DESC, l.user_id
LIMIT $1::integer
