#ifndef COMMON_CONFIG_FILE_H
#define COMMON_CONFIG_FILE_H
/*
 * config_file.h - a whole small file in memory.                        [every process]
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/failure.h"

/* size bytes and a NUL after them. */
struct config_file {
	char *text;
	size_t size;
};

/*
 * Reads the file at path, of at most limit bytes. A pipe is read to its end, but not waited for
 * longer than two seconds: a HUP must not stop the supervisor. False: *why says what is wrong
 * ("cannot be opened: ...").
 */
bool config_file_read(const char *path, size_t limit, struct config_file *file,
		      struct failure *why);

/* Erases and frees the text. */
void config_file_free(struct config_file *file);

#endif
