-- For `explain`: the files of a deviation in the order they go out, with what the journal knows of each. $1 deviation.
SELECT f.id, f.original_filename, coalesce(j.state, ''), coalesce(j.url, ''),
       (extract(epoch FROM j.publish_last_at) * 1000)::bigint, (extract(epoch FROM j.public_since) * 1000)::bigint,
       coalesce(j.asks, 0), coalesce(j.looks, 0), coalesce(j.item_gone, false)
FROM {schema}.deviation_files f
LEFT JOIN publisher.files j ON j.deviation_id = f.deviation_id AND j.file_id = f.id
WHERE f.deviation_id = $1
ORDER BY f.sort_order, f.created_at, f.id
