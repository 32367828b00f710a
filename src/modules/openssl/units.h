/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the module: functions that refer to the source file ssl_lib.c, as all that
 * report errors from there do, with what their code says of which function they are.
 */
#ifndef EC_MODULES_OPENSSL_UNITS_H
#define EC_MODULES_OPENSSL_UNITS_H

#include "target/function.h"
#include "target/texts.h"
#include "target/xref.h"

/* Functions that are told apart by name (`__func__`) or number (OpenSSL before 3). */
enum ec_unit_name {
	EC_UNIT_WRITE,
	EC_UNIT_WRITE_INTERNAL,
	EC_UNIT_WRITE_EARLY,
	EC_UNIT_READ,
	EC_UNIT_READ_INTERNAL,
	EC_UNIT_READ_EARLY,
	EC_UNIT_PEEK,
	EC_UNIT_PEEK_INTERNAL,
	EC_UNIT_SHAKE,
	EC_UNIT_CLEAR,
	EC_UNIT_NEW,
	EC_UNIT_CONNECTION_NEW,
	EC_UNIT_CTX_NEW,
	EC_UNIT_DANE, /* since 1.1 */
	EC_UNIT_NAMES,
};

/* Why BoringSSL's functions fail. */
enum ec_unit_reason {
	EC_REASON_NOT_CALLED_HERE = 1 << 0, /* ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED */
	EC_REASON_BAD_LENGTH = 1 << 1,
	EC_REASON_NO_TYPE = 1 << 2, /* SSL_R_CONNECTION_TYPE_NOT_SET */
	EC_REASON_SHUT = 1 << 3,    /* SSL_R_PROTOCOL_IS_SHUTDOWN */
	EC_REASON_HANDSHAKE = 1 << 4,
	EC_REASON_UNINITIALIZED = 1 << 5,
	EC_REASON_DATA_AT_END = 1 << 6, /* SSL_R_APPLICATION_DATA_ON_SHUTDOWN */
};

#define EC_UNIT_CALLS 64

struct ec_unit {
	struct ec_function fn;
	bool path;	      /* refers to the source file */
	uint32_t texts;	      /* bits of enum ec_unit_name, by text … */
	uint32_t codes;	      /* … and by number */
	uint32_t reasons;     /* enum ec_unit_reason: the third argument … */
	uint32_t seconds;     /* … and LibreSSL's, which are the second */
	bool lib_openssl;     /* passes the number of OpenSSL's ssl library, … */
	bool lib_boring;      /* … of BoringSSL's */
	bool minus;	      /* makes -1 that is no argument: what it returns */
	bool flags;	      /* refuses flags: SSL_R_UNSUPPORTED_WRITE_FLAG, since 3.3 */
	unsigned int stores;  /* to fields of structures */
	unsigned int results; /* to what a pointer leads to, without a distance */
	uint64_t calls[EC_UNIT_CALLS]; /* direct calls and jumps out, once each */
	unsigned int ncalls;
	bool jumps[EC_UNIT_CALLS]; /* is it a jump? */
	struct ec_unit *whole;	   /* what this is a cold part of, NULL if it is none */
};

struct ec_units {
	const struct ec_file *f;
	struct ec_functions *functions;
	struct ec_unit **v; /* ascending */
	unsigned int n;
	struct ec_branch *branches; /* into them */
	size_t nbranches;
	struct ec_text *texts; /* names of functions and of the source file */
	unsigned int ntexts;
	uint64_t read; /* bytes of code */
	bool cc;       /* the source is C++: BoringSSL since 2017 */
};

/* May it be a function that is looked for: not a part, not a piece of anything? */
static inline bool ec_unit_counts(const struct ec_unit *u)
{
	return u->path && !u->whole && u->fn.by != EC_FUNCTION_PIECE;
}

/* 0; -ENOENT no trace of the source file; -E2BIG; -ENOMEM. */
int ec_units_open(const struct ec_file *f, struct ec_units *us);
void ec_units_close(struct ec_units *us);
/* The one that begins at `va`, NULL if none. */
struct ec_unit *ec_units_at(const struct ec_units *us, uint64_t va);
bool ec_unit_calls(const struct ec_unit *u, uint64_t va);
/*
 * Functions that call or end with `u`, units or not, once each, no pieces: what was not
 * looked at yet is then, and lives as long as `us`. The number of them, `max` at most;
 * -ENOMEM.
 */
int ec_units_callers(struct ec_units *us, const struct ec_unit *u, struct ec_unit **out,
		     unsigned int max);

#endif
