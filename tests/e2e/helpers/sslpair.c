// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes that talk TLS over loopback, each in one of the ways in which programs
 * use the library, and say what they sent and received:
 *
 *   STREAM <pid> <sent|received> <bytes> <sha256> [<ip> <port> <peer ip> <peer port>]
 *
 * one line for each connection, direction and process. `sslpair [-6|-m] [-2] CASE [N
 * [SIZE]]`; -6: over IPv6, -m: the server sees IPv4 mapped into IPv6, -2: TLS 1.2, -0:
 * connections get descriptor 0, -n: `hold` says nothing before it waits, -l: both live on
 * until stdin ends.
 */
#include "selfsigned.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SENT, RECV };

struct end {
	SSL *ssl;
	int fd;
	bool quiet; /* what goes now is not noted */
	EVP_MD_CTX *md[2];
	uint64_t n[2];
	char addrs[160]; /* asked for at once: a peer that is gone has no name */
};

static SSL_CTX *server_ctx, *client_ctx;
static bool ipv6, mapped, zero, no_hello, lingers;
static struct sockaddr_in6 address; /* of the server; an IPv4 one when !ipv6 */
static socklen_t address_len;
static int listener = -1;
static uint64_t count = 1, size = 1000;

/* --- what was said --------------------------------------------------------------------
 */

static void note(struct end *e, int dir, const void *p, size_t n)
{
	if (e->quiet)
		return;
	EVP_DigestUpdate(e->md[dir], p, n);
	e->n[dir] += n;
}

static void print_addrs(int fd, char *out, size_t room)
{
	struct sockaddr_storage a[2];
	char ip[2][INET6_ADDRSTRLEN];
	int port[2];

	*out = 0;
	for (int i = 0; i < 2; i++) {
		socklen_t len = sizeof(a[i]);

		if ((i ? getpeername : getsockname)(fd, (void *)&a[i], &len))
			return;
		if (a[i].ss_family == AF_INET6) {
			struct sockaddr_in6 *s = (void *)&a[i];

			inet_ntop(AF_INET6, &s->sin6_addr, ip[i], sizeof(ip[i]));
			port[i] = ntohs(s->sin6_port);
		} else if (a[i].ss_family == AF_INET) {
			struct sockaddr_in *s = (void *)&a[i];

			inet_ntop(AF_INET, &s->sin_addr, ip[i], sizeof(ip[i]));
			port[i] = ntohs(s->sin_port);
		} else {
			return;
		}
	}
	snprintf(out, room, " %s %d %s %d", ip[0], port[0], ip[1], port[1]);
}

static void end_begin(struct end *e, SSL *ssl, int fd)
{
	*e = (struct end){.ssl = ssl, .fd = fd};
	print_addrs(fd, e->addrs, sizeof(e->addrs));
	for (int d = 0; d < 2; d++) {
		e->md[d] = EVP_MD_CTX_new();
		EVP_DigestInit_ex(e->md[d], EVP_sha256(), NULL);
	}
}

static void end_report(struct end *e)
{
	static const char *const dirs[] = {"sent", "received"};
	unsigned char sum[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int len;

	for (int d = 0; d < 2; d++) {
		EVP_DigestFinal_ex(e->md[d], sum, &len);
		for (unsigned int i = 0; i < len; i++)
			snprintf(hex + 2 * i, 3, "%02x", sum[i]);
		printf("STREAM %d %s %lu %s%s\n", getpid(), dirs[d], e->n[d], hex,
		       e->addrs);
		EVP_MD_CTX_free(e->md[d]);
	}
	fflush(stdout);
}

/* --- connections ----------------------------------------------------------------------
 */

static void die(const char *what)
{
	ERR_print_errors_fp(stderr);
	errx(1, "%s", what);
}

static void start_listening(void)
{
	int family = ipv6 || mapped ? AF_INET6 : AF_INET, off = 0;
	struct sockaddr_in *v4 = (void *)&address;

	address_len = family == AF_INET6 ? sizeof(address) : sizeof(*v4);
	if (family == AF_INET6) {
		address.sin6_family = AF_INET6;
		address.sin6_addr = mapped ? in6addr_any : in6addr_loopback;
	} else {
		v4->sin_family = AF_INET;
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	listener = socket(family, SOCK_STREAM, 0);
	if (mapped)
		setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(listener, (void *)&address, address_len) || listen(listener, 512) ||
	    getsockname(listener, (void *)&address, &address_len))
		err(1, "listen");
	if (mapped) {
		in_port_t port = address.sin6_port;

		memset(&address, 0, sizeof(address));
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address_len = sizeof(*v4);
	}
}

static int dial(void)
{
	int one = 1,
	    fd = socket(((struct sockaddr *)&address)->sa_family, SOCK_STREAM, 0);

	if (connect(fd, (void *)&address, address_len))
		err(1, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int take(void)
{
	int one = 1, fd = accept(listener, NULL, NULL);

	if (fd < 0)
		err(1, "accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void connected(struct end *e)
{
	int fd = dial();

	end_begin(e, SSL_new(client_ctx), fd);
	SSL_set_fd(e->ssl, fd);
	if (SSL_connect(e->ssl) != 1)
		die("SSL_connect");
}

static void accepted(struct end *e)
{
	int fd = take();

	end_begin(e, SSL_new(server_ctx), fd);
	SSL_set_fd(e->ssl, fd);
	if (SSL_accept(e->ssl) != 1)
		die("SSL_accept");
}

static void finish(struct end *e)
{
	SSL_shutdown(e->ssl);
	SSL_free(e->ssl);
	end_report(e);
	close(e->fd);
}

/* --- bytes ----------------------------------------------------------------------------
 */

/* All 256 values; a given seed gives the same bytes on both sides. */
static unsigned char *noise(uint64_t n, uint64_t seed)
{
	unsigned char *p = malloc(n + 8);
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;

	for (uint64_t i = 0; i < n; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, 8);
	}
	return p;
}

static void wait_for(struct end *e, int r)
{
	int why = SSL_get_error(e->ssl, r);
	struct pollfd p = {.fd = e->fd};

	if (why == SSL_ERROR_WANT_READ)
		p.events = POLLIN;
	else if (why == SSL_ERROR_WANT_WRITE)
		p.events = POLLOUT;
	else
		die("neither done nor to be tried again");
	poll(&p, 1, 10000);
}

static void put(struct end *e, const unsigned char *p, uint64_t n)
{
	while (n) {
		int r = SSL_write(e->ssl, p, n > INT32_MAX ? INT32_MAX : n);

		if (r <= 0) {
			wait_for(e, r);
			continue;
		}
		note(e, SENT, p, r);
		p += r;
		n -= r;
	}
}

static void get(struct end *e, uint64_t n)
{
	unsigned char buf[20000];

	while (n) {
		int r = SSL_read(e->ssl, buf, n < sizeof(buf) ? n : sizeof(buf));

		if (r <= 0) {
			wait_for(e, r);
			continue;
		}
		note(e, RECV, buf, r);
		n -= r;
	}
}

static void put_noise(struct end *e, uint64_t n, uint64_t seed)
{
	unsigned char *p = noise(n, seed);

	put(e, p, n);
	free(p);
}

/* --- the cases: what the client does, what the server does -----------------------------
 */

static void big_client(void)
{
	struct end e;

	connected(&e);
	put_noise(&e, size, getpid());
	get(&e, size);
	finish(&e);
}

static void big_server(void)
{
	struct end e;

	accepted(&e);
	get(&e, size);
	put_noise(&e, size, getpid());
	finish(&e);
}

static const int sizes[] = {1,	  2,	 15,	16,    17,    255,
			    1000, 16383, 16384, 16385, 40000, 100000};
#define SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))

static void ex_side(struct end *e, bool first)
{
	for (int i = 0; i < 2 * SIZES; i++) {
		size_t want = sizes[i / 2], done = 0, r;
		unsigned char *p = noise(want, getpid() + i);

		if ((i & 1) == first) {
			while (done < want) {
				unsigned char *in = malloc(want);

				if (SSL_read_ex(e->ssl, in, want - done, &r) != 1)
					die("SSL_read_ex");
				note(e, RECV, in, r);
				done += r;
				free(in);
			}
		} else {
			if (SSL_write_ex(e->ssl, p, want, &r) != 1 || r != want)
				die("SSL_write_ex");
			note(e, SENT, p, r);
		}
		free(p);
	}
}

static void ex_client(void)
{
	struct end e;

	connected(&e);
	ex_side(&e, true);
	finish(&e);
}

static void ex_server(void)
{
	struct end e;

	accepted(&e);
	ex_side(&e, false);
	finish(&e);
}

/* Every byte is looked at twice before it is read once. */
static void peek_server(void)
{
	unsigned char buf[7000];
	struct end e;
	size_t n;

	accepted(&e);
	for (uint64_t left = size; left;) {
		if (SSL_peek(e.ssl, buf, sizeof(buf)) <= 0 ||
		    SSL_peek_ex(e.ssl, buf, sizeof(buf), &n) != 1 ||
		    SSL_read_ex(e.ssl, buf, sizeof(buf), &n) != 1)
			die("SSL_peek");
		note(&e, RECV, buf, n);
		left -= n;
	}
	put_noise(&e, size, 5);
	finish(&e);
}

static void nonblocking(struct end *e, long mode)
{
	int small = 8192;

	setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	fcntl(e->fd, F_SETFL, fcntl(e->fd, F_GETFL) | O_NONBLOCK);
	SSL_set_mode(e->ssl, mode);
}

/* Writes that say WANT_WRITE and are tried again, from the same buffer or a moved one. */
static void retry_with(long mode)
{
	struct end e;

	connected(&e);
	nonblocking(&e, mode);
	for (uint64_t i = 0; i < count; i++) {
		unsigned char *p = noise(size, i), *at = p;

		for (uint64_t left = size; left;) {
			int r = SSL_write(e.ssl, at, left);

			if (r <= 0) {
				wait_for(&e, r);
				if (mode & SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER) {
					unsigned char *q = noise(size, i);

					at = q + (at - p);
					free(p);
					p = q;
				}
				continue;
			}
			note(&e, SENT, at, r);
			at += r;
			left -= r;
		}
		free(p);
	}
	get(&e, 1);
	finish(&e);
}

static void retry_client(void)
{
	retry_with(0);
}

static void moving_client(void)
{
	retry_with(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static void partial_client(void)
{
	retry_with(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* Reads late and little, so that the other side must wait; its own reads wait too. */
static void slow_server(void)
{
	struct end e;

	accepted(&e);
	nonblocking(&e, 0);
	for (uint64_t left = count * size; left;) {
		uint64_t n = left < 30000 ? left : 30000;

		usleep(500);
		get(&e, n);
		left -= n;
	}
	put(&e, (const unsigned char *)"!", 1);
	finish(&e);
}

/* Calls that transfer nothing stand between calls that do. */
static void nothing(struct end *e)
{
	unsigned char buf[64];
	SSL *stray = SSL_new(client_ctx);
	size_t n;

	SSL_write_ex(e->ssl, buf, 0, &n);
	SSL_write(e->ssl, buf, 0);
	fcntl(e->fd, F_SETFL, fcntl(e->fd, F_GETFL) | O_NONBLOCK);
	SSL_read(e->ssl, buf, 0);
	SSL_read_ex(e->ssl, buf, 0, &n);
	SSL_read(e->ssl, buf, sizeof(buf));
	SSL_read_ex(e->ssl, buf, sizeof(buf), &n);
	fcntl(e->fd, F_SETFL, fcntl(e->fd, F_GETFL) & ~O_NONBLOCK);
	SSL_write(stray, "never sent", 10); /* no connection: fails */
	SSL_read(stray, buf, sizeof(buf));
	SSL_free(stray);
	ERR_clear_error();
}

static void zero_client(void)
{
	unsigned char buf[64];
	struct end e;
	size_t n;

	connected(&e);
	get(&e, 1); /* tickets are read with this */
	nothing(&e);
	put_noise(&e, 1000, 1);
	get(&e, 1000);
	nothing(&e);
	put_noise(&e, 1000, 2);
	SSL_shutdown(e.ssl);
	SSL_write_ex(e.ssl, "after the end", 13, &n); /* fails */
	SSL_read(e.ssl, buf, sizeof(buf));
	finish(&e);
}

static void zero_server(void)
{
	struct end e;

	accepted(&e);
	put(&e, (const unsigned char *)"0", 1);
	get(&e, 1000);
	put_noise(&e, 1000, 3);
	get(&e, 1000);
	finish(&e);
}

static void early_client(void)
{
	unsigned char *p = noise(9000, 7);
	SSL_SESSION *session;
	struct end e;
	size_t n;

	connected(&e);
	get(&e, 10);
	session = SSL_get1_session(e.ssl);
	finish(&e);

	end_begin(&e, SSL_new(client_ctx), dial());
	SSL_set_fd(e.ssl, e.fd);
	SSL_set_session(e.ssl, session);
	for (int i = 0; i < 3; i++) {
		if (SSL_write_early_data(e.ssl, p + 3000 * i, 3000, &n) != 1)
			die("SSL_write_early_data");
		note(&e, SENT, p + 3000 * i, n);
	}
	if (SSL_connect(e.ssl) != 1)
		die("SSL_connect");
	if (SSL_get_early_data_status(e.ssl) != SSL_EARLY_DATA_ACCEPTED)
		die("early data was not accepted");
	get(&e, 20);
	put_noise(&e, 500, 8);
	finish(&e);
	SSL_SESSION_free(session);
	free(p);
}

static void early_server(void)
{
	unsigned char buf[1000];
	int r = SSL_READ_EARLY_DATA_SUCCESS;
	bool answered = false;
	struct end e;
	size_t n;

	accepted(&e);
	put_noise(&e, 10, 1);
	finish(&e);

	end_begin(&e, SSL_new(server_ctx), take());
	SSL_set_fd(e.ssl, e.fd);
	while (r == SSL_READ_EARLY_DATA_SUCCESS) {
		r = SSL_read_early_data(e.ssl, buf, sizeof(buf), &n);
		if (r == SSL_READ_EARLY_DATA_ERROR)
			die("SSL_read_early_data");
		note(&e, RECV, buf, n);
		if (n && !answered) {
			unsigned char *p = noise(20, 2);

			if (SSL_write_early_data(e.ssl, p, 20, &n) != 1)
				die("SSL_write_early_data by the server");
			note(&e, SENT, p, n);
			free(p);
			answered = true;
		}
	}
	if (SSL_accept(e.ssl) != 1)
		die("SSL_accept");
	get(&e, 500);
	finish(&e);
}

/* As `openssl s_server` does: a buffer in front of the SSL BIO. */
static void bio_side(struct end *e, bool first)
{
	BIO *ssl = BIO_new(BIO_f_ssl()), *b = BIO_push(BIO_new(BIO_f_buffer()), ssl);
	unsigned char in[5000];

	BIO_set_ssl(ssl, e->ssl, BIO_NOCLOSE);
	for (int i = 0; i < 2 * SIZES; i++) {
		int want = sizes[i / 2], done = 0, r;
		unsigned char *p = noise(want, getpid() + i);

		if ((i & 1) == first) {
			while (done < want) {
				r = want - done < 5000 ? want - done : 5000;
				r = BIO_read(b, in, r);
				if (r <= 0)
					die("BIO_read");
				note(e, RECV, in, r);
				done += r;
			}
		} else {
			if (BIO_write(b, p, want) != want || BIO_flush(b) != 1)
				die("BIO_write");
			note(e, SENT, p, want);
		}
		free(p);
	}
	BIO_free_all(b);
}

static void bio_client(void)
{
	struct end e;

	connected(&e);
	bio_side(&e, true);
	finish(&e);
}

static void bio_server(void)
{
	struct end e;

	accepted(&e);
	bio_side(&e, false);
	finish(&e);
}

/*
 * TLS inside TLS, as through an HTTPS proxy: a call on the inner connection makes calls
 * on the outer one. Both are connections of their own, the outer one's bytes are records.
 */
static long note_bio(BIO *b, int op, const char *p, size_t len, int argi, long argl,
		     int ret, size_t *done)
{
	struct end *outer = (void *)BIO_get_callback_arg(b);

	(void)len, (void)argi, (void)argl;
	if (ret > 0 && op == (BIO_CB_WRITE | BIO_CB_RETURN))
		note(outer, SENT, p, *done);
	if (ret > 0 && op == (BIO_CB_READ | BIO_CB_RETURN))
		note(outer, RECV, p, *done);
	return ret;
}

static void nested_side(struct end *outer, SSL *ssl, bool first)
{
	BIO *b = BIO_new(BIO_f_ssl());
	struct end inner;

	end_begin(&inner, ssl, outer->fd);
	BIO_set_ssl(b, outer->ssl, BIO_NOCLOSE);
	BIO_set_callback_ex(b, note_bio);
	BIO_set_callback_arg(b, (void *)outer);
	SSL_set_bio(inner.ssl, b, b);
	if ((first ? SSL_connect(inner.ssl) : SSL_accept(inner.ssl)) != 1)
		die("handshake inside");
	for (uint64_t i = 0; i < count; i++) {
		if (first)
			put_noise(&inner, size, i);
		get(&inner, size);
		if (!first)
			put_noise(&inner, size, i + 500);
	}
	SSL_free(inner.ssl);
	end_report(&inner);
}

static void nested_client(void)
{
	struct end e;

	connected(&e);
	nested_side(&e, SSL_new(client_ctx), true);
	finish(&e);
}

static void nested_server(void)
{
	struct end e;

	accepted(&e);
	nested_side(&e, SSL_new(server_ctx), false);
	finish(&e);
}

/* Both ends in one process, no socket at all. */
static void biopair_both(void)
{
	BIO *left, *right;
	struct end c, s;

	BIO_new_bio_pair(&left, 1 << 17, &right, 1 << 17);
	end_begin(&c, SSL_new(client_ctx), -1);
	end_begin(&s, SSL_new(server_ctx), -1);
	SSL_set_bio(c.ssl, left, left);
	SSL_set_bio(s.ssl, right, right);
	SSL_set_connect_state(c.ssl);
	SSL_set_accept_state(s.ssl);
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(c.ssl);
		SSL_do_handshake(s.ssl);
	}
	for (uint64_t i = 0; i < count; i++) {
		put_noise(&c, size, 2 * i);
		get(&s, size);
		put_noise(&s, size, 2 * i + 1);
		get(&c, size);
	}
	finish(&c);
	finish(&s);
}

/* One object after the other at one address, then one object for several connections. */
static void reuse_client(void)
{
	struct end e;
	SSL *ssl;

	for (uint64_t i = 0; i < count; i++) {
		connected(&e);
		put_noise(&e, size, i);
		get(&e, size);
		finish(&e);
	}
	ssl = SSL_new(client_ctx);
	for (uint64_t i = 0; i < count; i++) {
		end_begin(&e, ssl, dial());
		SSL_set_fd(ssl, e.fd);
		if (SSL_connect(ssl) != 1)
			die("SSL_connect");
		put_noise(&e, size, i);
		get(&e, size);
		SSL_shutdown(ssl);
		end_report(&e);
		close(e.fd);
		if (SSL_clear(ssl) != 1)
			die("SSL_clear");
	}
	SSL_free(ssl);
}

static void reuse_server(void)
{
	struct end e;

	for (uint64_t i = 0; i < 2 * count; i++) {
		accepted(&e);
		get(&e, size);
		put_noise(&e, size, i + 1000);
		finish(&e);
	}
}

static void *thread_client(void *arg)
{
	struct end e;

	connected(&e);
	for (int i = 0; i < 50; i++) {
		put_noise(&e, size + 97 * i, (uintptr_t)arg + i);
		get(&e, size + 31 * i);
	}
	finish(&e);
	return NULL;
}

static void *thread_server(void *arg)
{
	struct end e;

	accepted(&e);
	for (int i = 0; i < 50; i++) {
		get(&e, size + 97 * i);
		put_noise(&e, size + 31 * i, (uintptr_t)arg + i + 7);
	}
	finish(&e);
	return NULL;
}

static void threads(void *(*fn)(void *))
{
	pthread_t *t = calloc(count, sizeof(*t));

	for (uint64_t i = 0; i < count; i++)
		if (pthread_create(&t[i], NULL, fn, (void *)(uintptr_t)(1000 * i)))
			errx(1, "pthread_create");
	for (uint64_t i = 0; i < count; i++)
		pthread_join(t[i], NULL);
	free(t);
}

static void threads_client(void)
{
	threads(thread_client);
}

static void threads_server(void)
{
	threads(thread_server);
}

/*
 * Open and used before anybody watches; goes on after a line on stdin. Nobody is inside a
 * call meanwhile: the return of one that was entered before the probes were there is not
 * seen.
 */
static void hold_client(void)
{
	struct end e;

	connected(&e);
	e.quiet = true;
	if (!no_hello) {
		put_noise(&e, 100, 1);
		get(&e, 100);
	}
	e.quiet = false;
	puts("READY");
	fflush(stdout);
	if (getchar() == EOF)
		errx(1, "stdin ended");
	put_noise(&e, size, 2);
	get(&e, size);
	finish(&e);
}

static void hold_server(void)
{
	struct end e;

	accepted(&e);
	e.quiet = true;
	if (!no_hello) {
		get(&e, 100);
		put_noise(&e, 100, 3);
	}
	e.quiet = false;
	poll(&(struct pollfd){.fd = e.fd, .events = POLLIN}, 1, -1);
	get(&e, size);
	put_noise(&e, size, 4);
	finish(&e);
}

static void burst_client(void)
{
	struct end e;

	connected(&e);
	for (uint64_t i = 0; i < count; i++)
		put_noise(&e, size, i);
	get(&e, 1);
	finish(&e);
}

static void burst_server(void)
{
	struct end e;

	accepted(&e);
	get(&e, count * size);
	put(&e, (const unsigned char *)"!", 1);
	finish(&e);
}

static const struct {
	const char *name;
	void (*client)(void);
	void (*server)(void); /* NULL: one process is both */
} cases[] = {
	{"big", big_client, big_server},
	{"ex", ex_client, ex_server},
	{"peek", big_client, peek_server},
	{"retry", retry_client, slow_server},
	{"moving", moving_client, slow_server},
	{"partial", partial_client, slow_server},
	{"zero", zero_client, zero_server},
	{"early", early_client, early_server},
	{"bio", bio_client, bio_server},
	{"nested", nested_client, nested_server},
	{"biopair", biopair_both, NULL},
	{"reuse", reuse_client, reuse_server},
	{"threads", threads_client, threads_server},
	{"hold", hold_client, hold_server},
	{"burst", burst_client, burst_server},
};

static void contexts(bool tls12)
{
	server_ctx = selfsigned_ctx();
	client_ctx = SSL_CTX_new(TLS_client_method());
	if (!server_ctx || !client_ctx)
		die("contexts");
	SSL_CTX_set_max_early_data(server_ctx, 16384);
	if (tls12) {
		SSL_CTX_set_max_proto_version(server_ctx, TLS1_2_VERSION);
		SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION);
	}
}

static void linger(void)
{
	while (lingers && getchar() != EOF)
		;
}

static int both(void (*client)(void), void (*server)(void))
{
	pid_t child;
	int status;

	start_listening();
	if (zero)
		close(0); /* so that the connections get this descriptor */
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		alarm(100);
		server();
		linger();
		exit(0);
	}
	alarm(100);
	client();
	linger();
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "the server ended with status %d", status);
	return 0;
}

int main(int argc, char **argv)
{
	bool tls12 = false;
	int o;

	while ((o = getopt(argc, argv, "6m20nl")) != -1) {
		if (o == '6')
			ipv6 = true;
		else if (o == 'm')
			mapped = true;
		else if (o == '2')
			tls12 = true;
		else if (o == '0')
			zero = true;
		else if (o == 'n')
			no_hello = true;
		else if (o == 'l')
			lingers = true;
		else
			return 2;
	}
	if (optind == argc)
		return 2;
	if (optind + 1 < argc)
		count = strtoull(argv[optind + 1], NULL, 0);
	if (optind + 2 < argc)
		size = strtoull(argv[optind + 2], NULL, 0);
	signal(SIGPIPE, SIG_IGN);
	contexts(tls12);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, argv[optind]))
			continue;
		if (cases[i].server)
			return both(cases[i].client, cases[i].server);
		cases[i].client();
		return 0;
	}
	errx(2, "no case %s", argv[optind]);
}
