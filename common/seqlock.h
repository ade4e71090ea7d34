#ifndef COMMON_SEQLOCK_H
#define COMMON_SEQLOCK_H
/*
 * seqlock.h - several words in shared memory that are read as one.     [every process]
 *
 * One writer, any number of readers, no lock: the sequence number is odd while the words change.
 * The words are relaxed atomics too, so that a reader who comes at the wrong moment reads nonsense
 * that it then throws away, but never causes a data race in the sense of C11 (5.1.2.4).
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Opens a write and returns the odd number to close it with. A predecessor that was killed within a
 * write left the number odd; this steps over it, so that the new owner's first write repairs the
 * block.
 */
uint64_t seqlock_begin(_Atomic uint64_t *seq);
void seqlock_end(_Atomic uint64_t *seq, uint64_t odd);

/* begin, n words, end. */
void seqlock_write(_Atomic uint64_t *seq, _Atomic uint64_t *words, const uint64_t *from, size_t n);

/*
 * Copies n words to `to`. False (with `to` undefined) when they kept changing for a bounded number
 * of tries, or the writer died half way: the reader must then say "unknown".
 */
bool seqlock_read(const _Atomic uint64_t *seq, const _Atomic uint64_t *words, uint64_t *to,
		  size_t n);

#endif
