/*
 * chance.c - jitter.                                                    [worker, dispatcher]
 */
#include "worker/chance.h"

#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"

uint32_t
chance_below(uint32_t limit)
{
	uint64_t bits;

	/* 8 bytes never block or come short once the pool is up (getrandom(2)); before that the
	 * clock will do for jitter. */
	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != (ssize_t)sizeof(bits))
		bits = (uint64_t)clock_mono_ms() * 6364136223846793005ULL + (uint64_t)getpid();
	return limit == 0 ? 0 : (uint32_t)(bits % limit);
}

int64_t
chance_around(int64_t ms)
{
	int64_t jittered =
		ms - ms / 5 + (int64_t)((double)chance_below(1000001) / 1e6 * 0.4 * (double)ms);

	return jittered > 1 ? jittered : 1;
}

int64_t
chance_later(int64_t ms)
{
	return ms + (int64_t)((double)chance_below(1000001) / 1e6 * 0.2 * (double)ms);
}
