-- For `verify` beside a ledger: which of these items a deleted deviation had. $1 items (JSON array).
SELECT f.stash_item_id FROM publisher.files f WHERE f.stash_item_id IN (SELECT json_array_elements_text($1::json))
UNION
SELECT substr(s.detail, 6) FROM publisher.steps s
WHERE s.step = 'publishing' AND s.detail IN (SELECT 'item ' || t FROM json_array_elements_text($1::json) t)
