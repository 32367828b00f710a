/* SPDX-License-Identifier: GPL-2.0-only */
/* Opens what a run writes to, before any right is given up. */
#ifndef EC_APP_OUTPUTS_H
#define EC_APP_OUTPUTS_H

#include "app/options.h"
#include "sink/sink.h"

#define EC_OUTPUTS_MAX (EC_OPT_STRS_MAX + 3)

struct ec_output {
	struct ec_sink sink;
	const char *path; /* NULL: stdout */
	bool append;	  /* reopened on SIGHUP */
	bool dead;	  /* could not be written */
};

struct ec_outputs {
	struct ec_output o[EC_OUTPUTS_MAX];
	size_t n;
	int record_fd; /* -1: none */
	int log_fd;    /* -1: stderr */
};

/* 0, or an exit code after one line on the log. The log goes to --logaddr from here. */
int ec_outputs_open(struct ec_outputs *out, const struct ec_options *o);
/* Descriptors that the worker keeps. */
size_t ec_outputs_fds(const struct ec_outputs *out, int *fds, size_t max);
/* Is it a key log, as -o is given? */
bool ec_outputs_is_keylog(const char *spec);
/* Closes all sinks and outputs. First error as -errno, its name to *which. */
int ec_outputs_close(struct ec_outputs *out, const char **which);
/* The file of an output again, after a rotation. 0, or an exit code after one line; of
 * what is no file, an exit code and no word. */
int ec_outputs_reopen(const struct ec_output *p, int *fd);
/* A file for appending: fd or -errno. */
int ec_outputs_open_append(const char *path);

#endif
