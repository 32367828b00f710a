/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `-- COMMAND`: started only when everything is in place. A small process between us and
 * the command is the reaper of its descendants, so that "it and its descendants have
 * ended" is that process's end, and its exit status the command's.
 */
#ifndef EC_APP_LAUNCH_H
#define EC_APP_LAUNCH_H

#include <sys/types.h>

struct ec_launch {
	pid_t reaper;  /* our child; ends when all have ended; -1: none */
	pid_t command; /* its child: what is captured */
	int go;	       /* written to: exec */
	int failed;    /* readable with an errno when exec failed, else closed by it */
};

/* Forks both; nothing runs yet. 0 or -errno */
int ec_launch_new(char **argv, struct ec_launch *l);
/* Lets it run. 0, or -errno of its exec. */
int ec_launch_go(struct ec_launch *l);
/* Ends it before it ran. */
void ec_launch_cancel(struct ec_launch *l);
/* Exit status as a shell says it: its own, or 128 + signal. */
int ec_launch_status(int wait_status);

#endif
