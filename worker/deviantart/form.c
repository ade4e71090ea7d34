/*
 * form.c - application/x-www-form-urlencoded text.                     [worker]
 */
#include "worker/deviantart/form.h"

#include <stdlib.h>
#include <string.h>

static bool
make_room(struct form *form, size_t more)
{
	size_t wanted = form->size + more + 1;
	size_t capacity = form->capacity > 0 ? form->capacity : 512;
	char *bigger;

	if (wanted <= form->capacity)
		return true;
	while (capacity < wanted)
		capacity *= 2;
	bigger = malloc(capacity);
	if (bigger == NULL) {
		form->is_broken = true;
		return false;
	}
	if (form->text != NULL) {
		memcpy(bigger, form->text, form->size);
		explicit_bzero(form->text, form->size);
		free(form->text);
	}
	form->text = bigger;
	form->capacity = capacity;
	return true;
}

static void
add_encoded(struct form *form, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";

	if (!make_room(form, 3 * strlen(text)))
		return;
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (strchr(plain, byte) != NULL) {
			form->text[form->size++] = (char)byte;
			continue;
		}
		form->text[form->size++] = '%';
		form->text[form->size++] = hex[byte >> 4];
		form->text[form->size++] = hex[byte & 0x0F];
	}
	form->text[form->size] = '\0';
}

static void
add_mark(struct form *form, char mark)
{
	if (!make_room(form, 1))
		return;
	form->text[form->size++] = mark;
	form->text[form->size] = '\0';
}

void
form_add(struct form *form, const char *name, const char *value)
{
	if (value == NULL)
		return;
	if (form->size > 0)
		add_mark(form, '&');
	add_encoded(form, name);
	add_mark(form, '=');
	add_encoded(form, value);
}

void
form_add_bool(struct form *form, const char *name, bool value)
{
	form_add(form, name, value ? "true" : "false");
}

void
form_add_list(struct form *form, const char *name, char *const *values)
{
	for (; values != NULL && *values != NULL; values++) {
		if (**values == '\0')
			continue;
		if (form->size > 0)
			add_mark(form, '&');
		add_encoded(form, name);
		add_encoded(form, "[]");
		add_mark(form, '=');
		add_encoded(form, *values);
	}
}

void
form_free(struct form *form)
{
	if (form->text != NULL)
		explicit_bzero(form->text, form->size);
	free(form->text);
	*form = (struct form){0};
}
