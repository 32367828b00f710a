// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS between two objects of one process, at once: no certificate, no key to make, no
 * network. Whoever is late to watch sees nothing of it. Says what was sent and received
 * as sslpair does: `quick [BYTES]`.
 */
#include <err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SSL *end_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	/* anonymous: only TLS 1.2 has that, and only below level 1 */
	if (!ctx || !SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(ctx, "AECDH-AES128-SHA:@SECLEVEL=0"))
		errx(1, "SSL_CTX");
	return SSL_new(ctx);
}

static void say(const char *what, const void *p, size_t n)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int len;

	EVP_Digest(p, n, sum, &len, EVP_sha256(), NULL);
	printf("STREAM %d %s %zu ", getpid(), what, n);
	for (unsigned int i = 0; i < len; i++)
		printf("%02x", sum[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 500, got = 0, done;
	SSL *server = end_new(TLS_server_method()),
	    *client = end_new(TLS_client_method());
	BIO *a, *b;
	char *out = malloc(n), *in = malloc(n);

	if (!BIO_new_bio_pair(&a, n + 20000, &b, n + 20000))
		errx(1, "BIO");
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	for (int i = 0;
	     i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server));
	     i++) {
		SSL_do_handshake(client);
		SSL_do_handshake(server);
	}
	for (size_t i = 0; i < n; i++)
		out[i] = "what a byte may be"[i % 18];
	if (!SSL_write_ex(client, out, n, &done) || done != n)
		errx(1, "write");
	while (got < n && SSL_read_ex(server, in + got, n - got, &done))
		got += done;
	if (got != n)
		errx(1, "read");
	say("sent", out, n);
	say("received", in, n);
}
