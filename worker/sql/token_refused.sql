-- The lease ends, and tells the next ones that its token is dead: they need not present it again. $1 user, $2 holder.
UPDATE publisher.token_leases SET refused = true, expires_at = now() WHERE user_id = $1 AND holder = $2
