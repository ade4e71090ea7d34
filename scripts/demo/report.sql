-- What became of each: a line for each deviation, and for "multiple" one for each of its posts.
\pset border 0
\pset footer off
SELECT CASE WHEN first THEN rpad(left(title, 26), 26) ELSE '' END AS "deviation",
       CASE WHEN first THEN username ELSE '' END AS "artist",
       CASE WHEN first THEN mode_name ELSE '' END AS "mode",
       CASE WHEN first THEN status ELSE '' END AS "status",
       CASE WHEN first AND state <> 'removed' THEN attempts::text ELSE '' END AS "tries",
       CASE WHEN url IS NOT NULL THEN url
            WHEN status = 'published' AND posts_wanted = 0 THEN 'in Sta.sh, item ' || stash_item_id
            ELSE left(coalesce(error_message, 'no address'), 100) END
       || CASE WHEN first AND story IS NOT NULL THEN '   (' || story || ')' ELSE '' END AS "address or reason"
FROM (SELECT *, number = 1 AS first FROM demo.outcomes WHERE number = 1 OR url IS NOT NULL) AS shown
ORDER BY shown.artist, shown.mode, shown.number, shown.time_ms;
