// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS load with a known pattern, to measure what a capture costs and what it misses.
 *   tlsbench server PORT CERT KEY
 *   tlsbench client HOST PORT rr|bulk CONNS MSGS SIZE TAG [MBPS]
 *   tlsbench mem N SIZE CERT KEY TAG          one thread, both ends over a BIO pair
 *   tlsbench check FILE TAG CONNS UNITS DIRS  what of it is in FILE (DIRS: c, s or cs)
 * rr: each message is answered by one of the same size; bulk: one way, MBPS paces it
 * (10^6 bytes a second). Every 16 bytes are a unit of its own, `<TccNNNNNNNNNd>\n`: tag,
 * connection, number, direction; so loss, doubling and order are counted exactly.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define UNIT	  16
#define CONNS_MAX 256

struct hello {
	char bulk;
	char tag;
	uint8_t conn;
	uint8_t pad[5];
	uint64_t msgs, size;
};

struct job {
	const char *host, *port;
	struct hello h;
	double rate; /* bytes a second; 0: flat out */
	int ok;
};

static SSL_CTX *ctx;

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void fill(char *b, size_t n, char tag, unsigned int conn, uint64_t *seq, char dir)
{
	static const char hex[] = "0123456789abcdef";
	size_t o = 0;

	for (; o + UNIT <= n; o += UNIT) {
		uint64_t v = (*seq)++;
		char *p = b + o;

		p[0] = '<';
		p[1] = tag;
		p[2] = hex[conn >> 4 & 15];
		p[3] = hex[conn & 15];
		for (int i = 12; i >= 4; i--, v >>= 4)
			p[i] = hex[v & 15];
		p[13] = dir;
		p[14] = '>';
		p[15] = '\n';
	}
	memset(b + o, '.', n - o);
}

static int write_all(SSL *s, const char *b, size_t n)
{
	while (n) {
		int r = SSL_write(s, b, n > 1 << 30 ? 1 << 30 : n);

		if (r <= 0)
			return -1;
		b += r;
		n -= r;
	}
	return 0;
}

static int read_all(SSL *s, char *b, size_t n)
{
	while (n) {
		int r = SSL_read(s, b, n > 16384 ? 16384 : n);

		if (r <= 0)
			return -1;
		b += r;
		n -= r;
	}
	return 0;
}

static void serve_messages(SSL *s)
{
	struct hello h;
	uint64_t seq = 0;
	char *in, *out;

	if (read_all(s, (char *)&h, sizeof(h)))
		return;
	in = malloc(h.size + UNIT);
	out = malloc(h.size + UNIT);
	for (uint64_t i = 0; in && out && i < h.msgs; i++) {
		if (read_all(s, in, h.size))
			break;
		if (h.bulk)
			continue;
		fill(out, h.size, h.tag, h.conn, &seq, 's');
		if (write_all(s, out, h.size))
			break;
	}
	if (h.bulk)
		write_all(s, "K", 1);
	free(in);
	free(out);
}

static void *serve(void *arg)
{
	int fd = (intptr_t)arg;
	SSL *s = SSL_new(ctx);

	SSL_set_fd(s, fd);
	if (SSL_accept(s) == 1)
		serve_messages(s);
	SSL_shutdown(s);
	SSL_free(s);
	close(fd);
	return NULL;
}

static int server_context(const char *cert, const char *key)
{
	ctx = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		return -1;
	}
	SSL_CTX_set_num_tickets(ctx, 0);
	return 0;
}

/* IPv6 socket that takes IPv4 too. */
static int server(int port, const char *cert, const char *key)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int l = socket(AF_INET6, SOCK_STREAM, 0), one = 1, zero = 0;

	if (server_context(cert, key))
		return 1;
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(l, (void *)&a, sizeof(a)) || listen(l, 1024)) {
		perror("listen");
		return 1;
	}
	for (;;) {
		int fd = accept(l, NULL, NULL);
		pthread_t t;

		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!pthread_create(&t, NULL, serve, (void *)(intptr_t)fd))
			pthread_detach(t);
		else
			close(fd);
	}
}

static int dial(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
	int fd, one = 1;

	if (getaddrinfo(host, port, &hints, &a))
		return -1;
	fd = socket(a->ai_family, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen)) {
		perror("connect");
		close(fd);
		fd = -1;
	}
	freeaddrinfo(a);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void pace(double start, double rate, double sent)
{
	double ahead = rate ? start + sent / rate - now(CLOCK_MONOTONIC) : 0;
	struct timespec t = {0, ahead * 1e9};

	if (ahead > 0.0005 && ahead < 1)
		nanosleep(&t, NULL);
}

static int talk(const struct job *j, SSL *s)
{
	char *b = malloc(j->h.size + UNIT);
	uint64_t seq = 0;
	double start = now(CLOCK_MONOTONIC);
	int rc = b ? write_all(s, (const char *)&j->h, sizeof(j->h)) : -1;

	for (uint64_t i = 0; !rc && i < j->h.msgs; i++) {
		fill(b, j->h.size, j->h.tag, j->h.conn, &seq, 'c');
		rc = write_all(s, b, j->h.size);
		if (!rc && !j->h.bulk)
			rc = read_all(s, b, j->h.size);
		pace(start, j->rate, (double)(i + 1) * j->h.size);
	}
	if (!rc && j->h.bulk)
		rc = read_all(s, b, 1);
	free(b);
	return rc;
}

static void *client_conn(void *arg)
{
	struct job *j = arg;
	int fd = dial(j->host, j->port);
	SSL *s;

	if (fd < 0)
		return NULL;
	s = SSL_new(ctx);
	SSL_set_fd(s, fd);
	j->ok = SSL_connect(s) == 1 && !talk(j, s);
	SSL_shutdown(s);
	SSL_free(s);
	close(fd);
	return NULL;
}

static int client(char **v, double rate)
{
	static struct job jobs[CONNS_MAX];
	static pthread_t threads[CONNS_MAX];
	int n = atoi(v[3]), bad = 0;
	double start, took, bytes;

	if (n < 1 || n > CONNS_MAX)
		return 2;
	ctx = SSL_CTX_new(TLS_client_method());
	start = now(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		struct job *j = &jobs[i];

		j->host = v[0];
		j->port = v[1];
		j->rate = rate;
		j->h.bulk = v[2][0] == 'b';
		j->h.conn = i;
		j->h.msgs = strtoull(v[4], NULL, 0);
		j->h.size = strtoull(v[5], NULL, 0);
		j->h.tag = v[6][0];
		pthread_create(&threads[i], NULL, client_conn, j);
	}
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
		bad += !jobs[i].ok;
	}
	took = now(CLOCK_MONOTONIC) - start;
	bytes = (double)n * jobs[0].h.msgs * jobs[0].h.size;
	printf("elapsed=%.4f bytes=%.0f MBps=%.1f bad=%d\n", took, bytes,
	       bytes / took / 1e6, bad);
	return bad != 0;
}

/* No network, no wake-ups: the pure cost of SSL_write and SSL_read, in CPU time. */
static int mem(uint64_t n, size_t size, char tag)
{
	SSL *s = SSL_new(ctx), *c = SSL_new(SSL_CTX_new(TLS_client_method()));
	char *out = malloc(size + UNIT), in[16384];
	uint64_t seq = 0;
	BIO *a, *b;
	double start, took;

	BIO_new_bio_pair(&a, 1 << 18, &b, 1 << 18);
	SSL_set_bio(s, a, a);
	SSL_set_bio(c, b, b);
	SSL_set_accept_state(s);
	SSL_set_connect_state(c);
	for (int i = 0; i < 20; i++) {
		SSL_do_handshake(c);
		SSL_do_handshake(s);
	}
	start = now(CLOCK_THREAD_CPUTIME_ID);
	for (uint64_t i = 0; i < n; i++) {
		size_t got = 0;

		fill(out, size, tag, 0, &seq, 'c');
		if (SSL_write(c, out, size) != (int)size)
			return 3;
		while (got < size) {
			int r = SSL_read(s, in, sizeof(in));

			if (r <= 0)
				return 4;
			got += r;
		}
	}
	took = now(CLOCK_THREAD_CPUTIME_ID) - start;
	printf("elapsed=%.4f us_per_msg=%.4f bad=0\n", took, took * 1e6 / n);
	return 0;
}

static int hex_digits(const char *p, int n, uint64_t *out)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++) {
		int d = p[i] >= '0' && p[i] <= '9'   ? p[i] - '0'
			: p[i] >= 'a' && p[i] <= 'f' ? p[i] - 'a' + 10
						     : -1;

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	*out = v;
	return 0;
}

static int check(const char *path, char tag, uint64_t conns, uint64_t units,
		 const char *dirs)
{
	uint64_t ndirs = strlen(dirs), total = conns * units * ndirs;
	uint64_t seen = 0, over = 0, order = 0, stray = 0;
	static uint64_t last[2][256];
	uint8_t *count = calloc(total + 1, 1);
	int fd = open(path, O_RDONLY);
	struct stat st;
	const char *m, *end, *p;

	if (!count || fd < 0 || fstat(fd, &st)) {
		perror(path);
		return 1;
	}
	m = st.st_size ? mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (m == MAP_FAILED) {
		perror(path);
		return 1;
	}
	end = m + st.st_size;
	for (p = m; p && (p = memchr(p, '<', end - p)); p++) {
		uint64_t conn, n, at;
		const char *d;

		if (end - p < 15 || p[1] != tag || p[14] != '>' ||
		    hex_digits(p + 2, 2, &conn) || hex_digits(p + 4, 9, &n))
			continue;
		d = strchr(dirs, p[13]);
		if (!d || !*d || conn >= conns || n >= units) {
			stray += d && *d;
			continue;
		}
		at = ((uint64_t)(d - dirs) * conns + conn) * units + n;
		if (count[at]++)
			over++;
		else
			seen++;
		if (last[d - dirs][conn] > n)
			order++;
		last[d - dirs][conn] = n;
	}
	printf("units=%llu intact=%llu missing=%llu doubled=%llu out_of_order=%llu stray=%llu "
	       "fraction=%.6f\n",
	       (unsigned long long)total, (unsigned long long)seen,
	       (unsigned long long)(total - seen), (unsigned long long)over,
	       (unsigned long long)order, (unsigned long long)stray,
	       total ? (double)seen / total : 0);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 5 && !strcmp(argv[1], "server"))
		return server(atoi(argv[2]), argv[3], argv[4]);
	if (argc >= 9 && !strcmp(argv[1], "client"))
		return client(argv + 2, argc > 9 ? atof(argv[9]) * 1e6 : 0);
	if (argc == 7 && !strcmp(argv[1], "mem"))
		return server_context(argv[4], argv[5])
			       ? 1
			       : mem(strtoull(argv[2], NULL, 0),
				     strtoull(argv[3], NULL, 0), argv[6][0]);
	if (argc == 7 && !strcmp(argv[1], "check"))
		return check(argv[2], argv[3][0], strtoull(argv[4], NULL, 0),
			     strtoull(argv[5], NULL, 0), argv[6]);
	fprintf(stderr, "usage: see the head of tlsbench.c\n");
	return 2;
}
