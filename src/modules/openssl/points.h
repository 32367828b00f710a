/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the module: points of a plan, and which program stands on each. */
#ifndef EC_MODULES_OPENSSL_POINTS_H
#define EC_MODULES_OPENSSL_POINTS_H

#include "model/plan.h"
#include "target/file.h"

/* Indexes of the module's programs; the one on return follows the one on entry. */
enum {
	EC_SSL_WRITE_IN,
	EC_SSL_WRITE_OUT,
	EC_SSL_READ_IN,
	EC_SSL_READ_OUT,
	EC_SSL_SHAKE_IN,
	EC_SSL_SHAKE_OUT,
	EC_SSL_FREE,
	EC_SSL_CLEAR,
	EC_SSL_SECRET,
	EC_SSL_LATE,
};

/* NULL when nothing can stand there, or the plan is full. */
struct ec_point *ec_openssl_point(const struct ec_file *f, struct ec_plan *plan,
				  uint64_t va, int prog, enum ec_shape shape,
				  const char *name);
/*
 * Entry and return of one function, at the same place, and its returns by instructions;
 * `internal`: only this file calls it. false: not to be probed.
 */
bool ec_openssl_pair(const struct ec_file *f, struct ec_plan *plan, struct ec_sym fn,
		     int prog, enum ec_shape shape, const char *name, bool internal);
/*
 * A handshake: what is sent and received inside is its connection's. Its returns are not
 * looked for by instructions: it mostly ends with a jump through the connection's method.
 */
void ec_openssl_handshake(const struct ec_file *f, struct ec_plan *plan, struct ec_sym fn,
			  const char *name);

#endif
