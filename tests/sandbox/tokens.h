#ifndef SANDBOX_TOKENS_H
#define SANDBOX_TOKENS_H
/*
 * tokens.h - access tokens, and refresh tokens that are spent by one use (deviantart-api.md 3).
 * [sandbox]
 */
#include <stdbool.h>
#include <stdint.h>

struct answer;
struct call;
struct sandbox;
struct tokens;
struct user;

enum token_state { TOKEN_UNKNOWN, TOKEN_EXPIRED, TOKEN_VALID };

struct tokens *tokens_new(void);
void tokens_free(struct tokens *tokens);

/* Makes a token the user's newest, for that long; with 0 or less it is expired already. */
void tokens_grant_access(struct tokens *tokens, struct user *user, const char *token,
			 int64_t lifetime_ms);
void tokens_grant_refresh(struct tokens *tokens, struct user *user, const char *token,
			  int64_t lifetime_ms);

/* Gives every access token (refresh token) of the user that life from now on; 0 ends them. */
void tokens_limit_access(struct tokens *tokens, const struct user *user, int64_t lifetime_ms);
void tokens_limit_refresh(struct tokens *tokens, const struct user *user, int64_t lifetime_ms);

/* The user's newest; NULL if none was ever granted. */
const char *tokens_newest_access(const struct tokens *tokens, const struct user *user,
				 int64_t *expires_ms);
const char *tokens_newest_refresh(const struct tokens *tokens, const struct user *user,
				  int64_t *expires_ms);

/* Whose access token that is, and if it is still good. *user is set unless it is unknown. */
enum token_state tokens_check(const struct tokens *tokens, const char *token, struct user **user);

/* POST /oauth2/token */
void tokens_endpoint(struct call *call, struct answer *answer);

/* A token request whose effect a fault takes away: presented, but not spent. */
void tokens_note_presented(struct call *call);

/* Whose refresh token the request brings; NULL: nobody's. */
struct user *tokens_user_of_request(struct call *call);

#endif
