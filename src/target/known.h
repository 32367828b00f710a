/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS implementations that a file holds although no module can probe them: so that who
 * sees nothing of a program is told why, and what to do. Recognised by soname, symbols
 * and strings; for people, nothing is probed by it.
 */
#ifndef EC_TARGET_KNOWN_H
#define EC_TARGET_KNOWN_H

#include "target/file.h"

enum ec_known_state {
	EC_KNOWN_LATER,	    /* functions are there to probe; no module for them yet */
	EC_KNOWN_NEVER,	    /* no file holds its code: probes have no place */
	EC_KNOWN_ELSEWHERE, /* its TLS is in another file, which is looked at itself */
	EC_KNOWN_USES,	    /* calls a library's functions, holds none */
};

struct ec_known {
	enum ec_known_state state;
	bool symbols;	   /* the file has a symbol table (.symtab) */
	char library[24];  /* "rustls", "Go crypto/tls" */
	char version[32];  /* "" where the file does not say it */
	char evidence[96]; /* what was found, where */
	char why[160];	   /* nothing can be captured because … */
	char todo[160];	   /* … and what to do instead */
};

/* 0, or -ENOENT when nothing is recognised. All strings are printable ASCII. */
int ec_known_look(const struct ec_file *f, struct ec_known *out);
/* Names of all that is recognised, for "looked for and not found"; NULL behind the last.
 */
const char *ec_known_name(unsigned int i);

#endif
