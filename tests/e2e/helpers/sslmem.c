// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client over memory: `sslmem mem|pair PORT CONNECTIONS MESSAGES [push|reset|mmsg]`.
 * Bytes pass through OpenSSL's memory BIO or a BIO pair; connections take turns in one
 * thread. Once all are open it says "open" and waits for a line on stdin, then says in
 * each message between which ports it goes. push: nothing is received from then on;
 * reset: and the connections are reset at the end. mmsg: by sendmmsg(2) and recvmmsg(2).
 */
#include <arpa/inet.h>
#include <err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS_MAX 256

struct conn {
	SSL *ssl;
	BIO *in, *out; /* our ends: what we received, what we are to send */
	int fd;
	int lport, rport;
};

static bool mmsg;

/* One message of two parts. */
static ssize_t move(int fd, char *buf, size_t n, bool out)
{
	size_t first = n < 100 ? n : 100;
	struct iovec v[2] = {{buf, first}, {buf + first, n - first}};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = v, .msg_iovlen = 2}};

	if (!mmsg)
		return out ? send(fd, buf, n, 0) : recv(fd, buf, n, 0);
	if ((out ? sendmmsg(fd, &m, 1, 0) : recvmmsg(fd, &m, 1, 0, NULL)) != 1)
		return -1;
	return m.msg_len;
}

static void flush(struct conn *c)
{
	char buf[32768];
	int n;

	while ((n = BIO_read(c->out, buf, sizeof(buf))) > 0)
		if (move(c->fd, buf, n, true) != n)
			err(1, "send");
}

static void receive(struct conn *c)
{
	char buf[32768];
	ssize_t n = move(c->fd, buf, sizeof(buf), false);

	if (n <= 0)
		err(1, "recv");
	for (ssize_t at = 0, k; at < n; at += k) {
		k = BIO_write(c->in, buf + at, n - at);
		if (k <= 0)
			errx(1, "BIO_write");
	}
}

static void attach(struct conn *c, bool pair)
{
	if (pair) {
		BIO *ours, *theirs;

		if (BIO_new_bio_pair(&ours, 65536, &theirs, 65536) != 1)
			errx(1, "BIO_new_bio_pair");
		SSL_set_bio(c->ssl, theirs, theirs);
		c->in = c->out = ours;
		return;
	}
	c->in = BIO_new(BIO_s_mem());
	c->out = BIO_new(BIO_s_mem());
	SSL_set_bio(c->ssl, c->in, c->out);
}

static void open_one(struct conn *c, SSL_CTX *ctx, bool pair, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons(port),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) ||
	    getsockname(c->fd, (struct sockaddr *)&a, &len))
		err(1, "connect");
	c->lport = ntohs(a.sin_port);
	c->rport = port;
	c->ssl = SSL_new(ctx);
	SSL_set_connect_state(c->ssl);
	attach(c, pair);
	while (SSL_do_handshake(c->ssl) != 1) {
		flush(c);
		receive(c);
	}
	flush(c);
}

static void say(struct conn *c, bool push)
{
	char buf[32768];
	int n = snprintf(buf, sizeof(buf), "%d>%d ask\n", c->lport, c->rport);

	if (SSL_write(c->ssl, buf, n) != n)
		errx(1, "SSL_write");
	flush(c);
	while (!push && SSL_read(c->ssl, buf, sizeof(buf)) <= 0)
		receive(c);
}

/* What nobody read would reset the connection, and the peer lose what it has not read. */
static void finish(struct conn *c)
{
	char buf[32768];

	shutdown(c->fd, SHUT_WR);
	while (recv(c->fd, buf, sizeof(buf), 0) > 0)
		;
}

int main(int argc, char **argv)
{
	static struct conn conns[CONNS_MAX];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool reset = argc == 6 && !strcmp(argv[5], "reset");
	bool push = reset || (argc == 6 && !strcmp(argv[5], "push"));
	int n, messages;

	mmsg = argc == 6 && !strcmp(argv[5], "mmsg");
	if (argc < 5 || !ctx)
		errx(2,
		     "usage: sslmem mem|pair PORT CONNECTIONS MESSAGES [push|reset|mmsg]");
	n = atoi(argv[3]);
	messages = atoi(argv[4]);
	if (n > CONNS_MAX)
		errx(2, "too many connections");
	for (int i = 0; i < n; i++)
		open_one(&conns[i], ctx, !strcmp(argv[1], "pair"), atoi(argv[2]));
	puts("open");
	fflush(stdout);
	getchar();
	for (int k = 0; k < messages; k++)
		for (int i = 0; i < n; i++)
			say(&conns[i], push);
	for (int i = 0; i < n && !reset; i++)
		finish(&conns[i]);
	return 0;
}
