// SPDX-License-Identifier: GPL-2.0-only
#include "app/options.h"
#include "app/outputs.h"
#include "base/fail.h"
#include "base/log.h"
#include "host/proc.h"

#include <stdio.h>
#include <string.h>

#define O(f) offsetof(struct ec_options, f)

/* N or NAME[,…]: a user may be named. */
static int parse_users(void *opts, const struct ec_opt *o, const char *value)
{
	struct ec_opt_list *l = &((struct ec_options *)opts)->uids;
	char copy[1024], *save = NULL;

	if (strlen(value) >= sizeof(copy))
		return ec_fail(EC_FAIL_OPTION_VALUE, "--uid", "too long");
	strcpy(copy, value);
	if (!*copy)
		return ec_fail(EC_FAIL_OPTION_VALUE, "--uid", "nothing given");
	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		uid_t uid;

		if (ec_proc_user(w, &uid))
			return ec_fail(EC_FAIL_USER_UNKNOWN, w, NULL);
		if (l->n == EC_OPT_LIST_MAX)
			return ec_fail(EC_FAIL_OPTION_VALUE, "--uid", "too many users");
		l->v[l->n++] = uid;
	}
	l->given = true;
	return 0;
}

static int parse_comm(void *opts, const struct ec_opt *o, const char *value)
{
	if (!*value || strlen(value) > 15)
		return ec_fail(EC_FAIL_OPTION_VALUE, "--comm",
			       "the kernel keeps 1 to 15 characters of a name");
	((struct ec_options *)opts)->comm = value;
	return 0;
}

/* clang-format off */
static const struct ec_opt who_rows[] = {
	{.name = "pid", .letter = 'p', .type = EC_OPT_LIST, .offset = O(pids), .max = EC_PID_MAX,
	 .value = "N[,N...]", .help = "only these processes, all their threads; 0: all"},
	{.name = "follow", .type = EC_OPT_FLAG, .offset = O(follow),
	 .help = "with --pid: their descendants too, those alive and those to come"},
	{.name = "uid", .letter = 'u', .type = EC_OPT_LIST, .offset = O(uids), .max = UINT32_MAX,
	 .value = "N[,N...]", .parse = parse_users,
	 .help = "only these users, by number or name; --uid 0 is root alone"},
	{.name = "target-port", .type = EC_OPT_LIST, .offset = O(ports), .max = 65535,
	 .value = "N[,N...]", .help = "only connections with this port on either side; 0: all"},
	{.name = "comm", .type = EC_OPT_STR, .offset = O(comm), .value = "NAME",
	 .parse = parse_comm,
	 .help = "only threads of exactly this name (at most 15 characters)"},
	{.name = "exe", .type = EC_OPT_STRS, .offset = O(exes), .value = "PATH",
	 .help = "only processes that run this program; repeatable"},
	{.name = "exclude-exe", .type = EC_OPT_STRS, .offset = O(not_exes), .value = "PATH",
	 .help = "not those that run this program, which is not probed either; repeatable"},
	{.name = "container", .type = EC_OPT_STRS, .offset = O(containers), .value = "ID",
	 .help = "only this container, by its id (of 64 digits the first 4 or more do); repeatable"},
	{.name = "cgroup-path", .type = EC_OPT_STRS, .offset = O(cgroups), .value = "DIR",
	 .help = "only processes in this cgroup and below; repeatable"},
	{.name = "netns", .type = EC_OPT_STRS, .offset = O(netnses), .value = "NS",
	 .help = "only this network namespace: a path, a name of ip-netns or an inode number"},
	{.name = "truncate-size", .alias = "tsize", .letter = 't', .type = EC_OPT_U64,
	 .offset = O(truncate), .max = 1u << 30, .value = "BYTES",
	 .help = "copy at most so many bytes of each message; 0: whole messages"},
	{.name = "mapsize", .type = EC_OPT_U64, .offset = O(mapsize), .min = 4, .max = 1u << 20,
	 .value = "KB", .help = "buffer between kernel and us (default 5120); the ring has four times that, rounded up"},
	{.name = "duration", .type = EC_OPT_DURATION, .offset = O(duration), .value = "T",
	 .help = "stop after so long: 10s, 5m, plain seconds"},
	{.name = "record", .type = EC_OPT_STR, .offset = O(record), .value = "FILE",
	 .help = "keep the raw event stream, for `ecapture read` and bug reports"},
	{.name = "plan-cache", .type = EC_OPT_STR, .offset = O(plan_cache),
	 .value = "PATH|none",
	 .help = "where plans of files are kept between runs (root: " EC_PLAN_CACHE ")"},
	{.name = "ready-fd", .type = EC_OPT_U64, .offset = O(ready_fd), .max = 65535,
	 .value = "N", .help = "write the ready line to this descriptor too"},
	{.name = "shape", .type = EC_OPT_ENUM, .offset = O(shape), .words = "auto|loop|ring|perf",
	 .value = "NAME", .hidden = true, .help = "shape of the BPF objects"},
	{.name = "probe-kind", .type = EC_OPT_ENUM, .offset = O(probes),
	 .words = "auto|multi|perf", .value = "NAME", .hidden = true,
	 .help = "how probes are attached"},
	{.name = "returns", .type = EC_OPT_ENUM, .offset = O(returns),
	 .words = "auto|probe|insn", .value = "NAME", .hidden = true,
	 .help = "returns by return probes, or on instructions"},
	{.name = "btf", .letter = 'b', .type = EC_OPT_ENUM, .offset = O(btf), .words = "0|1|2",
	 .value = "0|1|2",
	 .help = "kernel offsets: 0 auto (default), 1 from its BTF, 2 found without it"},
	{.name = "ways", .type = EC_OPT_ENUM, .offset = O(ways), .words = "all|sock|fd|syscall|user",
	 .value = "NAME", .hidden = true, .help = "ways to addresses"},
	{.name = "probe-floor", .type = EC_OPT_FLAG, .offset = O(floor), .hidden = true,
	 .help = "attach empty programs"},
};

static const struct ec_opt show_rows[] = {
	{.name = "hex", .type = EC_OPT_FLAG, .offset = O(hex),
	 .help = "payload as a hex dump"},
	{.name = "format", .type = EC_OPT_ENUM, .offset = O(format), .words = "text|json|none",
	 .value = "text|json|none", .help = "what stdout gets (default text)"},
	{.name = "output", .letter = 'o', .type = EC_OPT_STRS, .offset = O(outputs),
	 .value = "[FORMAT:]PATH",
	 .help = "a further output, text:, json: or keylog: (default by suffix); - is stdout; repeatable"},
	{.name = "eventcollector", .alias = "eventaddr", .type = EC_OPT_STR,
	 .offset = O(eventcollector), .value = "FILE",
	 .help = "append events to this file as JSON lines (mode 0600)"},
	{.name = "count", .letter = 'c', .type = EC_OPT_U64, .offset = O(count), .min = 1,
	 .max = UINT64_MAX - 1, .value = "COUNT", .help = "stop after so many messages (-m keylog: secrets)"},
	{.name = "strict", .type = EC_OPT_FLAG, .offset = O(strict),
	 .help = "exit with 5 if anything was lost"},
	{.name = "color", .type = EC_OPT_ENUM, .offset = O(color), .words = "auto|always|never",
	 .value = "auto|always|never", .help = "colour of text; NO_COLOR is honoured"},
	{.name = "log-level", .type = EC_OPT_ENUM, .offset = O(log_level),
	 .words = "error|warn|info|debug", .value = "LEVEL",
	 .help = "run log: error, warn, info (default) or debug"},
	{.name = "debug", .letter = 'd', .type = EC_OPT_FLAG, .offset = O(debug),
	 .help = "the same as --log-level debug"},
	{.name = "quiet", .letter = 'q', .type = EC_OPT_FLAG, .offset = O(quiet),
	 .help = "the same as --log-level error"},
	{.name = "logaddr", .letter = 'l', .type = EC_OPT_STR, .offset = O(logaddr),
	 .value = "FILE", .help = "append the run log to this file instead of stderr"},
	{.name = "version", .letter = 'v', .type = EC_OPT_FLAG, .offset = O(version),
	 .help = "version, build features, kernel"},
	{.name = "help", .letter = 'h', .type = EC_OPT_FLAG, .offset = O(help),
	 .help = "this help"},
};
/* clang-format on */

static const struct ec_opt_table who = {who_rows, EC_ARRAY_SIZE(who_rows)};
static const struct ec_opt_table show = {show_rows, EC_ARRAY_SIZE(show_rows)};

static struct ec_opt file_row(const struct ec_module *m)
{
	return (struct ec_opt){.name = m->file_option,
			       .type = EC_OPT_STR,
			       .offset = O(file),
			       .value = "PATH",
			       .help = m->file_help};
}

static int parse_module_option(void *opts, const struct ec_opt *o, const char *value)
{
	struct ec_options *options = opts;

	for (const struct ec_module_option *m = options->module->options; m->name; m++)
		if (!strcmp(m->name, o->name))
			return m->parse(value, &options->ask);
	return EC_EXIT_USAGE;
}

/* Of modules whose library has secrets. */
static const struct ec_opt key_rows[] = {
	{.name = "model",
	 .letter = 'm',
	 .type = EC_OPT_ENUM,
	 .offset = O(mode),
	 .words = "text|keylog|key",
	 .value = "MODE",
	 .help = "text: plaintext (default); keylog, key: secrets of handshakes for Wireshark"},
	{.name = "keylogfile",
	 .letter = 'k',
	 .type = EC_OPT_STR,
	 .offset = O(keylogfile),
	 .value = "FILE",
	 .help = "with -m keylog: append to this file; - is stdout"},
};

static const struct ec_opt_table keys = {key_rows, EC_ARRAY_SIZE(key_rows)};

#define MODULE_ROWS 10
/* The module's file, and the options that it alone has. */
static size_t module_rows(const struct ec_module *m, struct ec_opt rows[MODULE_ROWS])
{
	size_t n = 0;

	rows[n++] = file_row(m);
	for (size_t i = 0; m->keylog && i < EC_ARRAY_SIZE(key_rows); i++)
		rows[n++] = key_rows[i];
	for (const struct ec_module_option *o = m->options;
	     o && o->name && n < MODULE_ROWS; o++)
		rows[n++] = (struct ec_opt){.name = o->name,
					    .type = EC_OPT_STR,
					    .value = o->value,
					    .help = o->help,
					    .parse = parse_module_option};
	return n;
}

void ec_options_init(struct ec_options *o)
{
	memset(o, 0, sizeof(*o));
	o->log_level = EC_LOG_INFO;
	o->format = EC_FORMAT_UNSET;
	o->ready_fd = EC_UNSET;
}

const struct ec_module *ec_options_module(const char *name, unsigned int *index)
{
	for (unsigned int i = 0; i < ec_modules_count; i++) {
		const struct ec_module *m = ec_modules[i].module;
		const char *const *a = m->aliases;

		*index = i;
		if (!strcmp(m->name, name))
			return m;
		for (; a && *a; a++)
			if (!strcmp(*a, name))
				return m;
	}
	return NULL;
}

static bool is_remote(const char *addr)
{
	return strstr(addr, "://") || !strncmp(addr, "unix:", 5);
}

/* A list that holds 0 means all. */
static void zero_is_all(struct ec_opt_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!l->v[i])
			l->n = 0;
}

static int check_common(struct ec_options *o)
{
	if (o->debug)
		o->log_level = EC_LOG_DEBUG;
	if (o->quiet)
		o->log_level = EC_LOG_ERROR;
	ec_log_level = o->log_level;
	if (o->logaddr && is_remote(o->logaddr))
		return ec_fail(EC_FAIL_OPTION_VALUE, "--logaddr",
			       "only files yet, no network addresses");
	if (o->plan_cache && !*o->plan_cache)
		return ec_fail(EC_FAIL_OPTION_VALUE, "--plan-cache", "nothing given");
	if (o->eventcollector && is_remote(o->eventcollector))
		return ec_fail(EC_FAIL_OPTION_VALUE, "--eventcollector",
			       "only files yet, no network addresses");
	return 0;
}

static int check_rest(int nrest, char **rest)
{
	if (!nrest)
		return 0;
	return ec_fail(EC_FAIL_OPTION_VALUE, rest[0],
		       "not an option, and this command takes no expression");
}

const char *ec_options_keylog(const struct ec_options *o)
{
	if (!ec_options_keys_only(o))
		return NULL;
	if (o->keylogfile)
		return o->keylogfile;
	return o->module ? o->module->keylog : NULL;
}

unsigned int ec_options_uses(const struct ec_options *o)
{
	unsigned int uses = ec_options_keys_only(o) ? EC_USE_SECRET : EC_USE_DATA;

	/* a port is learned from what the connection says */
	if (o->ports.n)
		uses |= EC_USE_DATA;
	for (size_t i = 0; i < o->outputs.n; i++)
		if (ec_outputs_is_keylog(o->outputs.v[i]))
			uses |= EC_USE_SECRET;
	/* a command of ours has no connections yet */
	if (uses & EC_USE_SECRET && !o->command)
		uses |= EC_USE_LATE;
	return uses;
}

static int check_mode(const struct ec_options *o)
{
	if (!o->keylogfile || ec_options_keys_only(o))
		return *(o->keylogfile ?: "-") ? 0
					       : ec_fail(EC_FAIL_OPTION_VALUE,
							 "--keylogfile", "nothing given");
	return ec_fail(
		EC_FAIL_OPTION_VALUE, "--keylogfile",
		"it goes with -m keylog; beside other outputs -o keylog:FILE does");
}

const char *ec_options_plan_cache(const struct ec_options *o)
{
	if (!o->plan_cache)
		return geteuid() ? NULL : EC_PLAN_CACHE;
	return strcmp(o->plan_cache, "none") ? o->plan_cache : NULL;
}

int ec_options_parse_capture(struct ec_options *o, int argc, char **argv)
{
	struct ec_opt own[MODULE_ROWS];
	struct ec_opt_table tables[] = {{own, module_rows(o->module, own)}, who, show};
	_ec_free_ char **rest = calloc(argc + 1, sizeof(*rest));
	int nrest = 0, command = 0, rc;

	if (!rest)
		return EC_EXIT_RUNTIME;
	argc--; /* the command's name */
	argv++;
	rc = ec_opt_parse(argc, argv, tables, EC_ARRAY_SIZE(tables), o, rest, &nrest,
			  &command);
	if (rc || o->help || o->version)
		return rc;
	rc = check_rest(nrest, rest);
	if (!rc)
		rc = check_common(o);
	if (rc)
		return rc;
	rc = check_mode(o);
	if (rc)
		return rc;
	zero_is_all(&o->pids);
	zero_is_all(&o->ports);
	if (o->ports.n > EC_PORTS_MAX)
		return ec_fail(EC_FAIL_OPTION_VALUE, "--target_port", "at most 16 ports");
	if (command) {
		if (!argv[command])
			return ec_fail(EC_FAIL_OPTION_VALUE, "--",
				       "a command must follow");
		o->command = argv + command;
	}
	if (o->follow && !o->pids.n && !o->command)
		return ec_fail(EC_FAIL_OPTION_VALUE, "--follow", "it needs --pid");
	return 0;
}

int ec_options_parse_read(struct ec_options *o, int argc, char **argv)
{
	_ec_free_ char **rest = calloc(argc + 1, sizeof(*rest));
	struct ec_opt_table tables[] = {keys, show};
	int nrest = 0, command = 0, rc;

	if (!rest)
		return EC_EXIT_RUNTIME;
	argc--;
	argv++;
	rc = ec_opt_parse(argc, argv, tables, EC_ARRAY_SIZE(tables), o, rest, &nrest,
			  &command);
	if (rc || o->help || o->version)
		return rc;
	if (nrest != 1 || command)
		return ec_fail(EC_FAIL_OPTION_VALUE, "read", "it takes one recording");
	o->recording = rest[0];
	rc = check_mode(o);
	if (!rc && ec_options_keys_only(o) && !o->keylogfile && !o->outputs.n &&
	    o->format == EC_FORMAT_UNSET)
		rc = ec_fail(EC_FAIL_OPTION_VALUE, "--model",
			     "no file for the key log: --keylogfile names it");
	return rc ? rc : check_common(o);
}

/* Of commands that report: what they share with the others and have a use for. */
#define PLAIN_MAX 8
static size_t plain_rows(struct ec_opt out[PLAIN_MAX], const struct ec_plain *p)
{
	static const char *const names[] = {"format", "color",	 "log-level", "debug",
					    "quiet",  "version", "help"};
	size_t n = 0;

	for (size_t i = 0; i < EC_ARRAY_SIZE(show_rows); i++) {
		for (size_t k = 0; k < EC_ARRAY_SIZE(names); k++)
			if (!strcmp(show_rows[i].name, names[k]) &&
			    (p->color || strcmp(names[k], "color")))
				out[n++] = show_rows[i];
		if (n && !strcmp(out[n - 1].name, "format"))
			out[n - 1].words = out[n - 1].value = "text|json";
	}
	return n;
}

int ec_options_parse_plain(struct ec_options *o, int argc, char **argv,
			   const struct ec_plain *p)
{
	_ec_free_ char **rest = calloc(argc + 1, sizeof(*rest));
	struct ec_opt rows[PLAIN_MAX];
	struct ec_opt_table tables[] = {p->own, {rows, plain_rows(rows, p)}};
	int nrest = 0, command = 0, rc;

	if (!rest)
		return EC_EXIT_RUNTIME;
	rc = ec_opt_parse(argc - 1, argv + 1, tables, EC_ARRAY_SIZE(tables), o, rest,
			  &nrest, &command);
	if (rc || o->help || o->version)
		return rc;
	if (nrest != p->words || command)
		return ec_fail(EC_FAIL_OPTION_VALUE,
			       command		  ? "--"
			       : nrest > p->words ? rest[p->words]
						  : argv[0],
			       p->needs);
	o->word = rest[0];
	return check_common(o);
}

void ec_options_help_plain(struct ec_buf *b, const struct ec_plain *p)
{
	struct ec_opt rows[PLAIN_MAX];
	struct ec_opt_table plain = {rows, plain_rows(rows, p)};

	ec_opt_help(b, &p->own);
	ec_opt_help(b, &plain);
}

static void help_module(struct ec_buf *b, const struct ec_module *m)
{
	struct ec_opt own[MODULE_ROWS];
	struct ec_opt_table t = {own, module_rows(m, own)};

	ec_buf_printf(b, "Usage: ecapture %s [OPTIONS] [-- COMMAND ARGS...]\n\n%s.\n\n",
		      m->name, m->summary);
	ec_buf_printf(b, "Which file, who, how much:\n");
	ec_opt_help(b, &t);
	ec_opt_help(b, &who);
	ec_buf_puts(b, "\nWhat is shown, where:\n");
	ec_opt_help(b, &show);
	ec_buf_printf(
		b,
		"\nExamples:\n"
		"  ecapture %s                                  everything on this host\n"
		"  ecapture %s -- curl -s https://localhost/    one command\n"
		"  ecapture %s --pid 1234 -o json:out.json      one process, two outputs\n",
		m->name, m->name, m->name);
}

void ec_options_help(const struct ec_module *m, bool read)
{
	struct ec_buf b;

	ec_buf_init(&b, 1 << 20);
	if (m) {
		help_module(&b, m);
	} else if (read) {
		ec_buf_puts(&b,
			    "Usage: ecapture read FILE [OPTIONS]\n\n"
			    "Shows a recording made with --record, without root.\n\n");
		ec_opt_help(&b, &keys);
		ec_opt_help(&b, &show);
	} else {
		ec_buf_puts(&b,
			    "Usage: ecapture COMMAND [OPTIONS] [-- PROGRAM ARGS...]\n\n"
			    "Shows what encrypted programs really send and receive.\n\n"
			    "Commands:\n");
		for (unsigned int i = 0; i < ec_modules_count; i++)
			ec_buf_printf(&b, "  %-11s %s\n", ec_modules[i].module->name,
				      ec_modules[i].module->summary);
		ec_buf_puts(
			&b,
			"  targets     what would be captured on this host, why not the rest\n"
			"  explain PID  the same for one process, step by step\n"
			"  doctor      what works on this host, what does not, what to do\n"
			"  read FILE   a recording made with --record, without root\n\n"
			"  ecapture COMMAND -h   options of a command\n"
			"  ecapture -v           version, build features, kernel\n");
	}
	fwrite(b.data, 1, b.len, stdout);
	ec_buf_free(&b);
}
