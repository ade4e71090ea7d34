-- For `verify`: sessions of publishers that hold what none of them ever holds for long. A publisher's statements stand alone.
SELECT a.pid::text, 'idle' AS what, a.application_name, a.xact_start::text, left(a.state, 40)
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.application_name LIKE 'isekai-publisher%'
  AND a.application_name <> 'isekai-publisher verify'
  AND a.state LIKE 'idle in transaction%' AND a.state_change < clock_timestamp() - interval '2 seconds'
UNION ALL
SELECT a.pid::text, 'advisory', a.application_name, a.backend_start::text, l.classid || '/' || l.objid
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() AND a.application_name LIKE 'isekai-publisher%'
