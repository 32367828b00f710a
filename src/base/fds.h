/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_BASE_FDS_H
#define EC_BASE_FDS_H

#include <stddef.h>

/*
 * For a child: closes every descriptor from `first` on that is not in keep[n], which is
 * sorted by it and may hold lower ones and one twice.
 */
void ec_fds_close_others(int first, int *keep, size_t n);

#endif
