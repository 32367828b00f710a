/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which processes use which targets, told by mapping events and by fork, exec and exit.
 * It may be wrong where events were lost or came out of order, so nothing is decided by
 * it alone: it says when to look.
 */
#ifndef EC_DISCOVER_USERS_H
#define EC_DISCOVER_USERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct ec_users;
/* One user more (+1) or less (-1) of a target. */
typedef void ec_users_fn(void *ctx, uint32_t target, int delta);
int ec_users_new(ec_users_fn *fn, void *ctx, struct ec_users **out);
void ec_users_free(struct ec_users *u); /* tells nothing */
/* A process maps it; told again for the same pair nothing happens. 0 or -ENOMEM */
int ec_users_add(struct ec_users *u, pid_t pid, uint32_t target);
/* The child has what its parent has. False: that is nothing. */
bool ec_users_fork(struct ec_users *u, pid_t parent, pid_t child);
void ec_users_gone(struct ec_users *u, pid_t pid); /* exec or exit */
/* The target is gone: nobody uses it, which nobody is told. */
void ec_users_forget(struct ec_users *u, uint32_t target);
/* Takes out those that `gone` says yes to. */
void ec_users_check(struct ec_users *u, bool (*gone)(pid_t pid));

#endif
