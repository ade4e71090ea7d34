#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H
/*
 * options.h - the command line.                                        [sandbox]
 */
#include <stdbool.h>
#include <stdint.h>

struct options {
	uint16_t port, s3_port;               /* 0: a free one */
	const char *port_file, *s3_port_file; /* NULL: none */
	const char *client_id, *client_secret;
	const char *s3_root; /* NULL: no storage side */
	const char *s3_access_key, *s3_secret_key, *s3_region;
	const char *ledger_file;
	bool die_with_parent;
	bool quiet;
};

/*
 * Fills the options; the texts are argv's. Ends the program after --help and -V (exit 0), and for
 * bad arguments, with a message (exit 64).
 */
void options_parse(struct options *options, int argc, char **argv);

#endif
