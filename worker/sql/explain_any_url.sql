-- For `explain`: the same among everybody's, for an artist who has another name today. $1 as in explain_url.sql.
SELECT d.id FROM {schema}.deviations d WHERE right(d.deviation_url, length($1)) = $1 LIMIT 1
