// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls OpenSSL in every way that moves plaintext and tells what it moved, so that a
 * capture can be compared byte for byte.
 *   sslcalls CERT KEY calls        both ends over a BIO pair in one thread
 *   sslcalls CERT KEY big BYTES    one SSL_write of so many bytes over TCP
 *   sslcalls CERT KEY reuse        one SSL object for three connections, then its memory
 *   sslcalls CERT KEY flat N SIZE [BYTE]  N writes of SIZE bytes over TCP, flat out;
 *                                  with BYTE they hold nothing but that
 * Each connection's direction that moved bytes gives a line `SENT|RECEIVED BYTES SHA256`.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(x)                                                        \
	do {                                                            \
		if (!(x)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x); \
			ERR_print_errors_fp(stderr);                    \
			exit(1);                                        \
		}                                                       \
	} while (0)

struct sum {
	EVP_MD_CTX *md;
	unsigned long long n;
};

static SSL_CTX *server_ctx, *client_ctx;
static const char *cert, *key;

static void sum_new(struct sum *s)
{
	s->n = 0;
	s->md = EVP_MD_CTX_new();
	EVP_DigestInit_ex(s->md, EVP_sha256(), NULL);
}

static void sum_add(struct sum *s, const void *p, size_t n)
{
	s->n += n;
	EVP_DigestUpdate(s->md, p, n);
}

static void sum_tell(struct sum *s, const char *what)
{
	unsigned char out[32];

	EVP_DigestFinal_ex(s->md, out, NULL);
	EVP_MD_CTX_free(s->md);
	if (!s->n)
		return;
	printf("%s %llu ", what, s->n);
	for (int i = 0; i < 32; i++)
		printf("%02x", out[i]);
	printf("\n");
}

static void contexts(void)
{
	server_ctx = SSL_CTX_new(TLS_server_method());
	client_ctx = SSL_CTX_new(TLS_client_method());
	CHECK(SSL_CTX_use_certificate_file(server_ctx, cert, SSL_FILETYPE_PEM) == 1);
	CHECK(SSL_CTX_use_PrivateKey_file(server_ctx, key, SSL_FILETYPE_PEM) == 1);
	SSL_CTX_set_max_early_data(server_ctx, 16384);
	SSL_CTX_set_recv_max_early_data(server_ctx, 16384);
	SSL_CTX_set_session_id_context(server_ctx, (const unsigned char *)"t", 1);
}

static SSL *c, *s;
static struct sum csent, crecv, ssent, srecv;

static void pair_new(void)
{
	BIO *a, *b;

	CHECK(BIO_new_bio_pair(&a, 4096, &b, 4096));
	s = SSL_new(server_ctx);
	c = SSL_new(client_ctx);
	SSL_set_accept_state(s);
	SSL_set_connect_state(c);
	SSL_set_bio(s, a, a);
	SSL_set_bio(c, b, b);
	sum_new(&csent);
	sum_new(&crecv);
	sum_new(&ssent);
	sum_new(&srecv);
}

static void pair_shake(void)
{
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(c);
		SSL_do_handshake(s);
	}
	CHECK(SSL_is_init_finished(c) && SSL_is_init_finished(s));
}

static void pair_free(void)
{
	/* else the session counts as broken and cannot be resumed */
	SSL_set_shutdown(c, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c);
	SSL_free(s);
	sum_tell(&csent, "SENT");
	sum_tell(&crecv, "RECEIVED");
	sum_tell(&ssent, "SENT");
	sum_tell(&srecv, "RECEIVED");
}

/* The server reads what is there. */
static void server_reads(void)
{
	static char buf[65536];
	int n;

	while ((n = SSL_read(s, buf, sizeof(buf))) > 0)
		sum_add(&srecv, buf, n);
}

static void calls_plain(void)
{
	char buf[64];
	size_t n = 0;

	CHECK(SSL_write(c, "one-write", 9) == 9);
	sum_add(&csent, "one-write", 9);
	server_reads();
	CHECK(SSL_write_ex(c, "two-write-ex", 12, &n) == 1 && n == 12);
	sum_add(&csent, "two-write-ex", 12);
	/* seen by peek, counted once by read */
	CHECK(SSL_peek(s, buf, 4) == 4);
	CHECK(SSL_peek_ex(s, buf, 4, &n) == 1);
	CHECK(SSL_read_ex(s, buf, 5, &n) == 1);
	sum_add(&srecv, buf, n);
	server_reads();
	/* nothing there, nothing moved */
	CHECK(SSL_read(s, buf, sizeof(buf)) < 0);
	CHECK(SSL_read_ex(s, buf, sizeof(buf), &n) == 0);
	SSL_write(c, "", 0);
	/* the other way */
	CHECK(SSL_write(s, "answer", 6) == 6);
	sum_add(&ssent, "answer", 6);
	CHECK(SSL_read(c, buf, sizeof(buf)) == 6);
	sum_add(&crecv, buf, 6);
}

static void calls_retries(void)
{
	static char big[40000];
	int r, off = 0;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = 'a' + i % 23;
	/* fails with WANT_WRITE until the peer has read, then counts whole */
	r = SSL_write(c, big, 9000);
	CHECK(r < 0 && SSL_get_error(c, r) == SSL_ERROR_WANT_WRITE);
	for (int i = 0; i < 20 && r <= 0; i++) {
		server_reads();
		r = SSL_write(c, big, 9000);
	}
	CHECK(r == 9000);
	sum_add(&csent, big, 9000);
	server_reads();
	/* partial writes count what they took */
	SSL_set_mode(c,
		     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	for (int i = 0; i < 1000 && off < (int)sizeof(big); i++) {
		r = SSL_write(c, big + off, sizeof(big) - off);
		if (r > 0) {
			sum_add(&csent, big + off, r);
			off += r;
		}
		server_reads();
	}
	CHECK(off == sizeof(big));
	SSL_clear_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE);
}

static void calls_bio(void)
{
	char buf[100];
	BIO *w = BIO_new(BIO_f_ssl()), *r = BIO_new(BIO_f_ssl());
	int n;

	BIO_set_ssl(w, c, BIO_NOCLOSE);
	BIO_set_ssl(r, s, BIO_NOCLOSE);
	CHECK(BIO_write(w, "by-bio", 6) == 6);
	CHECK(BIO_puts(w, "by-puts") == 7);
	sum_add(&csent, "by-bioby-puts", 13);
	while ((n = BIO_read(r, buf, sizeof(buf))) > 0)
		sum_add(&srecv, buf, n);
	BIO_free(w);
	BIO_free(r);
}

static void calls_early(void)
{
	SSL_SESSION *session;
	char buf[100];
	size_t n = 0;
	int r;

	for (int i = 0; i < 3; i++)
		SSL_read(c, buf, 1); /* takes the tickets */
	session = SSL_get1_session(c);
	CHECK(SSL_SESSION_get_max_early_data(session));
	pair_free();
	pair_new();
	SSL_set_session(c, session);
	CHECK(SSL_write_early_data(c, "early-data", 10, &n) == 1);
	sum_add(&csent, "early-data", 10);
	for (int i = 0; i < 20; i++) {
		r = SSL_read_early_data(s, buf, sizeof(buf), &n);
		if (r == SSL_READ_EARLY_DATA_SUCCESS)
			sum_add(&srecv, buf, n);
		if (r == SSL_READ_EARLY_DATA_FINISH)
			break;
		SSL_do_handshake(c);
	}
	pair_shake();
	CHECK(SSL_write(c, "after", 5) == 5);
	sum_add(&csent, "after", 5);
	server_reads();
	SSL_SESSION_free(session);
}

static void calls(void)
{
	pair_new();
	pair_shake();
	calls_plain();
	calls_retries();
	calls_bio();
	calls_early();
	pair_free();
}

static int accept_fd(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t n = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(!bind(l, (void *)&a, sizeof(a)) && !listen(l, 8));
	CHECK(!getsockname(l, (void *)&a, &n));
	*port = ntohs(a.sin_port);
	return l;
}

static void *reader(void *arg)
{
	static char buf[65536];
	int fd = accept(*(int *)arg, NULL, NULL), n;

	s = SSL_new(server_ctx);
	SSL_set_fd(s, fd);
	CHECK(SSL_accept(s) == 1);
	while ((n = SSL_read(s, buf, sizeof(buf))) > 0)
		sum_add(&srecv, buf, n);
	SSL_free(s);
	close(fd);
	return NULL;
}

static int dial(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(!connect(fd, (void *)&a, sizeof(a)));
	return fd;
}

static void writes(unsigned long n, size_t size, int fill)
{
	char *b = malloc(size);
	pthread_t t;
	int port, l = accept_fd(&port), fd;

	CHECK(b);
	memset(b, fill, size);
	sum_new(&csent);
	sum_new(&srecv);
	CHECK(!pthread_create(&t, NULL, reader, &l));
	fd = dial(port);
	c = SSL_new(client_ctx);
	SSL_set_fd(c, fd);
	CHECK(SSL_connect(c) == 1);
	for (unsigned long i = 0; i < n; i++) {
		for (size_t k = 0; !fill && k + 8 <= size; k += 4096)
			memcpy(b + k, &i, sizeof(i));
		for (size_t k = 8; !fill && i == 0 && k < size; k++)
			if (k % 4096 >= 8)
				b[k] = k * 2654435761u >> 13;
		CHECK(SSL_write(c, b, size) == (int)size);
		sum_add(&csent, b, size);
	}
	SSL_shutdown(c);
	pthread_join(t, NULL);
	SSL_free(c);
	close(fd);
	close(l);
	free(b);
	sum_tell(&csent, "SENT");
	sum_tell(&srecv, "RECEIVED");
}

static void *answer(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL), n;
	SSL *x = SSL_new(server_ctx);
	char buf[100];

	SSL_set_fd(x, fd);
	CHECK(SSL_accept(x) == 1);
	n = SSL_read(x, buf, sizeof(buf));
	CHECK(n > 0);
	sum_add(&srecv, buf, n);
	SSL_shutdown(x);
	SSL_free(x);
	close(fd);
	return NULL;
}

static void one_talk(int l, int port, SSL *x, const char *text)
{
	pthread_t t;
	int fd;

	sum_new(&csent);
	sum_new(&srecv);
	CHECK(!pthread_create(&t, NULL, answer, &l));
	fd = dial(port);
	SSL_set_fd(x, fd);
	CHECK(SSL_connect(x) == 1);
	CHECK(SSL_write(x, text, strlen(text)) == (int)strlen(text));
	sum_add(&csent, text, strlen(text));
	pthread_join(t, NULL);
	SSL_shutdown(x);
	close(fd);
	sum_tell(&csent, "SENT");
	sum_tell(&srecv, "RECEIVED");
}

static void reuse(void)
{
	int port, l = accept_fd(&port);
	SSL *x = SSL_new(client_ctx);

	one_talk(l, port, x, "first on this object");
	CHECK(SSL_clear(x));
	one_talk(l, port, x, "second, after SSL_clear");
	CHECK(SSL_clear(x));
	one_talk(l, port, x, "third, cleared once more");
	SSL_free(x);
	for (int i = 0; i < 3; i++) { /* very likely the same memory */
		char text[32];

		snprintf(text, sizeof(text), "object %d in freed memory", i);
		x = SSL_new(client_ctx);
		one_talk(l, port, x, text);
		SSL_free(x);
	}
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	cert = argv[1];
	key = argv[2];
	contexts();
	if (!strcmp(argv[3], "calls"))
		calls();
	else if (!strcmp(argv[3], "big") && argc > 4)
		writes(1, strtoul(argv[4], NULL, 0), 0);
	else if (!strcmp(argv[3], "flat") && argc > 5)
		writes(strtoul(argv[4], NULL, 0), strtoul(argv[5], NULL, 0),
		       argc > 6 ? argv[6][0] : 0);
	else if (!strcmp(argv[3], "reuse"))
		reuse();
	else
		return 2;
	return 0;
}
