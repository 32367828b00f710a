/* SPDX-License-Identifier: GPL-2.0-only */
/* Secrets of connections: each once, held while a filter cannot judge its connection.
 * Private to this room. */
#ifndef EC_STREAM_SECRET_H
#define EC_STREAM_SECRET_H

#include "stream/conn.h"

#define EC_SECRETS_KEPT 65536 /* of so many is known that they have been shown */

/* The label as text; lives as long as the record. */
const char *ec_secret_label(const struct ec_rec_secret *r);
/* Hands on, or counts, all that a connection holds; and frees it. */
void ec_secrets_settle(struct ec_streams *s, struct ec_sconn *c);

#endif
