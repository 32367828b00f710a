// SPDX-License-Identifier: GPL-2.0-only
/*
 * BoringSSL and AWS-LC report errors by the reason alone: functions are told by which
 * reasons they have. SSL_read has none; it is what calls the function that reads and
 * then changes the connection, which SSL_peek does not.
 */
#include "modules/openssl/find_impl.h"
#include "base/util.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct boring {
	struct ec_units *us;
	struct ec_openssl_found *out;
	struct ec_unit *write, *impl, *peek, *read;
};

static int amiss(struct boring *b, const char *text)
{
	snprintf(b->out->how, sizeof(b->out->how), "BoringSSL: %s", text);
	return -ENOENT;
}

struct mask {
	uint32_t all, any, none;
};

static bool has_reasons(const struct ec_unit *u, const void *ctx)
{
	const struct mask *m = ctx;

	return (u->reasons & m->all) == m->all && (!m->any || u->reasons & m->any) &&
	       !(u->reasons & m->none);
}

static struct ec_unit *only(const struct boring *b, struct mask m)
{
	struct ec_unit *v[EC_FIND_MANY];

	return ec_find_each(b->us, has_reasons, &m, v, EC_FIND_MANY) == 1 ? v[0] : NULL;
}

/* Who calls `u`: SSL_peek by its reason, else by what it leaves alone; SSL_read. */
static int callers(struct boring *b, const struct ec_unit *u)
{
	struct ec_unit *v[EC_FIND_MANY], *peek = NULL, *read = NULL;
	unsigned int peeks = 0, reads = 0;
	int n = ec_units_callers(b->us, u, v, EC_FIND_MANY);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (v[i] == b->write || v[i] == b->peek ||
		    v[i]->reasons & (EC_REASON_UNINITIALIZED | EC_REASON_DATA_AT_END))
			continue; /* SSL_shutdown */
		if (v[i]->stores) {
			read = v[i];
			reads++;
		} else {
			peek = v[i];
			peeks++;
		}
	}
	if (reads == 1 && !b->read)
		b->read = read;
	if (peeks == 1 && !b->peek)
		b->peek = peek;
	return 0;
}

int ec_find_boring(struct ec_units *us, struct ec_openssl_found *out)
{
	const uint32_t both = EC_REASON_UNINITIALIZED | EC_REASON_HANDSHAKE;
	const uint32_t writes = EC_REASON_BAD_LENGTH | EC_REASON_SHUT;
	struct boring b = {.us = us, .out = out};
	struct ec_unit *shake;
	bool shakes;
	int err;

	b.write = only(&b, (struct mask){both, writes, 0});
	if (!b.write)
		return amiss(&b, "not one function that is SSL_write");
	b.impl = only(&b, (struct mask){both, 0, writes});
	if (!b.impl)
		return amiss(&b, "not one function that is ssl_read_impl");
	err = callers(&b, b.impl);
	if (!err && !b.read && b.peek)
		err = callers(&b, b.peek);
	if (err)
		return err;
	if (!b.read)
		return amiss(&b, "not one function that is SSL_read");
	shake = only(&b, (struct mask){EC_REASON_NO_TYPE, 0, EC_REASON_UNINITIALIZED});
	shakes = shake && ec_unit_calls(b.write, shake->fn.sym.va) &&
		 ec_unit_calls(b.impl, shake->fn.sym.va);
	ec_find_add(out, "SSL_write", b.write,
		    shakes ? EC_OPENSSL_CERTAIN : EC_OPENSSL_LIKELY, "error reasons");
	ec_find_add(out, "SSL_read", b.read,
		    shakes ? EC_OPENSSL_CERTAIN : EC_OPENSSL_LIKELY,
		    "calls ssl_read_impl");
	if (b.peek)
		ec_find_add(out, "SSL_peek", b.peek, EC_OPENSSL_LIKELY,
			    "calls ssl_read_impl");
	if (shake)
		ec_find_add(out, "SSL_do_handshake", shake,
			    shakes ? EC_OPENSSL_CERTAIN : EC_OPENSSL_LIKELY,
			    "error reasons");
	out->family = EC_OPENSSL_BORING;
	snprintf(out->how, sizeof(out->how), "error reasons beside ssl_lib.c%s",
		 us->cc ? "c" : "");
	return 0;
}
