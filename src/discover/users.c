// SPDX-License-Identifier: GPL-2.0-only
#include "discover/users.h"
#include "base/map.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

#define PIDS_MAX                                                               \
	65536 /* that use a target; the one that did longest is taken for gone \
	       */

struct user {
	uint32_t n, cap;
	uint32_t targets[];
};

struct ec_users {
	struct ec_map *pids; /* pid → struct user */
	ec_users_fn *fn;
	void *ctx;
};

static void tell(struct ec_users *u, const struct user *r, int delta)
{
	for (uint32_t i = 0; i < r->n; i++)
		u->fn(u->ctx, r->targets[i], delta);
}

static void evict(void *ctx, const void *key, void *value)
{
	tell(ctx, value, -1);
	free(value);
}

int ec_users_new(ec_users_fn *fn, void *ctx, struct ec_users **out)
{
	struct ec_users *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return -ENOMEM;
	u->fn = fn;
	u->ctx = ctx;
	err = ec_map_new(&u->pids, sizeof(pid_t), PIDS_MAX, evict, u);
	if (err) {
		free(u);
		return err;
	}
	*out = u;
	return 0;
}

static void tell_nothing(void *ctx, uint32_t target, int delta)
{
}

void ec_users_free(struct ec_users *u)
{
	if (!u)
		return;
	u->fn = tell_nothing;
	ec_map_free(u->pids);
	free(u);
}

static struct user *user_new(uint32_t cap)
{
	struct user *r = malloc(sizeof(*r) + cap * sizeof(r->targets[0]));

	if (r) {
		r->n = 0;
		r->cap = cap;
	}
	return r;
}

int ec_users_add(struct ec_users *u, pid_t pid, uint32_t target)
{
	struct user *r = ec_map_get(u->pids, &pid), *more;
	int err;

	for (uint32_t i = 0; r && i < r->n; i++)
		if (r->targets[i] == target)
			return 0;
	if (!r || r->n == r->cap) {
		more = user_new(r ? 2 * r->cap : 2);
		if (!more)
			return -ENOMEM;
		if (r) {
			more->n = r->n;
			memcpy(more->targets, r->targets, r->n * sizeof(*r->targets));
			ec_map_del(u->pids, &pid);
			free(r);
		}
		err = ec_map_put(u->pids, &pid, more);
		if (err) {
			tell(u, more, -1);
			free(more);
			return err;
		}
		r = more;
	}
	r->targets[r->n++] = target;
	u->fn(u->ctx, target, 1);
	return 0;
}

bool ec_users_fork(struct ec_users *u, pid_t parent, pid_t child)
{
	const struct user *r = ec_map_peek(u->pids, &parent);

	if (!r)
		return false;
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t target = r->targets[i];

		if (ec_users_add(u, child, target))
			break;
		r = ec_map_peek(u->pids, &parent); /* may have had to go for the child */
		if (!r)
			break;
	}
	return true;
}

void ec_users_gone(struct ec_users *u, pid_t pid)
{
	struct user *r = ec_map_del(u->pids, &pid);

	if (!r)
		return;
	tell(u, r, -1);
	free(r);
}

struct check {
	struct ec_users *u;
	bool (*gone)(pid_t pid);
};

static bool check_one(void *ctx, const void *key, void *value)
{
	const struct check *c = ctx;
	pid_t pid = *(const pid_t *)key;

	if (c->gone(pid))
		ec_users_gone(c->u, pid);
	return true;
}

void ec_users_check(struct ec_users *u, bool (*gone)(pid_t pid))
{
	struct check c = {u, gone};

	ec_map_each(u->pids, check_one, &c);
}

static bool forget_one(void *ctx, const void *key, void *value)
{
	const uint32_t *target = ctx;
	struct user *r = value;

	for (uint32_t i = 0; i < r->n; i++) {
		if (r->targets[i] == *target)
			r->targets[i--] = r->targets[--r->n];
	}
	return true;
}

void ec_users_forget(struct ec_users *u, uint32_t target)
{
	ec_map_each(u->pids, forget_one, &target);
}
