/*
 * seqlock.c - several words in shared memory that are read as one.     [every process]
 *
 * Invariant: whatever seqlock_read() says yes to was written by one single write.
 */
#include "common/seqlock.h"

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2,
	       "shared atomics must be lock-free");
_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t), "a shared word is a plain word");

/* A write takes some 50 ns; a writer that takes longer was preempted, and waiting for it is no use.
 */
#define SEQLOCK_TRIES 64

uint64_t
seqlock_begin(_Atomic uint64_t *seq)
{
	uint64_t odd = (atomic_load_explicit(seq, memory_order_relaxed) + 1) | 1;

	atomic_store_explicit(seq, odd, memory_order_relaxed);
	/* No word may be seen changed before the number is seen odd. */
	atomic_thread_fence(memory_order_release);
	return odd;
}

void
seqlock_end(_Atomic uint64_t *seq, uint64_t odd)
{
	atomic_store_explicit(seq, odd + 1, memory_order_release);
}

void
seqlock_write(_Atomic uint64_t *seq, _Atomic uint64_t *words, const uint64_t *from, size_t n)
{
	uint64_t odd = seqlock_begin(seq);

	for (size_t i = 0; i < n; i++)
		atomic_store_explicit(&words[i], from[i], memory_order_relaxed);
	seqlock_end(seq, odd);
}

bool
seqlock_read(const _Atomic uint64_t *seq, const _Atomic uint64_t *words, uint64_t *to, size_t n)
{
	for (int tries = 0; tries < SEQLOCK_TRIES; tries++) {
		uint64_t before = atomic_load_explicit(seq, memory_order_acquire);

		if (before & 1)
			continue;
		for (size_t i = 0; i < n; i++)
			to[i] = atomic_load_explicit(&words[i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(seq, memory_order_relaxed) == before)
			return true;
	}
	return false;
}
