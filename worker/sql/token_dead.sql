-- A dead login: the artist's scheduled posts wait as drafts until he connects again. $1 user, $2 message, $3 the deviation at hand.
WITH paused AS (
	UPDATE {schema}.deviations
	SET status = 'draft', error_message = $2, updated_at = now() AT TIME ZONE 'UTC'
	WHERE user_id = $1 AND status = 'scheduled' AND id <> $3
	RETURNING id
), step AS (
	INSERT INTO publisher.steps (deviation_id, step, detail) SELECT id, 'paused', $2 FROM paused
)
SELECT id FROM paused
