/*
 * options.c - the command line.                                        [sandbox]
 */
#include "tests/sandbox/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tests/sandbox/settings.h"
#include "tests/sandbox/text.h"

#ifndef PUBLISHER_VERSION
#define PUBLISHER_VERSION "unversioned"
#endif

enum option_code {
	OPTION_PORT = 1000,
	OPTION_PORT_FILE,
	OPTION_CLIENT_ID,
	OPTION_CLIENT_SECRET,
	OPTION_S3_PORT,
	OPTION_S3_PORT_FILE,
	OPTION_S3_ROOT,
	OPTION_S3_ACCESS_KEY,
	OPTION_S3_SECRET_KEY,
	OPTION_S3_REGION,
	OPTION_LEDGER_FILE,
	OPTION_DIE_WITH_PARENT,
};

static const struct option long_options[] = {
	{"port", required_argument, NULL, OPTION_PORT},
	{"port-file", required_argument, NULL, OPTION_PORT_FILE},
	{"client-id", required_argument, NULL, OPTION_CLIENT_ID},
	{"client-secret", required_argument, NULL, OPTION_CLIENT_SECRET},
	{"s3-port", required_argument, NULL, OPTION_S3_PORT},
	{"s3-port-file", required_argument, NULL, OPTION_S3_PORT_FILE},
	{"s3-root", required_argument, NULL, OPTION_S3_ROOT},
	{"s3-access-key", required_argument, NULL, OPTION_S3_ACCESS_KEY},
	{"s3-secret-key", required_argument, NULL, OPTION_S3_SECRET_KEY},
	{"s3-region", required_argument, NULL, OPTION_S3_REGION},
	{"ledger-file", required_argument, NULL, OPTION_LEDGER_FILE},
	{"die-with-parent", no_argument, NULL, OPTION_DIE_WITH_PARENT},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* The texts of --help stay below the 4095 bytes that C promises for one literal. */
static const char help_options[] =
	"deviantart-sandbox - a stand-in for DeviantArt's API and for S3 storage, on this machine\n"
	"\n"
	"usage: deviantart-sandbox [options]\n"
	"\n"
	"  --port N              listen on 127.0.0.1:N; 0, the default, takes a free port\n"
	"  --port-file FILE      write the port there once it serves\n"
	"  --client-id ID        the application's id [sandbox-client]\n"
	"  --client-secret TEXT  and its secret [sandbox-secret]\n"
	"  --s3-root DIR         serve DIR/<bucket>/<key> as S3 objects, on a port of its own\n"
	"  --s3-port N           that port [0: a free one]\n"
	"  --s3-port-file FILE   write it there\n"
	"  --s3-access-key KEY, --s3-secret-key TEXT, --s3-region NAME\n"
	"                        what requests are signed with [sandbox-key, sandbox-secret, "
	"auto]\n"
	"  --ledger-file FILE    append every accepted effect, a JSON line each, before it is "
	"answered\n"
	"  --die-with-parent     end when the process that started this one ends\n"
	"  -q, --quiet           do not print where it listens\n"
	"  -h, --help | -V, --version\n"
	"\n"
	"TERM and INT end it with exit status 0. Only this machine can connect.\n";

static const char help_use[] =
	"\n"
	"By hand (B=http://127.0.0.1:PORT; --compressed matters: like the real site, the sandbox\n"
	"answers 403 to a client without a User-Agent or without gzip):\n"
	"\n"
	"  curl $B/_sandbox/users -d '[{\"username\":\"alice\",\"access_token\":\"A1\",\n"
	"      \"refresh_token\":\"R1\"}]'\n"
	"  curl --compressed $B/api/v1/oauth2/user/whoami -H 'Authorization: Bearer A1'\n"
	"  curl --compressed $B/api/v1/oauth2/stash/submit -H 'Authorization: Bearer A1' \\\n"
	"      -F title=Sunset -F 'tags[]=sea' -F file=@sunset.png\n"
	"  curl --compressed $B/api/v1/oauth2/stash/publish -H 'Authorization: Bearer A1' \\\n"
	"      -d itemid=6311111935494244 -d is_mature=false\n"
	"  curl --compressed $B/oauth2/token -d grant_type=refresh_token -d refresh_token=R1 \\\n"
	"      -d client_id=sandbox-client -d client_secret=sandbox-secret\n"
	"  curl $B/_sandbox/ledger ; curl $B/_sandbox/ledger/summary ; curl $B/_sandbox/state\n"
	"\n"
	"The next two publishes take effect, but their answer is lost; then one 429 for alice:\n"
	"\n"
	"  curl $B/_sandbox/faults -d '[\n"
	"      {\"match\":{\"endpoint\":\"publish\"},\"count\":2,\"action\":\"reset_after\"},\n"
	"      "
	"{\"match\":{\"endpoint\":\"submit\",\"user\":\"alice\"},\"action\":\"status\",\"status\":"
	"429,\n"
	"       \"headers\":{\"Retry-After\":\"2\"},\n"
	"       \"body\":{\"error\":\"user_api_threshold\",\"status\":\"error\"}}]'\n"
	"\n"
	"Control: GET /_sandbox/ (all of it, with the faults), ledger[/summary|/requests]\n"
	"[?user=&title=&since=], state, faults, settings; POST users, faults, settings, posts, "
	"release,\n"
	"reset; DELETE faults.\n"
	"\n"
	"Settings (POST /_sandbox/settings with an object of those to change):\n"
	"\n";

static void
print_help(void)
{
	char *settings = settings_help();

	(void)fputs(help_options, stdout);
	(void)fputs(help_use, stdout);
	(void)fputs(settings, stdout);
	free(settings);
}

__attribute__((noreturn)) static void
usage_error(const char *what, const char *value)
{
	fprintf(stderr, "deviantart-sandbox: %s%s%s\n(--help tells the options)\n", what,
		value != NULL ? ": " : "", value != NULL ? value : "");
	exit(EX_USAGE);
}

static uint16_t
parse_port(const char *text)
{
	int64_t port;

	if (!text_parse_integer(text, &port) || port < 0 || port > 65535)
		usage_error("a port is a whole number from 0 to 65535", text);
	return (uint16_t)port;
}

static void
set_defaults(struct options *options)
{
	memset(options, 0, sizeof(*options));
	options->client_id = "sandbox-client";
	options->client_secret = "sandbox-secret";
	options->s3_access_key = "sandbox-key";
	options->s3_secret_key = "sandbox-secret";
	options->s3_region = "auto";
}

static void
set_option(struct options *options, int code)
{
	const struct {
		int code;
		const char **slot;
	} texts[] = {
		{OPTION_PORT_FILE, &options->port_file},
		{OPTION_S3_PORT_FILE, &options->s3_port_file},
		{OPTION_CLIENT_ID, &options->client_id},
		{OPTION_CLIENT_SECRET, &options->client_secret},
		{OPTION_S3_ROOT, &options->s3_root},
		{OPTION_S3_ACCESS_KEY, &options->s3_access_key},
		{OPTION_S3_SECRET_KEY, &options->s3_secret_key},
		{OPTION_S3_REGION, &options->s3_region},
		{OPTION_LEDGER_FILE, &options->ledger_file},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].code == code) {
			if (optarg[0] == '\0')
				usage_error("an option's value is empty", NULL);
			*texts[i].slot = optarg;
			return;
		}
	if (code == OPTION_PORT)
		options->port = parse_port(optarg);
	else if (code == OPTION_S3_PORT)
		options->s3_port = parse_port(optarg);
	else if (code == OPTION_DIE_WITH_PARENT)
		options->die_with_parent = true;
	else if (code == 'q')
		options->quiet = true;
}

static void
finish(void)
{
	exit(fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_SUCCESS : EX_IOERR);
}

void
options_parse(struct options *options, int argc, char **argv)
{
	int code;

	set_defaults(options);
	opterr = 1;
	while ((code = getopt_long(argc, argv, "qhV", long_options, NULL)) != -1) {
		if (code == '?')
			usage_error("bad arguments", NULL); /* getopt has said which */
		if (code == 'h') {
			print_help();
			finish();
		}
		if (code == 'V') {
			printf("deviantart-sandbox %s\n", PUBLISHER_VERSION);
			finish();
		}
		set_option(options, code);
	}
	if (optind < argc)
		usage_error("unexpected argument", argv[optind]);
	if (options->s3_root == NULL && (options->s3_port != 0 || options->s3_port_file != NULL))
		usage_error("--s3-port and --s3-port-file need --s3-root", NULL);
}
