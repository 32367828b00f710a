/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Typed option tables. One row is an option: its spellings, type, where the value goes,
 * its help. The parser, the help, the manual's check and completion read the same rows.
 * Long options take `_` and `-` alike and `--name=value` or `--name value`; short ones
 * `-x value`, `-xvalue`, `-x=value`, and switches bundle. `--` ends options; what stands
 * after it and what is no option is left in argv order. Unknown names are an error with
 * the nearest name suggested.
 */
#ifndef EC_BASE_OPT_H
#define EC_BASE_OPT_H

#include "base/buf.h"

enum ec_opt_type {
	EC_OPT_FLAG, /* bool: set to true */
	EC_OPT_STR,  /* const char *: into argv */
	EC_OPT_STRS, /* struct ec_opt_strs: may be given several times */
	EC_OPT_U64,  /* uint64_t between min and max, decimal or 0x */
	EC_OPT_LIST, /* struct ec_opt_list: N[,N…] between min and max, several times */
	EC_OPT_DURATION, /* uint64_t, ns */
	EC_OPT_ENUM,	 /* int: index of the word in `words` ("a|b|c") */
};

#define EC_OPT_LIST_MAX 256
struct ec_opt_list {
	bool given;
	size_t n;
	uint64_t v[EC_OPT_LIST_MAX];
};
#define EC_OPT_STRS_MAX 16
struct ec_opt_strs {
	size_t n;
	const char *v[EC_OPT_STRS_MAX];
};

struct ec_opt {
	const char *name;  /* long, with '-': "target-port" is also --target_port */
	const char *alias; /* another long name, or NULL */
	char letter;	   /* 0: none */
	enum ec_opt_type type;
	size_t offset;	   /* of the field in the options struct */
	uint64_t min, max; /* max 0: no ceiling */
	const char *words; /* EC_OPT_ENUM */
	const char *value; /* how help names the value: "BYTES"; NULL for flags */
	const char *help;
	bool hidden;
	/* For values that need a look-up; returns 0 or an exit code after its own
	 * message. NULL: by type. */
	int (*parse)(void *opts, const struct ec_opt *o, const char *value);
};

struct ec_opt_table {
	const struct ec_opt *rows;
	size_t n;
};

/*
 * Parses argv[0..argc) by the tables (first match wins) into `opts`. Positional words go
 * to rest[] (argc entries provided by the caller), their number to *nrest; words behind
 * `--` are not looked at: *command is their index in argv, 0 if there is no `--`.
 * 0, or the exit code after one line on the log.
 */
int ec_opt_parse(int argc, char **argv, const struct ec_opt_table *tables, size_t ntables,
		 void *opts, char **rest, int *nrest, int *command);
/* Help lines of a table, two columns, at most 90 wide. */
void ec_opt_help(struct ec_buf *b, const struct ec_opt_table *t);
/* Nearest name (edit distance ≤ 3 and ≤ half the word) among n names, NULL if none. */
const char *ec_opt_nearest(const char *word, const char *const *names, size_t n);
/* Whole number between min and max, decimal or 0x…, nothing behind it. 0, -EINVAL,
 * -ERANGE */
int ec_opt_number(const char *s, uint64_t min, uint64_t max, uint64_t *out);

#endif
