#ifndef WORKER_DEVIANTART_FORM_H
#define WORKER_DEVIANTART_FORM_H
/*
 * form.h - application/x-www-form-urlencoded text.                     [worker]
 *
 * Running out of memory is remembered and asked about once, at the end. The text may hold tokens
 * and is wiped when it grows and when it is freed.
 */
#include <stdbool.h>
#include <stddef.h>

struct form {
	char *text; /* NUL-terminated; NULL while nothing was added */
	size_t size, capacity;
	bool is_broken; /* out of memory: something is missing */
};

/* name=value, both percent-encoded (brackets too). A NULL value adds nothing. */
void form_add(struct form *form, const char *name, const char *value);
/* "true" or "false". */
void form_add_bool(struct form *form, const char *name, bool value);
/* name[]=one&name[]=two for a NULL-terminated list (or NULL); empty ones are left out. */
void form_add_list(struct form *form, const char *name, char *const *values);
void form_free(struct form *form);

#endif
