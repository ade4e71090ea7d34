-- The lease ends. What it tells of a dead token stays. $1 user, $2 holder.
DELETE FROM publisher.token_leases WHERE user_id = $1 AND holder = $2 AND NOT refused
