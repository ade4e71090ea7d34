/*
 * image_size.c - width and height from a picture's first bytes.        [sandbox]
 */
#include "tests/sandbox/image_size.h"

#include <string.h>

static unsigned
big_endian(const unsigned char *bytes, size_t count)
{
	unsigned value = 0;

	for (size_t i = 0; i < count; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* Walks the segments up to a frame header: SOF0..SOF15 but DHT, JPG, DAC (ITU-T T.81 B.1.1.3). */
static bool
jpeg_size(const unsigned char *head, size_t length, unsigned *width, unsigned *height)
{
	size_t at = 2;

	while (at + 9 <= length && head[at] == 0xff) {
		unsigned char marker = head[at + 1];

		if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
		    marker != 0xcc) {
			*height = big_endian(head + at + 5, 2);
			*width = big_endian(head + at + 7, 2);
			return true;
		}
		at += 2 + big_endian(head + at + 2, 2);
	}
	return false;
}

bool
image_size(const unsigned char *head, size_t length, unsigned *width, unsigned *height)
{
	if (length >= 24 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0) {
		*width = big_endian(head + 16, 4);
		*height = big_endian(head + 20, 4);
		return true;
	}
	if (length >= 10 && memcmp(head, "GIF8", 4) == 0) {
		*width = head[6] | (unsigned)head[7] << 8;
		*height = head[8] | (unsigned)head[9] << 8;
		return true;
	}
	if (length >= 4 && head[0] == 0xff && head[1] == 0xd8)
		return jpeg_size(head, length, width, height);
	return false;
}
