/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In the worker: what the attacher found out about processes, by ec_rec.process. Bounded;
 * those used longest ago are forgotten first.
 */
#ifndef EC_APP_WHOS_H
#define EC_APP_WHOS_H

#include "model/who.h"

struct ec_whos;
int ec_whos_new(struct ec_whos **out);
/* A checked record (capture/decode.h). 0 or -ENOMEM */
int ec_whos_put(struct ec_whos *w, const struct ec_rec_who *r);
/* NULL: nothing is known. Valid until the next put. */
const struct ec_who *ec_whos_get(struct ec_whos *w, uint64_t process);
void ec_whos_free(struct ec_whos *w);

#endif
