-- Which of these sessions will not answer what their clients wait for: they are gone, or have had nothing to do for a while. Either the
-- question never came or the answer was sent long ago. What a session does take its time for is not among them. No row behind a pooler,
-- whose clients are told numbers of its own.
-- $1 the sessions' pids, $2 the asker's own pid as it was told, $3 a while, ms.
SELECT asked.pid
FROM unnest($1::integer[]) AS asked (pid)
LEFT JOIN pg_stat_activity a ON a.pid = asked.pid
WHERE pg_backend_pid() = $2::integer
  AND (a.pid IS NULL OR (a.state = 'idle' AND a.state_change < clock_timestamp() - ($3 || ' ms')::interval))
