/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line: one struct, and the tables that fill it (base/opt.h). */
#ifndef EC_APP_OPTIONS_H
#define EC_APP_OPTIONS_H

#include "base/opt.h"
#include "modules/module.h"

enum ec_format { EC_FORMAT_TEXT, EC_FORMAT_JSON, EC_FORMAT_NONE, EC_FORMAT_UNSET };
enum ec_mode { EC_MODE_TEXT, EC_MODE_KEYLOG, EC_MODE_KEY };
enum ec_color { EC_COLOR_AUTO, EC_COLOR_ALWAYS, EC_COLOR_NEVER };
enum ec_probe_kind { EC_PROBE_AUTO, EC_PROBE_MULTI, EC_PROBE_PERF };
enum ec_way_choice { EC_WAY_ALL, EC_WAY_SOCK, EC_WAY_FD, EC_WAY_SYSCALL, EC_WAY_USER };
enum ec_returns_choice { EC_RETURNS_AUTO, EC_RETURNS_PROBE, EC_RETURNS_INSN };
enum ec_btf_choice { EC_BTF_AUTO, EC_BTF_KERNEL, EC_BTF_NONE };
enum ec_shape_choice { EC_SHAPES_AUTO, EC_SHAPES_LOOP, EC_SHAPES_RING, EC_SHAPES_PERF };

#define EC_UNSET      UINT64_MAX
#define EC_PID_MAX    4194304 /* kernel include/linux/threads.h PID_MAX_LIMIT */
#define EC_PLAN_CACHE "/var/cache/ecapture/plans"

struct ec_options {
	const struct ec_module *module; /* capturing commands */
	unsigned int module_index;
	const char *file;	/* the module's file option */
	struct ec_plan_ask ask; /* the module's own options */

	struct ec_opt_list pids, uids, ports;
	int mode;		/* enum ec_mode */
	const char *keylogfile; /* as given: see ec_options_keylog() */
	bool follow;
	const char *comm;
	struct ec_opt_strs exes, not_exes, containers, cgroups, netnses;
	bool hex;
	uint64_t truncate;
	uint64_t mapsize; /* KiB; 0: not given */
	int btf;	  /* enum ec_btf_choice */
	int log_level;
	bool debug, quiet;
	const char *logaddr;
	const char *eventcollector;
	int format; /* enum ec_format */
	struct ec_opt_strs outputs;
	uint64_t count;
	uint64_t duration; /* ns */
	const char *record;
	const char *plan_cache; /* as given: see ec_options_plan_cache() */
	bool strict;
	int color;
	uint64_t ready_fd;
	bool help, version;

	/* hidden: for tests and bench */
	int shape, probes, ways, returns;
	bool floor;

	const char *recording; /* read FILE */
	const char *word;      /* explain PID */
	bool all;	       /* targets */
	char **command;	       /* -- COMMAND …, NULL-ended; NULL: none */
};

void ec_options_init(struct ec_options *o);
/*
 * argv[0] is the command's name. 0, or an exit code after one line on the log. Checks
 * what can be checked without looking at the host.
 */
int ec_options_parse_capture(struct ec_options *o, int argc, char **argv);
int ec_options_parse_read(struct ec_options *o, int argc, char **argv);
/* Is it only secrets that are wanted? */
static inline bool ec_options_keys_only(const struct ec_options *o)
{
	return o->mode != EC_MODE_TEXT;
}
/* What is to be probed for the outputs that are asked for: enum ec_use. */
unsigned int ec_options_uses(const struct ec_options *o);
/* Where the key log of that mode goes; NULL: there is none. */
const char *ec_options_keylog(const struct ec_options *o);
/* Path for ec_cache_open(); NULL: memory only. */
const char *ec_options_plan_cache(const struct ec_options *o);
/* A command that reports (doctor, targets, explain): what it takes besides the common
 * options. */
struct ec_plain {
	struct ec_opt_table own;
	bool color;
	int words;	   /* that must follow */
	const char *needs; /* said when others do */
};
int ec_options_parse_plain(struct ec_options *o, int argc, char **argv,
			   const struct ec_plain *p);
/* Help on stdout: of everything (module NULL and !read), of a capturing command, of read
 */
void ec_options_help(const struct ec_module *m, bool read);
/* The lines of doctor's options. */
void ec_options_help_plain(struct ec_buf *b, const struct ec_plain *p);
/* A module by name or alias; NULL if none. */
const struct ec_module *ec_options_module(const char *name, unsigned int *index);

#endif
