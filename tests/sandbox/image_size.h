#ifndef SANDBOX_IMAGE_SIZE_H
#define SANDBOX_IMAGE_SIZE_H
/*
 * image_size.h - width and height from a picture's first bytes: PNG, GIF, JPEG. [sandbox]
 */
#include <stdbool.h>
#include <stddef.h>

/* False if it is none of them, or the size lies beyond the bytes at hand. */
bool image_size(const unsigned char *head, size_t length, unsigned *width, unsigned *height);

#endif
