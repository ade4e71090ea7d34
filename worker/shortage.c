/*
 * shortage.c - is this process out of memory for good?                  [worker]
 */
#include "worker/shortage.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "common/log.h"
#include "worker/http/http.h"
#include "worker/orders.h"
#include "worker/tools.h"

/*
 * Twice what the hungriest job was seen to take (0.98 MB, whatever the size of its file), in pieces
 * of the largest size that a library asks for: libcurl's buffer of an upload.
 */
#define PIECE_SIZE  (64 * 1024)
#define PIECE_COUNT 32
#define DENIALS     8 /* in one look; a few that fail one after the other are no shortage */

#define LOOKS         5
#define LOOK_AGAIN_MS 250

/* The quick look, which mostly is enough: of the heap, and of the kernel that makes it larger. */
static bool
is_plenty(void)
{
	void *piece = malloc(PIECE_SIZE), *room;

	if (piece == NULL)
		return false;
	/* Used, so that no compiler leaves the allocation out. */
	*(volatile char *)piece = 0;
	free(piece);
	room = mmap(NULL, (size_t)PIECE_COUNT * PIECE_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return false;
	(void)munmap(room, (size_t)PIECE_COUNT * PIECE_SIZE);
	return true;
}

/* The thorough one: the heap may hold enough where the kernel gives nothing more. */
static bool
can_have_all_pieces(void)
{
	void *pieces[PIECE_COUNT];
	int count = 0;

	for (int denials = 0; count < PIECE_COUNT && denials < DENIALS;) {
		pieces[count] = malloc(PIECE_SIZE);
		if (pieces[count] == NULL)
			denials++;
		else
			*(volatile char *)pieces[count++] = 0;
	}
	for (int i = count; i > 0; i--)
		free(pieces[i - 1]);
	return count == PIECE_COUNT;
}

/* What is wanting to work on a job; NULL: nothing. */
static const char *
find_want(void)
{
	if (!is_plenty() && !can_have_all_pieces())
		return "memory";
	return http_crypto_works() ? NULL : "random numbers of libcrypto, which got no memory";
}

bool
shortage_is_for_good(struct tools *tools)
{
	const char *want;

	if (tools->out_of_memory)
		return true;
	for (int looks = 1; (want = find_want()) != NULL; looks++) {
		if (looks == LOOKS) {
			log_event(LOG_ERROR,
				  "Out of memory for good: this worker takes no job and leaves its "
				  "place to another",
				  (struct log_field[]){
					  LOG_STR("wants", want),
					  LOG_INT("wantedBytes", PIECE_COUNT * PIECE_SIZE),
					  LOG_INT("waitedMs", (LOOKS - 1) * LOOK_AGAIN_MS),
					  LOG_END});
			return tools->out_of_memory = true;
		}
		orders_wait(tools->orders, LOOK_AGAIN_MS);
	}
	return false;
}
