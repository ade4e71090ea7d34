-- For `verify`: a page of users' tokens, so that they can be looked for where they must not be. $1 after this id, $2 how many.
SELECT u.id, u.access_token, u.refresh_token FROM {schema}.users u WHERE u.id > $1 ORDER BY u.id LIMIT $2::integer
