#ifndef SANDBOX_CONTROL_USERS_H
#define SANDBOX_CONTROL_USERS_H
/*
 * control_users.h - users and planted posts, over the control interface. [sandbox]
 */
struct cJSON;
struct sandbox;

/*
 * An array of users, all of them or none: new ones, or changes (tokens, lifetimes, folders) of
 * those whose userid or username is known. NULL, or what is wrong (free with free()).
 */
char *control_users_set(struct sandbox *sandbox, const struct cJSON *input);
struct cJSON *control_users_to_json(const struct sandbox *sandbox);

/* Posts that were made elsewhere: on the site by hand, or by another application. */
char *control_posts_plant(struct sandbox *sandbox, const struct cJSON *input, struct cJSON *made);

#endif
