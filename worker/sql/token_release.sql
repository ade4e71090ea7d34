-- The lease ends without a new pair. $1 user, $2 holder.
DELETE FROM publisher.token_leases WHERE user_id = $1 AND holder = $2
