/*
 * http_tls.c: certificates are verified against the shared store, and not a byte of a request
 * leaves before that.
 *
 * A TLS server with a certificate made here; libcurl and the store are loaded in a child for each
 * case, as they are loaded once a process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "worker/deviantart/deviantart.h"

static char directory[] = "/tmp/publisher-http-tls.XXXXXX";

/* What the server saw. */
static struct seen {
	_Atomic int handshakes, request_bytes;
} * seen;

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
	char file[96];
};

static struct identity ours, strange, misnamed, expired;

/* ---- certificates ---- */

static void
make_identity(struct identity *identity, const char *name, const char *alternative, long valid_s)
{
	X509 *x = X509_new();
	X509_EXTENSION *extension;
	FILE *file;

	identity->key = EVP_EC_gen("P-256");
	assert_non_null(x);
	assert_non_null(identity->key);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), valid_s);
	X509_set_pubkey(x, identity->key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
	assert_non_null(extension);
	X509_add_ext(x, extension, -1);
	X509_EXTENSION_free(extension);
	assert_true(X509_sign(x, identity->key, EVP_sha256()) > 0);
	identity->certificate = x;
	snprintf(identity->file, sizeof(identity->file), "%s/%s.pem", directory, name);
	file = fopen(identity->file, "we");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, x), 1);
	fclose(file);
}

static void
drop_identity(struct identity *identity)
{
	unlink(identity->file);
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
}

/* ---- the server ---- */

static void
talk(SSL *ssl)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: "
				     "31\r\n\r\n{\"results\":[],\"has_more\":false}\n";
	char request[4096];
	int got;

	if (SSL_accept(ssl) != 1)
		return;
	seen->handshakes++;
	while ((got = SSL_read(ssl, request, sizeof(request) - 1)) > 0) {
		seen->request_bytes += got;
		request[got] = '\0';
		if (strstr(request, "\r\n\r\n") != NULL)
			SSL_write(ssl, answer, sizeof(answer) - 1);
	}
}

static pid_t
start_server(const struct identity *identity, int *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	memset(seen, 0, sizeof(*seen));
	pid = fork();
	if (pid == 0) {
		SSL_CTX *context = SSL_CTX_new(TLS_server_method());

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		SSL_CTX_use_certificate(context, identity->certificate);
		SSL_CTX_use_PrivateKey(context, identity->key);
		for (;;) {
			int fd = accept(listener, NULL, NULL);
			SSL *ssl = SSL_new(context);

			SSL_set_fd(ssl, fd);
			talk(ssl);
			SSL_free(ssl);
			close(fd);
		}
	}
	assert_true(pid > 0);
	close(listener);
	return pid;
}

/* ---- the client ---- */

struct result {
	bool is_loaded, ok;
	struct failure why;
};

static struct result
call(const char *trusted_file, int port)
{
	static char nothing[] = "";
	char url[64];
	struct config config = {.deviantart_base_url = url,
				.deviantart_client_id = nothing,
				.deviantart_client_secret = nothing};
	struct deviantart_gallery_post posts[24];
	struct result result = {.is_loaded = false};
	struct http *http;
	struct deviantart *da;
	size_t count;
	bool more;

	snprintf(url, sizeof(url), "https://127.0.0.1:%d", port);
	if (trusted_file != NULL)
		setenv("SSL_CERT_FILE", trusted_file, 1);
	else
		unsetenv("SSL_CERT_FILE");
	result.is_loaded = http_global_init(&result.why);
	if (!result.is_loaded)
		return result;
	http = http_new();
	da = deviantart_new(&config, http, NULL);
	for (int i = 0; i < 2; i++) { /* twice: a session is resumed, or a refusal repeated */
		result.ok = deviantart_gallery(da, "access-token-x", 0, NULL, posts, &count, &more,
					       &result.why);
		http_rest(http);
	}
	deviantart_free(da);
	http_free(http);
	return result;
}

/* In a child: the store is loaded once a process. */
static struct result
call_in_child(const char *trusted_file, int port)
{
	struct result result = {.is_loaded = false};
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		result = call(trusted_file, port);
		_exit(write(ends[1], &result, sizeof(result)) == sizeof(result) ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &result, sizeof(result)), sizeof(result));
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return result;
}

static struct result
call_server(const struct identity *server, const char *trusted_file)
{
	struct result result;
	int port;
	pid_t pid = start_server(server, &port);

	result = call_in_child(trusted_file, port);
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return result;
}

/* ---- tests ---- */

static void
trusted_server_is_spoken_to(void **state)
{
	struct result result = call_server(&ours, ours.file);

	(void)state;
	if (!result.ok)
		fail_msg("%s", result.why.message);
	assert_int_equal(seen->handshakes, 2);
	assert_true(seen->request_bytes > 0);
}

static void
check_refused(const struct identity *server, const char *trusted_file)
{
	struct result result = call_server(server, trusted_file);

	assert_true(result.is_loaded);
	assert_false(result.ok);
	assert_int_equal(result.why.category, FAILURE_NETWORK_ERROR);
	assert_true(result.why.outage);
	assert_int_equal(seen->request_bytes, 0);
}

static void
unknown_misnamed_and_expired_servers_see_no_byte_of_a_request(void **state)
{
	(void)state;
	check_refused(&strange, ours.file);
	check_refused(&misnamed, misnamed.file);
	check_refused(&expired, expired.file);
	check_refused(&ours, NULL); /* the system's certificates do not know it */
}

static void
unreadable_bundle_is_said_at_the_start(void **state)
{
	struct result result = call_in_child("/nonexistent/ca.pem", 1);

	(void)state;
	assert_false(result.is_loaded);
	assert_non_null(strstr(result.why.message, "SSL_CERT_FILE"));
}

static int
set_up(void **state)
{
	(void)state;
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED || mkdtemp(directory) == NULL)
		return -1;
	make_identity(&ours, "ours", "IP:127.0.0.1", 86400);
	make_identity(&strange, "strange", "IP:127.0.0.1", 86400);
	make_identity(&misnamed, "misnamed", "DNS:elsewhere.example", 86400);
	make_identity(&expired, "expired", "IP:127.0.0.1", -3600);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	drop_identity(&ours);
	drop_identity(&strange);
	drop_identity(&misnamed);
	drop_identity(&expired);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trusted_server_is_spoken_to),
		cmocka_unit_test(unknown_misnamed_and_expired_servers_see_no_byte_of_a_request),
		cmocka_unit_test(unreadable_bundle_is_said_at_the_start),
	};

	return cmocka_run_group_tests_name("http_tls", tests, set_up, tear_down);
}
