// SPDX-License-Identifier: GPL-2.0-only
/*
 * BoringSSL and AWS-LC report errors by the reason alone: functions are told by which
 * reasons they have. SSL_read has none; it is what calls the function that reads and
 * then changes the connection, which SSL_peek does not.
 */
#include "modules/openssl/find_impl.h"
#include "base/util.h"
#include "target/code.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct boring {
	struct ec_units *us;
	struct ec_openssl_found *out;
	struct ec_unit *write, *write_ex, *impl, *peek, *read, *read_ex;
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

/* SSL_connect and SSL_accept may hold it as well; both directions call it. */
static struct ec_unit *find_shake(const struct boring *b)
{
	struct mask m = {EC_REASON_NO_TYPE, 0, EC_REASON_UNINITIALIZED};
	struct ec_unit *v[EC_FIND_MANY], *found = NULL;
	unsigned int n = ec_find_each(b->us, has_reasons, &m, v, EC_FIND_MANY), both = 0;

	for (unsigned int i = 0; i < n; i++)
		if (ec_unit_calls(b->write, v[i]->fn.sym.va) &&
		    ec_unit_calls(b->impl, v[i]->fn.sym.va)) {
			found = v[i];
			both++;
		}
	return both == 1 ? found : NULL;
}

/*
 * AWS-LC has SSL_read_ex and its like, which may hold a copy of the plain function: they
 * give the length by a pointer and never return -1, which not all plain ones make
 * themselves.
 */
static bool pick(struct ec_unit *const *v, unsigned int n, struct ec_unit **plain,
		 struct ec_unit **ex)
{
	*plain = n ? v[0] : NULL;
	*ex = NULL;
	if (n != 2)
		return n == 1;
	if (v[0]->minus == v[1]->minus) {
		*plain = v[0]->results ? v[1] : v[0];
		*ex = v[0]->results ? v[0] : v[1];
		return !v[0]->minus && !(*plain)->results && (*ex)->results;
	}
	*plain = v[0]->minus ? v[0] : v[1];
	*ex = v[0]->minus ? v[1] : v[0];
	return (*ex)->results > (*plain)->results;
}

/* With its own object, and with its own buffer if `buffer`: other callers are users. */
static bool hands_on(const struct boring *b, const struct ec_unit *u,
		     const struct ec_unit *to, bool buffer)
{
	struct ec_code_handed v[32];
	bool made;
	int n = ec_code_handed(b->us->f, u->fn.sym, 0, &made, v, EC_ARRAY_SIZE(v));

	for (int i = 0; i < n; i++)
		if (v[i].target == to->fn.sym.va && (!buffer || v[i].from[1] == 2))
			return true;
	return false;
}

/*
 * Those that write hand their buffer to the method as it came, behind one or two results.
 * ssl_read_impl has the same reasons, and so has a function of the program's own with
 * either of them inlined.
 */
static bool writes(const struct boring *b, const struct ec_unit *u)
{
	struct ec_code_handed v[32];
	bool made;
	int n = ec_code_handed(b->us->f, u->fn.sym, 0, &made, v, EC_ARRAY_SIZE(v));

	for (int i = 0; i < n; i++)
		if (!v[i].target && (v[i].from[2] == 2 || v[i].from[3] == 2))
			return true;
	return false;
}

static int find_write(struct boring *b)
{
	const struct mask m = {EC_REASON_UNINITIALIZED | EC_REASON_HANDSHAKE, 0, 0};
	struct ec_unit *v[EC_FIND_MANY], *w[EC_FIND_MANY] = {NULL};
	unsigned int n = ec_find_each(b->us, has_reasons, &m, v, EC_FIND_MANY);
	unsigned int nwrites = 0, nreads = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (writes(b, v[i])) {
			w[nwrites++] = v[i];
		} else {
			b->impl = v[i];
			nreads++;
		}
	}
	b->out->copies = nwrites > 2 || nreads > 1;
	if (!pick(w, nwrites, &b->write, &b->write_ex))
		return amiss(b, "not one function that is SSL_write");
	return nreads == 1 ? 0 : amiss(b, "not one function that is ssl_read_impl");
}

/* Who calls `u`: SSL_read, which changes fields, and SSL_peek, which does not. */
static int callers(struct boring *b, const struct ec_unit *u)
{
	struct ec_unit *v[EC_FIND_MANY], *reads[EC_FIND_MANY], *peeks[EC_FIND_MANY];
	struct ec_unit *read, *read_ex, *peek, *peek_ex;
	unsigned int nreads = 0, npeeks = 0;
	int n = ec_units_callers(b->us, u, v, EC_FIND_MANY);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		if (v[i] == b->write || v[i] == b->write_ex || v[i] == b->peek ||
		    v[i]->reasons & (EC_REASON_UNINITIALIZED | EC_REASON_DATA_AT_END))
			continue; /* SSL_shutdown */
		if (!hands_on(b, v[i], u, u == b->peek))
			continue;
		if (v[i]->stores)
			reads[nreads++] = v[i];
		else
			peeks[npeeks++] = v[i];
	}
	if (!b->peek && pick(peeks, npeeks, &peek, &peek_ex))
		b->peek = peek;
	if (!pick(reads, nreads, &read, &read_ex))
		return nreads ? amiss(b, "not one function that is SSL_read") : 0;
	b->read = read;
	b->read_ex = read_ex;
	return 0;
}

/*
 * Does it have _ex forms, which AWS-LC took from OpenSSL? Those that call the plain one
 * are no copies of it: they are not needed, but tell the library.
 */
static bool has_ex(struct boring *b)
{
	struct ec_unit *v[EC_FIND_MANY];
	int n = ec_units_callers(b->us, b->write, v, EC_FIND_MANY);

	for (int i = 0; i < n; i++)
		if (v[i]->results && hands_on(b, v[i], b->write, true))
			return true;
	return b->write_ex || b->read_ex;
}

static void add(struct boring *b, const char *name, const struct ec_unit *u,
		enum ec_openssl_sure sure, const char *how)
{
	if (u)
		ec_find_add(b->out, name, u, sure, how);
}

int ec_find_boring(struct ec_units *us, struct ec_openssl_found *out)
{
	struct boring b = {.us = us, .out = out};
	struct ec_unit *shake;
	enum ec_openssl_sure sure;
	int err;

	err = find_write(&b);
	if (err)
		return err;
	err = callers(&b, b.impl);
	if (!err && !b.read && b.peek)
		err = callers(&b, b.peek);
	if (err)
		return err;
	if (!b.read)
		return amiss(&b, "not one function that is SSL_read");
	shake = find_shake(&b);
	sure = shake ? EC_OPENSSL_CERTAIN : EC_OPENSSL_LIKELY;
	add(&b, "SSL_write", b.write, sure, "error reasons");
	add(&b, "SSL_write_ex", b.write_ex, EC_OPENSSL_LIKELY, "error reasons");
	add(&b, "SSL_read", b.read, sure, "calls ssl_read_impl");
	add(&b, "SSL_read_ex", b.read_ex, EC_OPENSSL_LIKELY, "calls ssl_read_impl");
	add(&b, "SSL_peek", b.peek, EC_OPENSSL_LIKELY, "calls ssl_read_impl");
	add(&b, "SSL_do_handshake", shake, sure, "error reasons");
	out->write_inlined = b.write_ex;
	out->read_inlined = b.read_ex;
	out->family = has_ex(&b) ? EC_OPENSSL_AWS_LC : EC_OPENSSL_BORING;
	snprintf(out->how, sizeof(out->how), "error reasons beside ssl_lib.c%s",
		 us->cc ? "c" : "");
	return 0;
}
