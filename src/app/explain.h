/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_APP_EXPLAIN_H
#define EC_APP_EXPLAIN_H

/*
 * `explain PID`: what would be probed in one process and why the rest is not, step by
 * step. argv[0] is the command's name. Exit code: 0 it would be captured, 4 not.
 */
int ec_explain_run(int argc, char **argv);

#endif
