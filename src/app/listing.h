/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_APP_LISTING_H
#define EC_APP_LISTING_H

/*
 * `targets`: what would be probed on this host, and why the rest is not. argv[0] is the
 * command's name. Exit code: 0 something can be captured, 4 nothing.
 */
int ec_listing_run(int argc, char **argv);

#endif
