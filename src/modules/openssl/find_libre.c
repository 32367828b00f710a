// SPDX-License-Identifier: GPL-2.0-only
/*
 * LibreSSL reports the errors of a connection by the reason, beside the name of the
 * source file (SSL_error_internal). SSL_write alone has two that no other function has;
 * SSL_read and SSL_peek hand object and buffer on alike, but only reading changes the
 * connection.
 */
#include "modules/openssl/find_impl.h"
#include "base/util.h"
#include "target/code.h"
#include <errno.h>
#include <stdio.h>

#define HANDED	   32
#define BY_POINTER 1 /* no address of a function */

struct libre {
	struct ec_units *us;
	struct ec_openssl_found *out;
	struct ec_unit *write, *read;
};

static int amiss(struct libre *l, const char *text)
{
	snprintf(l->out->how, sizeof(l->out->how),
		 "LibreSSL: not one function that is %s", text);
	return -ENOENT;
}

/* To the function that does the work: 0 if not to one. */
static uint64_t hands_on_to(const struct libre *l, const struct ec_unit *u)
{
	struct ec_code_handed v[HANDED];
	uint64_t to = 0;
	bool made;
	int n = ec_code_handed(l->us->f, u->fn.sym, 0, &made, v, HANDED);

	for (int i = 0; i < n; i++) {
		uint64_t target = v[i].target ? v[i].target : BY_POINTER;

		if (v[i].from[1] != 2)
			continue;
		if (to && to != target)
			return 0;
		to = target;
	}
	return to;
}

static bool is_write(const struct ec_unit *u, const void *ctx)
{
	const uint32_t both = EC_REASON_UNINITIALIZED | EC_REASON_SHUT;

	return !u->lib_openssl && (u->seconds & both) == both;
}

static bool may_read(const struct ec_unit *u, const void *ctx)
{
	return !u->lib_openssl && u->seconds == EC_REASON_UNINITIALIZED;
}

static bool is_shake(const struct ec_unit *u, const void *ctx)
{
	return !u->lib_openssl && u->seconds == EC_REASON_NO_TYPE;
}

/* Each calls a function of its own; in some releases by the method. */
static int find_read(struct libre *l)
{
	struct ec_unit *v[EC_FIND_MANY];
	unsigned int n = ec_find_each(l->us, may_read, NULL, v, EC_FIND_MANY);
	uint64_t reads = 0, writes = hands_on_to(l, l->write);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t to = v[i]->stores ? hands_on_to(l, v[i]) : 0;

		if (!to)
			continue;
		if (l->read)
			return amiss(l, "SSL_read");
		l->read = v[i];
		reads = to;
	}
	if (!l->read)
		return amiss(l, "SSL_read");
	for (unsigned int i = 0; i < n && reads != BY_POINTER; i++)
		if (v[i] != l->read && hands_on_to(l, v[i]) == reads)
			return amiss(l, "SSL_read");
	return reads == BY_POINTER || reads != writes ? 0 : amiss(l, "SSL_read");
}

int ec_find_libre(struct ec_units *us, struct ec_openssl_found *out)
{
	struct libre l = {.us = us, .out = out};
	struct ec_unit *v[EC_FIND_MANY];
	unsigned int n = ec_find_each(us, is_write, NULL, v, EC_FIND_MANY);
	int err;

	if (!n)
		return -ENOENT; /* no trace of it */
	l.write = v[0];
	out->copies = n > 1;
	if (n != 1 || !hands_on_to(&l, l.write))
		return amiss(&l, "SSL_write");
	err = find_read(&l);
	if (err)
		return err;
	ec_find_add(out, "SSL_write", l.write, EC_OPENSSL_CERTAIN, "error reasons");
	ec_find_add(out, "SSL_read", l.read, EC_OPENSSL_LIKELY, "error reasons");
	if (ec_find_each(us, is_shake, NULL, v, EC_FIND_MANY) == 1)
		ec_find_add(out, "SSL_do_handshake", v[0], EC_OPENSSL_LIKELY,
			    "error reasons");
	out->family = EC_OPENSSL_LIBRE;
	snprintf(out->how, sizeof(out->how),
		 "error reasons of LibreSSL beside ssl_lib.c");
	return 0;
}
