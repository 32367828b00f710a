// SPDX-License-Identifier: GPL-2.0-only
#include "target/told.h"
#include "base/util.h"
#include "target/function.h"
#include "target/gist.h"
#include "target/texts.h"
#include "target/xref.h"
#include <errno.h>
#include <string.h>

#define PLACES                                                                   \
	512 /* where texts stand in the file, and where code makes their address \
	     */

struct look {
	struct ec_text text[PLACES];
	uint64_t target[PLACES];
	struct ec_xref xref[PLACES];
	unsigned int ntexts;
	uint64_t *at;
	/* since the last call, by argument; -1: none */
	int made[EC_TOLD_ARGS + 1]; /* places of texts */
	int32_t number[EC_TOLD_ARGS + 1];
	struct ec_told *out;
	unsigned int n, max;
};

static int text_at(const struct look *l, uint64_t va)
{
	for (unsigned int i = 0; i < l->ntexts; i++)
		if (l->text[i].va == va)
			return i;
	return -1;
}

static int add(struct look *l, uint64_t va, uint8_t arg, const struct ec_text *text)
{
	unsigned int i = 0;

	while (i < l->n && (l->out[i].va != va || l->out[i].arg != arg))
		i++;
	if (i == l->max)
		return -E2BIG;
	if (i == l->n) {
		l->out[l->n] = (struct ec_told){.va = va, .arg = arg};
		memcpy(l->out[l->n++].number, l->number, sizeof(l->number));
	}
	for (int k = 0; k <= EC_TOLD_ARGS; k++) {
		int32_t *have = &l->out[i].number[k];

		if (*have == EC_TOLD_NONE)
			*have = l->number[k];
		else if (l->number[k] != EC_TOLD_NONE && *have != l->number[k])
			*have = EC_TOLD_DIFFER;
	}
	l->out[i].texts |= 1u << text->which;
	l->at[text->which] = text->va;
	return 0;
}

static void forget(struct look *l)
{
	memset(l->made, -1, sizeof(l->made));
	memset(l->number, EC_TOLD_NONE, sizeof(l->number));
}

/* A jump away may be to the function's own cold part: then the call is still to come. */
static int see(void *ctx, const struct ec_gist *g)
{
	struct look *l = ctx;
	int err = 0;

	if (g->kind == EC_GIST_CONST && g->arg) {
		l->made[g->arg] = text_at(l, g->value);
		l->number[g->arg] =
			g->value <= INT32_MAX ? (int32_t)g->value : EC_TOLD_NONE;
		return 0;
	}
	if (g->kind != EC_GIST_CALL && g->kind != EC_GIST_JUMP)
		return 0;
	for (int arg = 1; arg <= EC_TOLD_ARGS && !err; arg++)
		if (l->made[arg] >= 0)
			err = add(l, g->value, arg, &l->text[l->made[arg]]);
	if (g->kind == EC_GIST_CALL)
		forget(l);
	return err;
}

static int by_va(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int look_at(const struct ec_file *f, struct look *l, int nplaces)
{
	struct ec_functions *fs = NULL;
	uint64_t near[PLACES];
	uint64_t seen = 0;
	int err;

	for (int i = 0; i < nplaces; i++)
		near[i] = l->xref[i].va;
	qsort(near, nplaces, sizeof(near[0]), by_va);
	err = ec_functions_open(f, near, nplaces, &fs);
	for (int i = 0; i < nplaces && !err; i++) {
		struct ec_function fn;

		if (ec_functions_at(fs, near[i], &fn) || (i && fn.sym.va == seen))
			continue;
		seen = fn.sym.va;
		forget(l);
		err = ec_gist_each(f, fn.sym, see, l);
		if (err == -ENOENT)
			err = 0;
	}
	ec_functions_free(fs);
	return err;
}

int ec_told_find(const struct ec_file *f, const char *const *texts, unsigned int n,
		 uint64_t *at, struct ec_told *out, unsigned int max)
{
	_ec_free_ struct look *l = calloc(1, sizeof(*l));
	unsigned int targets = 0;
	int found, err;

	if (!l)
		return -ENOMEM;
	memset(at, 0, n * sizeof(*at));
	l->at = at;
	l->out = out;
	l->max = max;
	found = ec_texts_find(f, texts, n, l->text, PLACES);
	if (found < 0)
		return found;
	if (found > PLACES)
		return -E2BIG;
	l->ntexts = found;
	for (int i = 0; i < found; i++) {
		at[l->text[i].which] = l->text[i].va;
		l->target[i] = l->text[i].va;
	}
	qsort(l->target, found, sizeof(l->target[0]), by_va);
	for (int i = 0; i < found; i++)
		if (!i || l->target[i] != l->target[targets - 1])
			l->target[targets++] = l->target[i];
	found = ec_xref_find(f, l->target, targets, l->xref, PLACES);
	if (found <= 0)
		return found;
	err = look_at(f, l, found);
	return err ? err : (int)l->n;
}
