/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Offsets of kernel fields for the walks task → file → socket → addresses. The table
 * (abi/maps.h) and its filling are apart: BTF now, self-calibration where there is none.
 */
#ifndef EC_HOST_KOFFS_H
#define EC_HOST_KOFFS_H

#include "abi/maps.h"
#include <stdbool.h>

void ec_koffs_clear(struct ec_koffs *k); /* all EC_KOFF_NONE */
/*
 * From the BTF at `path` (NULL: /sys/kernel/btf/vmlinux), in one pass over its types.
 * Members of anonymous structs and unions are found; `skc_*` through `struct sock`.
 * 0; -ENOENT no BTF; -EBADMSG damaged. Fields not found stay EC_KOFF_NONE.
 */
int ec_koffs_from_btf(struct ec_koffs *k, const char *path);
/* Are all offsets of the descriptor walk / of the socket fields known? */
bool ec_koffs_can_walk(const struct ec_koffs *k);
bool ec_koffs_can_sock(const struct ec_koffs *k);

#endif
