/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EC_MODEL_LOSS_H
#define EC_MODEL_LOSS_H

#include "abi/record.h"
#include <stdint.h>

/* Stable word for machines ("ring", "fault", …) and sentence part for people. */
const char *ec_loss_name(enum ec_loss cause);
const char *ec_loss_text(enum ec_loss cause);

/* The account of a whole run. Everything is bytes of plaintext unless it says records. */
struct ec_account {
	uint64_t records; /* chunks that reached the pipeline */
	uint64_t bytes;
	uint64_t messages; /* library calls shown */
	uint64_t cut;	   /* left out by --truncate_size */
	struct ec_loss_count lost[EC_LOSS__N];
	uint64_t filtered; /* not of the ports asked for */
	uint64_t secrets;
};

static inline uint64_t ec_account_lost(const struct ec_account *a)
{
	uint64_t n = 0;

	for (int i = 1; i < EC_LOSS__N; i++)
		n += a->lost[i].bytes;
	return n;
}
static inline uint64_t ec_account_lost_records(const struct ec_account *a)
{
	uint64_t n = 0;

	for (int i = 1; i < EC_LOSS__N; i++)
		n += a->lost[i].records;
	return n;
}

#endif
