// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client that any library of OpenSSL's kin can be compiled with: writes messages of
 * many sizes to a server that sends everything back, and reads all of it. With EX also by
 * the _ex forms, with BIO_SSL also by BIO_f_ssl. Usage: tlsecho PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned char out[300000], in[300000];

static void die(const char *what)
{
	fprintf(stderr, "tlsecho: %s\n", what);
	exit(1);
}

static int connect_to(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		die("connect");
	return fd;
}

static void write_one(SSL *ssl, int way, int n)
{
	if (way == 0 && SSL_write(ssl, out, n) != n)
		die("SSL_write");
#ifdef EX
	size_t done = 0;

	if (way == 1 && (SSL_write_ex(ssl, out, n, &done) != 1 || done != (size_t)n))
		die("SSL_write_ex");
#endif
}

static int read_some(SSL *ssl, int way, int n)
{
	char peeked;

	/* what is looked at is read again */
	if (SSL_peek(ssl, &peeked, 1) != 1)
		die("SSL_peek");
	if (way == 0)
		return SSL_read(ssl, in, n);
#ifdef EX
	size_t done = 0;

	return SSL_read_ex(ssl, in, n, &done) == 1 ? (int)done : -1;
#endif
	return -1;
}

static void echo(SSL *ssl, int way, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = (unsigned char)(i * 7 + n + way);
	write_one(ssl, way, n);
	for (int got = 0; got < n;) {
		int r = read_some(ssl, way, n - got);

		if (r <= 0 || memcmp(in, out + got, r))
			die("read");
		got += r;
	}
}

#ifdef BIO_SSL
static void echo_bio(SSL *ssl, int n)
{
	BIO *bio = BIO_new(BIO_f_ssl());

	BIO_set_ssl(bio, ssl, BIO_NOCLOSE);
	memset(out, 'b', n);
	if (BIO_write(bio, out, n) != n)
		die("BIO_write");
	for (int got = 0; got < n;) {
		int r = BIO_read(bio, in, n - got);

		if (r <= 0)
			die("BIO_read");
		got += r;
	}
	BIO_free(bio);
}
#endif

int main(int argc, char **argv)
{
	static const int sizes[] = {1, 100, 4096, 16384, 16385, 40000, 250000};
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	int ways = 1;

#ifdef EX
	ways = 2;
#endif
	if (argc != 2 || !ssl)
		die("SSL_new");
	SSL_set_fd(ssl, connect_to(atoi(argv[1])));
	if (SSL_connect(ssl) != 1)
		die("SSL_connect");
	for (int way = 0; way < ways; way++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			echo(ssl, way, sizes[i]);
#ifdef BIO_SSL
	echo_bio(ssl, 5000);
#endif
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return 0;
}
