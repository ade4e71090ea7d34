#ifndef SUPERVISOR_TITLE_H
#define SUPERVISOR_TITLE_H
/*
 * title.h - what ps(1) shows, and what /proc/<pid>/environ does not.   [supervisor, its children]
 *
 * The memory in which the kernel put arguments and environment is what /proc shows of a process.
 * The environment moves elsewhere and its old place is wiped, so that secrets given in it can be
 * read nowhere; children write their title there.
 */

/*
 * Call once, first thing in main(): afterwards environ lies on the heap. Where that fails (memory,
 * an unusual layout) nothing is moved and titles stay as they are.
 */
void title_take_over(int argc, char **argv);

/* In a child: "isekai-publisher: worker 3". argv is overwritten. Nothing that argv pointed to may
 * be used afterwards. */
void title_set(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
