/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event loop of one thread over epoll: descriptors, timers, signals. Callbacks run in
 * ec_loop_run(); a callback may add, remove and stop. The loop owns the sources it made,
 * never the descriptors it was given: ec_loop_del() first, then close().
 */
#ifndef EC_BASE_LOOP_H
#define EC_BASE_LOOP_H

#include "base/util.h"

struct ec_loop;
struct ec_source;
typedef void ec_loop_fn(void *ctx, uint32_t events); /* EPOLLIN …; signals: number */

int ec_loop_new(struct ec_loop **out);
void ec_loop_free(struct ec_loop *l);
int ec_loop_add_fd(struct ec_loop *l, int fd, uint32_t events, ec_loop_fn *fn, void *ctx,
		   struct ec_source **out);
/* Every `ns`, from now on; 0 with ec_loop_set_timer() stops it. */
int ec_loop_add_timer(struct ec_loop *l, uint64_t ns, ec_loop_fn *fn, void *ctx,
		      struct ec_source **out);
int ec_loop_set_timer(struct ec_source *s, uint64_t ns);
/*
 * Blocks the signals and reads them from a signalfd: list ends with 0. They stay blocked
 * after ec_loop_del(), so that a late one cannot end a process that is closing its files;
 * who starts a program resets the mask.
 */
int ec_loop_add_signals(struct ec_loop *l, const int *signals, ec_loop_fn *fn, void *ctx,
			struct ec_source **out);
void ec_loop_del(struct ec_source *s); /* in callbacks too; NULL: nothing */
/* Until ec_loop_stop(), whose round is finished first. 0 or -errno */
int ec_loop_run(struct ec_loop *l);
/* One round, waiting at most `ms` (-1: for ever). 0 or -errno */
int ec_loop_once(struct ec_loop *l, int ms);
void ec_loop_stop(struct ec_loop *l);

#endif
