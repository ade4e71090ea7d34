-- The trail is kept for half a year; a bounded piece at a time.
DELETE FROM publisher.steps WHERE id IN
	(SELECT id FROM publisher.steps WHERE at < now() - interval '180 days' ORDER BY id LIMIT 5000)
