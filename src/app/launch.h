/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `-- COMMAND`: started only when everything is in place. A small process between us and
 * the command is the reaper of its descendants, so that "it and its descendants have
 * ended" is that process's end, and its exit status the command's.
 */
#ifndef EC_APP_LAUNCH_H
#define EC_APP_LAUNCH_H

#include "app/hold.h"

#include <signal.h>
#include <sys/resource.h>

/* What a program inherits and we change for ourselves. */
struct ec_legacy {
	struct rlimit files, locked;
	sigset_t mask, ignored;
};

struct ec_launch {
	pid_t reaper;	  /* our child; ends when all have ended; -1: none */
	pid_t command;	  /* its child: what is captured */
	int go;		  /* written to: exec */
	int failed;	  /* readable with an errno when exec failed, else closed by it */
	const char *name; /* the command's first word, not ours */
	struct ec_hold *hold; /* once it may exec; NULL: that is refused here */
	struct ec_legacy legacy;
};

/* First of all: nothing is started, what the command shall inherit is noted. */
void ec_launch_init(struct ec_launch *l);
/* Forks both; nothing runs yet. 0 or -errno */
int ec_launch_new(char **argv, struct ec_launch *l);
/* What is known of is probed: it may exec, and then begin (app/hold.h; NULL: at once). */
void ec_launch_settled(struct ec_launch *l, const struct ec_hold_opts *o);
/* After SIGCHLD: have all ended? Then *status is the exit status of the command, after a
 * message if it could not be run. */
bool ec_launch_reap(struct ec_launch *l, int *status);
/* Ends it if it has not begun. */
void ec_launch_cancel(struct ec_launch *l);
void ec_launch_free(struct ec_launch *l);

#endif
