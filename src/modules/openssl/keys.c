// SPDX-License-Identifier: GPL-2.0-only
/*
 * Since 1.1.1, and in BoringSSL, each secret goes through ssl_log_secret(connection,
 * label, secret, length), which only then looks whether anybody logs. It is found by the
 * labels. Where it is a mere step to nss_keylog_int(label, connection, random, 32,
 * secret, length) that is taken: it has the random as well, and gets what RSA key
 * exchange logs. Before 1.1.1 there is no such thing: tls1_setup_key_block(connection) is
 * called once the master secret stands, be it new or resumed, and before any record is
 * encrypted with it.
 */
#include "modules/openssl/keys.h"
#include "base/util.h"
#include "modules/openssl/offsets.h"
#include "modules/openssl/points.h"
#include "target/code.h"
#include "target/function.h"
#include "target/reads.h"
#include "target/texts.h"
#include "target/told.h"
#include "target/walk.h"
#include "target/xref.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CALLED_MAX 64
#define RANDOM_LEN 32 /* and no field before it is as large */

/* By number less one: enum ec_label. */
static const char *const labels[] = {
	"CLIENT_RANDOM",
	"CLIENT_EARLY_TRAFFIC_SECRET",
	"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
	"SERVER_HANDSHAKE_TRAFFIC_SECRET",
	"CLIENT_TRAFFIC_SECRET_0",
	"SERVER_TRAFFIC_SECRET_0",
	"EARLY_EXPORTER_SECRET",
	"EXPORTER_SECRET",
};
#define LABELS EC_ARRAY_SIZE(labels)

struct keys {
	const struct ec_openssl_names *n;
	const struct ec_openssl_layout *row; /* NULL: not known */
	struct ec_plan *plan;
	uint64_t label[LABELS];
};

#define SAY(k, ...) snprintf((k)->plan->keys, sizeof((k)->plan->keys), __VA_ARGS__)

/* The function of an address. */
static int function_at(const struct ec_file *f, uint64_t va, struct ec_sym *out)
{
	struct ec_functions *fs = NULL;
	struct ec_function fn;
	int err = ec_functions_open(f, &va, 1, &fs);

	if (!err)
		err = ec_functions_at(fs, va, &fn);
	if (!err)
		*out = fn.sym;
	ec_functions_free(fs);
	return err;
}

/* The one that most labels are given to, as argument `arg`; NULL: it is not clear. */
static const struct ec_told *most_told(const struct ec_told *told, int n, int arg)
{
	const struct ec_told *best = NULL;
	int most = 1, second = 0;

	for (int i = 0; i < n; i++) {
		int agree = __builtin_popcount(told[i].texts);

		if (told[i].arg != arg)
			continue;
		if (agree > most) {
			second = most;
			most = agree;
			best = &told[i];
		} else if (agree > second) {
			second = agree;
		}
	}
	return best && most > second ? best : NULL;
}

static bool point_at(struct keys *k, uint64_t va, enum ec_shape shape, const char *name)
{
	struct ec_target *t = &k->plan->params;

	if (!ec_openssl_point(k->n->f, k->plan, va, EC_SSL_SECRET, shape, name))
		return false;
	for (size_t i = 0; i < LABELS && shape != EC_SHAPE_RSA; i++) {
		int64_t far = k->label[i] - va;

		if (k->label[i] && far == (int32_t)far)
			t->label[i + 1] = far;
	}
	return true;
}

/* The only function that makes the address of a text, as those do that report errors. */
static int function_of_text(const struct ec_file *f, const char *text, struct ec_sym *fn)
{
	struct ec_text at[4];
	struct ec_xref from[4];
	uint64_t va;
	int n = ec_texts_find(f, &text, 1, at, EC_ARRAY_SIZE(at));

	if (n != 1)
		return n == -ENOMEM ? n : -ENOENT;
	va = at[0].va;
	n = ec_xref_find(f, &va, 1, from, EC_ARRAY_SIZE(from));
	if (n < 1 || function_at(f, from[0].va, fn))
		return -ENOENT;
	for (int i = 1; i < n; i++)
		if (from[i].va - fn->va >= fn->size)
			return -ENOENT;
	return 0;
}

/* The other one that logs: pre-master secrets of RSA key exchange, under a label of their
 * own. Without it nothing lacks that a reader needs. */
static void add_rsa(struct keys *k)
{
	static const char name[] = "ssl_log_rsa_client_key_exchange";
	struct ec_sym fn;

	if ((!k->n->found && !ec_file_symbol(k->n->f, name, &fn)) ||
	    !function_of_text(k->n->f, name, &fn))
		point_at(k, fn.va, EC_SHAPE_RSA, name);
}

/* By the code; what no table has is another library's, or of a release to come. */
static bool plan_random(struct keys *k, struct ec_sym fn)
{
	struct ec_target *t = &k->plan->params;
	struct ec_chain c;

	if (!ec_code_bytes(k->n->f, fn, 1, RANDOM_LEN, &c) && c.off[0] < EC_KOFF_NONE &&
	    c.off[1] < EC_KOFF_NONE) {
		t->nrandom = c.n;
		t->random[0] = c.off[0];
		t->random[1] = c.off[1];
		if (k->row && k->row->nrandom &&
		    (k->row->nrandom != c.n || k->row->random[0] != c.off[0] ||
		     (c.n == 2 && k->row->random[1] != c.off[1])) &&
		    !k->plan->note[0])
			snprintf(k->plan->note, sizeof(k->plan->note),
				 "its code has the client random elsewhere than the "
				 "table of %s %s: the code is right",
				 k->plan->library, k->plan->version);
		return true;
	}
	if (!k->row || !k->row->nrandom)
		return false;
	t->nrandom = k->row->nrandom;
	t->random[0] = k->row->random[0];
	t->random[1] = k->row->random[1];
	return true;
}

/* What was inlined into its callers leaves the function behind it, which compilers that
 * see all callers give only what differs. 0 or -ENOMEM */
static int plan_inlined(struct keys *k, const struct ec_told *t)
{
	bool whole = t->number[4] == RANDOM_LEN;

	/* other numbers are left from before: the secret's address is none */
	if (point_at(k, t->va, whole ? EC_SHAPE_LABELLED : EC_SHAPE_LABELLED_32,
		     "nss_keylog_int"))
		SAY(k, "inner key log function by labels%s",
		    whole ? "" : ", without a constant argument");
	return 0;
}

static int plan_log_secret(struct keys *k, struct ec_sym fn, const char *how)
{
	static const struct ec_passed passed[] = {{2, 1}, {3, 5}, {4, 6}};
	uint64_t inner;
	int err;

	err = ec_code_passed(k->n->f, fn, passed, EC_ARRAY_SIZE(passed), &inner);
	if (err == -ENOMEM)
		return err;
	if (!err && point_at(k, inner, EC_SHAPE_LABELLED, "nss_keylog_int")) {
		SAY(k, "key log function by %s, the one it calls", how);
		return 0;
	}
	if (!plan_random(k, fn)) {
		SAY(k, "none: its code does not tell where a connection's random is");
		return 0;
	}
	if (!point_at(k, fn.va, EC_SHAPE_SECRET, "ssl_log_secret")) {
		SAY(k, "none: its key log function cannot be probed");
		return 0;
	}
	add_rsa(k);
	SAY(k, "key log function by %s", how);
	return 0;
}

/* -ENOENT: there is no such function. */
static int plan_keylog(struct keys *k)
{
	struct ec_told told[CALLED_MAX];
	const struct ec_told *t;
	struct ec_sym fn;
	int n = ec_told_find(k->n->f, labels, LABELS, k->label, told, CALLED_MAX);

	if (n == -ENOMEM)
		return n;
	/* calls of an exported function go through a table that has no such address */
	if (!k->n->found && !ec_file_symbol(k->n->f, "ssl_log_secret", &fn))
		return plan_log_secret(k, fn, "symbol");
	t = most_told(told, n, 2);
	if (t)
		return ec_walk_is_plt(k->n->f, t->va) || function_at(k->n->f, t->va, &fn)
			       ? -ENOENT
			       : plan_log_secret(k, fn, "labels");
	t = most_told(told, n, 1);
	return t ? plan_inlined(k, t) : -ENOENT;
}

/* Is the row this library's? Forks keep the version and move the fields (node 16). */
static bool row_fits(const struct keys *k)
{
	const struct ec_openssl_layout *l = k->row;
	const struct ec_target *t = &k->plan->params;
	struct ec_sym fn;
	uint32_t at;

	return l && l->session && ec_openssl_fn(k->n, "SSL_get_session", &fn) &&
	       !ec_code_accessor(k->n->f, fn, &at) && at == l->session &&
	       (!t->nrandom || (t->nrandom == l->nrandom &&
				!memcmp(t->random, l->random, sizeof(t->random))));
}

/* Where a connection says that its handshake is over, by the accessor's code. */
static void plan_state(const struct keys *k, struct ec_target *t)
{
	static const struct {
		const char *name;
		uint8_t over;
	} how[] = {
		{"SSL_get_state", 1}, /* TLS_ST_OK, since 1.1.0 */
		{"SSL_state", 3},     /* SSL_ST_OK */
	};
	struct ec_sym fn;
	uint32_t at;

	for (size_t i = 0; i < EC_ARRAY_SIZE(how); i++) {
		if (!ec_openssl_fn(k->n, how[i].name, &fn) ||
		    ec_code_number(k->n->f, fn, &at) || at >= EC_KOFF_NONE)
			continue;
		t->state = at;
		t->over = how[i].over;
		return;
	}
}

/* What is in a connection whose handshake is over only the table knows. */
static void plan_late(struct keys *k)
{
	const struct ec_openssl_layout *l = k->row;
	struct ec_target *t = &k->plan->params;
	uint32_t n = k->plan->npoints;

	t->version = t->state = EC_KOFF_NONE;
	plan_state(k, t);
	if (row_fits(k) && t->state != EC_KOFF_NONE) {
		t->nrandom = l->nrandom;
		memcpy(t->random, l->random, sizeof(t->random));
		t->nmaster = 2;
		t->master[0] = l->session;
		t->master[1] = l->master;
		t->master_len = l->master_len;
		t->version = l->version;
		t->typed = l->version != 0; /* else an object begins with that */
		t->app[0] = l->client_app;
		t->app[1] = l->server_app;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct ec_point *p = &k->plan->points[i];

		if (p->use != EC_USE_DATA || p->is_return || p->ret ||
		    p->dir == EC_DIR_NONE || k->plan->npoints == EC_PLAN_POINTS)
			continue;
		k->plan->points[k->plan->npoints] = *p;
		p = &k->plan->points[k->plan->npoints++];
		p->prog = EC_SSL_LATE;
		p->use = EC_USE_LATE;
		p->dir = EC_DIR_NONE;
		p->shape = EC_SHAPE_NONE;
	}
}

/* Before 1.1.1. */
static void plan_master(struct keys *k)
{
	const struct ec_openssl_layout *l = k->row;
	struct ec_target *t = &k->plan->params;
	struct ec_sym fn;

	if (!l || !l->session || l->client_app) {
		SAY(k, "none: no function that writes a key log was found");
		return;
	}
	if (!ec_openssl_fn(k->n, "tls1_setup_key_block", &fn)) {
		SAY(k, "none: tls1_setup_key_block was not found");
		return;
	}
	t->nrandom = l->nrandom;
	memcpy(t->random, l->random, sizeof(t->random));
	t->nmaster = 2;
	t->master[0] = l->session;
	t->master[1] = l->master;
	t->master_len = l->master_len;
	if (point_at(k, fn.va, EC_SHAPE_MASTER, "tls1_setup_key_block"))
		SAY(k, "master secret when keys are made; layout by table");
	else
		SAY(k, "none: tls1_setup_key_block cannot be probed");
}

int ec_openssl_keys_plan(const struct ec_openssl_names *n,
			 const struct ec_openssl_version *v, struct ec_plan *plan)
{
	struct keys k = {.n = n, .row = ec_openssl_keys_of(v), .plan = plan};
	int err;

	if (v->lib == EC_LIB_LIBRESSL) {
		SAY(&k, "none: LibreSSL writes no key log");
		return 0;
	}
	err = plan_keylog(&k);
	if (err == -ENOENT)
		plan_master(&k);
	if (err == -ENOMEM)
		return err;
	if (ec_plan_has(plan, EC_USE_SECRET))
		plan_late(&k);
	return 0;
}
