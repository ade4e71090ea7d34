-- For `explain`: the trail of a deviation, in order (of a very long one its end), and beside each step what is counted over its attempts; at
-- least one row, whose step is NULL where there is none. $1 deviation, $2 how many steps at most.
SELECT coalesce(p.crashes, 0), (extract(epoch FROM p.first_refused_at) * 1000)::bigint,
       (extract(epoch FROM s.at) * 1000)::bigint, s.step, coalesce(s.detail, '')
FROM (SELECT 1) AS one
LEFT JOIN publisher.posts p ON p.deviation_id = $1
LEFT JOIN LATERAL (SELECT * FROM publisher.steps t WHERE t.deviation_id = $1 ORDER BY t.id DESC LIMIT $2::integer) s ON true
ORDER BY s.id
