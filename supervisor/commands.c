/*
 * commands.c - what can be said on the command line, in words.         [supervisor]
 */
#include "supervisor/commands.h"

#include <limits.h>
#include <stdlib.h>
#include <sysexits.h>

// clang-format off
const struct option_row option_rows[OPTION_COUNT] = {
	[OPTION_CONFIG] = {'c', "config", "FILE",
	 "Reads the settings in FILE, an INI file: isekai-publisher.ini(5). The environment wins "
	 "over it."},
	[OPTION_FAILED] = {0, "failed", NULL,
	 "Stands for all posts that have failed, in place of an ID."},
	[OPTION_RESET] = {0, "reset", NULL,
	 "Opens what holds their posts back; those that waited for it are looked at now."},
	[OPTION_WATCH] = {0, "watch", NULL,
	 "Looks again every 2 s, until a signal ends it or nobody reads any more; on a terminal in "
	 "place."},
	[OPTION_JSON] = {0, "json", NULL,
	 "Tells it to machines, as JSON."},
	[OPTION_LEDGER] = {0, "ledger", "URL",
	 "Compares with what the DeviantArt sandbox at URL has seen, too. It is asked on this "
	 "machine only, like http://127.0.0.1:8080: its ledger holds tokens."},
};

#define WITH(option)    (1U << OPTION_##option)
#define WRONG_ARGUMENTS {EX_USAGE, "The arguments are wrong; nothing was done."}
#define WRONG_SETTINGS  {EX_CONFIG, "The configuration is wrong; every wrong setting is named."}
#define SERVER_AWAY \
	{EX_UNAVAILABLE, "PostgreSQL or Redis is not reachable; standard error names it."}

const struct command_row command_rows[] = {
	{.command = COMMAND_RUN, .options = WITH(CONFIG),
	 .brief = "run in the foreground",
	 .doc = "Runs the publisher in the foreground: as many worker processes as "
		"PUBLISHER_CONCURRENCY says, each with one job at a time, and a dispatcher. The "
		"log goes to standard output, one JSON object a line; once it runs, nothing goes "
		"to standard error. At its first start it makes its journal, the schema "
		"\"publisher\" of the database; where the database's user may not do that, it "
		"tells the SQL to run and exits with 78.",
	 .exits = {
		{EXIT_SUCCESS, "It was drained: the jobs in hand were finished, or given back at "
			       "the deadline."},
		{EXIT_FAILURE, "It could not start (the port is in use, say) or could not go on; "
			       "standard error or the last line of the log says why."},
		WRONG_ARGUMENTS,
		{EX_CONFIG, "The configuration is wrong, every wrong setting is named; or the "
			    "journal cannot be made in the database."},
		{130, "INT cut a drain short."},
		{131, "QUIT."},
		{143, "TERM cut a drain short."}}},

	{.command = COMMAND_TEST, .word = "test", .letter = 't', .options = WITH(CONFIG),
	 .brief = "check the configuration",
	 .doc = "Reads the configuration as a start would, and names every setting that is wrong, "
		"all at once. No server is asked.",
	 .exits = {
		{EXIT_SUCCESS, "It is fine."},
		WRONG_ARGUMENTS, WRONG_SETTINGS}},

	{.command = COMMAND_ENQUEUE, .word = "enqueue",
	 .ids = "ID...", .ids_least = 1, .ids_most = INT_MAX, .options = WITH(CONFIG),
	 .takes = "enqueue needs the id of at least one deviation",
	 .brief = "put deviations in the queue",
	 .doc = "Puts the deviations of these ids in the queue, as the API server would, and tells "
		"for each what became of it. One that is scheduled for later gets a job that is "
		"due then; one that has a job already keeps it, so that it is safe to repeat; one "
		"that failed is run anew. What cannot be published (a draft, one that is "
		"published, one without files) is named with the reason.",
	 .exits = {
		{EXIT_SUCCESS, "All of them are in the queue."},
		{EXIT_FAILURE, "One of them is not; standard error says which and why."},
		WRONG_ARGUMENTS, SERVER_AWAY, WRONG_SETTINGS}},

	{.command = COMMAND_EXPLAIN, .word = "explain", .ids = "ID", .ids_least = 1, .ids_most = 1,
	 .options = WITH(CONFIG) | WITH(JSON),
	 .takes = "explain needs the id of one deviation or job, or its link",
	 .brief = "why is this post not out yet? its life, in order",
	 .doc = "Tells the life of one deviation in order, where it stands, what comes next and "
		"when, and what can be done. ID is the deviation's, its job's, DeviantArt's of its "
		"post, or a link to that. It reads row, journal, queue and gates, and changes "
		"nothing. Without Redis, what PostgreSQL knows is told all the same.",
	 .exits = {
		{EXIT_SUCCESS, "It is told."},
		{EXIT_FAILURE, "There is no such deviation."},
		WRONG_ARGUMENTS,
		SERVER_AWAY,
		WRONG_SETTINGS}},

	{.command = COMMAND_VERIFY, .word = "verify",
	 .options = WITH(CONFIG) | WITH(JSON) | WITH(LEDGER),
	 .takes = "verify looks at everything",
	 .brief = "is anything lost, published twice, stuck? a line each",
	 .doc = "Audits from outside, beside running publishers or without any, and changes "
		"nothing. It compares PostgreSQL (in read-only transactions) with Redis, asks "
		"/ready where that is on, and tells what is wrong, a line each, with the ids "
		"concerned: posts without a job, published twice or not at all, attempts burned by "
		"no failure, refresh tokens lost, jobs in two places, keys that never end, secrets "
		"where they do not belong. What looks wrong is looked at again for as long as the "
		"publishers have to mend it, and only told if it has stayed the same.",
	 .exits = {
		{EXIT_SUCCESS, "Nothing is wrong."},
		{EXIT_FAILURE, "Something is, each in a line."},
		WRONG_ARGUMENTS,
		{EX_UNAVAILABLE, "PostgreSQL, Redis or the ledger is not reachable; standard error "
				 "names it."},
		WRONG_SETTINGS}},

	{.command = COMMAND_STATUS, .word = "status",
	 .options = WITH(CONFIG) | WITH(JSON) | WITH(WATCH),
	 .takes = "status looks at everything",
	 .brief = "what each slot of the running publisher does",
	 .doc = "Asks the health listener of the publisher that runs with this configuration, and "
		"tells what each slot does and for how long, the queue and the age of its oldest "
		"due job, who is held back and until when, rates and errors. Ids only, no titles "
		"and no names of artists.",
	 .exits = {
		{EXIT_SUCCESS, "It is told."},
		WRONG_ARGUMENTS,
		{EX_UNAVAILABLE, "No publisher answers, or HEALTH_CHECK_ENABLED is off."},
		WRONG_SETTINGS}},

	{.command = COMMAND_RETRY, .word = "retry", .ids = "[ID...]", .ids_most = INT_MAX,
	 .options = WITH(CONFIG) | WITH(FAILED) | WITH(JSON),
	 .takes = "retry needs ids, or --failed",
	 .brief = "put failed posts to work again",
	 .doc = "Puts failed posts to work again: the row becomes due, and the job goes back into "
		"the queue as BullMQ's own retry has it, or is added where it is gone. ID is what "
		"explain takes; either IDs are named, or --failed is. What is public is refused, "
		"what may be (its artist has to look at the gallery first), and what nobody could "
		"publish. What waits already is left as it is.",
	 .exits = {
		{EXIT_SUCCESS, "All of them are tried again, or wait already."},
		{EXIT_FAILURE, "One of them is not; standard error says which and why."},
		WRONG_ARGUMENTS, SERVER_AWAY,
		{EX_CONFIG, "The configuration is wrong, every wrong setting is named; or the "
			    "journal cannot be made in the database."}}},

	{.command = COMMAND_PAUSE, .word = "pause",
	 .options = WITH(CONFIG) | WITH(JSON),
	 .takes = "pause is for the whole queue",
	 .brief = "let nothing more be taken from the queue",
	 .doc = "Pauses the queue as BullMQ does: nothing more is taken from it by anybody, for "
		"Node workers and Bull Board see and obey it, too. Jobs in hand go on.",
	 .exits = {
		{EXIT_SUCCESS, "The queue is paused, or was so already."},
		{EXIT_FAILURE, "It is not; standard error says why."},
		WRONG_ARGUMENTS,
		{EX_UNAVAILABLE, "Redis is not reachable."}, WRONG_SETTINGS}},

	{.command = COMMAND_RESUME, .word = "resume",
	 .options = WITH(CONFIG) | WITH(JSON),
	 .takes = "resume is for the whole queue",
	 .brief = "open a paused queue again",
	 .doc = "Opens a paused queue again, whoever has paused it. What waits in it is taken at "
		"once.",
	 .exits = {
		{EXIT_SUCCESS, "The queue is open, or was so already."},
		{EXIT_FAILURE, "It is not; standard error says why."},
		WRONG_ARGUMENTS,
		{EX_UNAVAILABLE, "Redis is not reachable."}, WRONG_SETTINGS}},

	{.command = COMMAND_BREAKER, .word = "breaker", .ids = "[USER...]", .ids_most = INT_MAX,
	 .options = WITH(CONFIG) | WITH(RESET) | WITH(JSON),
	 .takes = "breaker takes ids of users, or \"application\"",
	 .brief = "whose posts a circuit holds back, and opening it",
	 .doc = "Tells which circuits hold posts back, since DeviantArt has refused several in a "
		"row, and until when. USER is the id of a user, or \"application\" for what holds "
		"for everybody; without one, all that hold something back are told. With --reset "
		"they are closed, at the risk of being refused again.",
	 .exits = {
		{EXIT_SUCCESS, "It is told, or done, or was so already."},
		{EXIT_FAILURE, "There is no such user; standard error names him."},
		WRONG_ARGUMENTS, SERVER_AWAY,
		{EX_CONFIG, "The configuration is wrong, every wrong setting is named; or the "
			    "journal cannot be made in the database."}}},

	{.command = COMMAND_LIMIT, .word = "limit", .ids = "[USER...]", .ids_most = INT_MAX,
	 .options = WITH(CONFIG) | WITH(RESET) | WITH(JSON),
	 .takes = "limit takes ids of users, or \"application\"",
	 .brief = "whose posts are paced or asked to wait, and ending it",
	 .doc = "Tells whose posts wait for their pace, or since DeviantArt has asked them to, and "
		"until when. USER is the id of a user, or \"application\" for what holds for "
		"everybody; without one, all that hold something back are told. With --reset the "
		"waits end, at the risk of being refused again.",
	 .exits = {
		{EXIT_SUCCESS, "It is told, or done, or was so already."},
		{EXIT_FAILURE, "There is no such user; standard error names him."},
		WRONG_ARGUMENTS, SERVER_AWAY,
		{EX_CONFIG, "The configuration is wrong, every wrong setting is named; or the "
			    "journal cannot be made in the database."}}},

	{.command = COMMAND_VERSION, .word = "version", .letter = 'V',
	 .brief = "tell the version",
	 .doc = "Tells the version on standard output.",
	 .exits = {{EXIT_SUCCESS, "It is told."}, WRONG_ARGUMENTS}},

	{.command = COMMAND_HELP, .word = "help", .letter = 'h',
	 .brief = "this help; behind a command, more of that",
	 .doc = "Tells what there is on standard output; together with a command, what that "
		"command does, its options and its exit statuses.",
	 .exits = {{EXIT_SUCCESS, "It is told."}, WRONG_ARGUMENTS}},
};

const struct exit_row exit_rows[] = {
	{EXIT_SUCCESS, "Done, or drained."},
	{EXIT_FAILURE, "Not done, or something is wrong; standard error, the output or the last "
		       "line of the log says what. Also where standard output could not be "
		       "written."},
	{EX_USAGE, "The arguments are wrong."},
	{EX_UNAVAILABLE, "A server, or the publisher that was asked, is not reachable."},
	{EX_CONFIG, "The configuration is wrong, or the journal cannot be made in the database."},
	{130, "INT came again and cut the drain short."},
	{131, "QUIT."},
	{143, "TERM came again and cut the drain short."},
	{0, NULL},
};

const struct signal_row signal_rows[] = {
	{"TERM, INT", "Drain: take no new job, finish the jobs in hand for at most "
		      "PUBLISHER_DRAIN_TIMEOUT_MS, give back what is left, exit with 0. A second "
		      "one stops now: jobs in hand go back to the queue."},
	{"QUIT", "Stop now; jobs in hand go back to the queue. As with every stop, no attempt is "
		 "burned."},
	{"HUP", "Reload: read FILE and the files of _FILE settings again. If they are wrong, say "
		"why in the log and keep the old ones; else replace the workers one by one, each "
		"when it has finished its job."},
	{NULL, NULL},
};
// clang-format on

const size_t command_row_count = sizeof(command_rows) / sizeof(command_rows[0]);

const struct command_row *
command_row_of(enum command command)
{
	for (size_t i = 0; i < command_row_count; i++)
		if (command_rows[i].command == command)
			return &command_rows[i];
	return &command_rows[0]; /* not reached: each has its row, which is tested */
}
