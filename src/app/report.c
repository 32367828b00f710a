// SPDX-License-Identifier: GPL-2.0-only
#include "app/report.h"
#include "app/options.h"
#include "base/fail.h"
#include "base/log.h"
#include "host/features.h"
#include "host/rights.h"
#include "privsep/msg.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Measured; see docs/INTERNALS.md. */
#define ENTRY_NS   400
#define RETURN_NS  600
#define STEPPED_NS 14500

/* clang-format off */
#define LATER "what it loads later is captured from then on"
static const struct ec_interpreter interpreters[] = {
	{"python*", "Python", "it has not loaded its _ssl module; " LATER},
	{"node*", "node", "node holds its own OpenSSL in its program or in libnode.so"},
	{"java", "Java", "TLS of Java is compiled in memory and cannot be probed"},
	{"ruby*", "Ruby", "it has not loaded its openssl.so; " LATER},
	{"perl*", "Perl", "it has not loaded Net::SSLeay; " LATER},
	{"php*", "PHP", "it has not loaded a TLS library; " LATER},
	{"lua*", "Lua", "it has not loaded a TLS library; " LATER},
	{"beam*", "Erlang", "TLS of Erlang is Erlang code and cannot be probed"},
	{"dotnet", ".NET", "it has not loaded the system's OpenSSL; " LATER},
	{"bash", "a shell", "the programs that it starts do the work"},
	{"dash", "a shell", "the programs that it starts do the work"},
	{"sh", "a shell", "the programs that it starts do the work"},
	{"zsh", "a shell", "the programs that it starts do the work"},
	{"busybox", "a shell", "the programs that it starts do the work"},
};
/* clang-format on */

enum ec_report_state ec_report_state(const struct ec_survey_file *f)
{
	if (f->plan && f->plan->npoints)
		return f->by_name || ec_modules[f->module].module->anywhere
			       ? EC_REPORT_CAPTURED
			       : EC_REPORT_IF_NAMED;
	if (f->err != -ENOENT && f->err != -ENOEXEC)
		return EC_REPORT_UNREADABLE;
	switch (f->plan ? f->plan->obstacle : EC_OBSTACLE_NONE) {
	case EC_OBSTACLE_LATER:
		return EC_REPORT_NOT_YET;
	case EC_OBSTACLE_NEVER:
		return EC_REPORT_CANNOT;
	case EC_OBSTACLE_ELSEWHERE:
		return EC_REPORT_ELSEWHERE;
	case EC_OBSTACLE_USES:
		return EC_REPORT_USES;
	default:
		return EC_REPORT_NOTHING;
	}
}

const char *ec_report_state_name(enum ec_report_state s)
{
	static const char *const names[] = {
		[EC_REPORT_NOTHING] = "nothing",
		[EC_REPORT_CAPTURED] = "captured",
		[EC_REPORT_IF_NAMED] = "if_named",
		[EC_REPORT_NOT_YET] = "not_yet",
		[EC_REPORT_CANNOT] = "cannot",
		[EC_REPORT_ELSEWHERE] = "elsewhere",
		[EC_REPORT_USES] = "uses_a_library",
		[EC_REPORT_UNREADABLE] = "unreadable",
	};

	return names[s];
}

bool ec_report_capturable(const struct ec_survey_file *f)
{
	return f->plan && f->plan->npoints;
}

bool ec_report_listed(const struct ec_survey *s, const struct ec_survey_process *p,
		      const struct ec_survey_file *f)
{
	switch (ec_report_state(f)) {
	case EC_REPORT_NOTHING:
	case EC_REPORT_USES:
		return false;
	case EC_REPORT_UNREADABLE:
		/* a library that nobody asks about says nothing */
		return f->by_name || (p && p->exe && &s->files[p->exe - 1] == f);
	default:
		return true;
	}
}

const char *ec_report_why(const struct ec_survey_file *f)
{
	switch (ec_report_state(f)) {
	case EC_REPORT_NOTHING:
		return "nothing of TLS that we know was found in it";
	case EC_REPORT_CAPTURED:
		return "";
	case EC_REPORT_IF_NAMED:
		return "a capture looks for libraries of other names";
	case EC_REPORT_UNREADABLE:
		break;
	default:
		return f->plan->why;
	}
	if (f->broke)
		return "our planner ended on it";
	if (f->err == -ENOTSUP)
		return ec_failures[EC_FAIL_TARGET_ARCH].what;
	if (f->err == -EBADMSG)
		return ec_failures[EC_FAIL_TARGET_DAMAGED].what;
	return strerror(-f->err);
}

const char *ec_report_todo(const struct ec_survey_file *f)
{
	enum ec_report_state s = ec_report_state(f);

	if (s == EC_REPORT_IF_NAMED)
		return "name the file, as in `ecapture tls --libssl FILE`";
	if (f->plan && s != EC_REPORT_CAPTURED)
		return f->plan->todo;
	return "";
}

unsigned int ec_report_point_cost(const struct ec_point *p)
{
	if (p->stepped)
		return STEPPED_NS + (p->is_return ? RETURN_NS - ENTRY_NS : 0);
	return p->is_return ? RETURN_NS : ENTRY_NS;
}

/* The place's cost: an instruction is stepped once, whoever probes there. */
static unsigned int place_cost(const struct ec_plan *p, uint32_t at)
{
	unsigned int ns = 0;

	for (uint32_t i = 0; i < p->npoints; i++) {
		if (p->points[i].offset == p->points[at].offset)
			ns += p->points[i].is_return ? RETURN_NS : ENTRY_NS;
	}
	return p->points[at].stepped ? ns + STEPPED_NS - ENTRY_NS : ns;
}

unsigned int ec_report_cost(const struct ec_plan *p, bool *dear)
{
	unsigned int most = 0;

	*dear = false;
	for (uint32_t i = 0; i < p->npoints; i++) {
		const struct ec_point *pt = &p->points[i];
		unsigned int ns;

		if (pt->dir == EC_DIR_NONE)
			continue;
		ns = place_cost(p, i);
		most = EC_MAX(most, ns);
		*dear |= pt->stepped;
	}
	return most;
}

void ec_report_functions(struct ec_buf *b, const struct ec_plan *p)
{
	bool first = true;

	for (uint32_t i = 0; i < p->npoints; i++) {
		bool before = !(p->points[i].use & EC_USE_DATA);

		for (uint32_t k = 0; k < i; k++)
			before |= !strcmp(p->points[k].name, p->points[i].name);
		if (before)
			continue;
		ec_buf_printf(b, "%s%s", first ? "" : ", ", p->points[i].name);
		first = false;
	}
}

static void points_json(struct ec_json *j, const struct ec_plan *p)
{
	ec_json_begin_array(j, "points");
	for (uint32_t i = 0; i < p->npoints; i++) {
		const struct ec_point *pt = &p->points[i];

		ec_json_begin_object(j, NULL);
		ec_json_str(j, "function", pt->name);
		ec_json_u64(j, "offset", pt->offset);
		ec_json_str(j, "kind", pt->is_return ? "return" : "entry");
		ec_json_str(j, "cost", pt->stepped ? "dear" : "cheap");
		ec_json_u64(j, "ns", ec_report_point_cost(pt));
		ec_json_end_object(j);
	}
	ec_json_end_array(j);
}

void ec_report_json(struct ec_json *j, const struct ec_survey_file *f)
{
	static const struct ec_plan none;
	const struct ec_plan *p = f->plan ?: &none;
	bool dear;

	ec_json_str(j, "file", f->path);
	ec_json_bool(j, "deleted", f->deleted);
	ec_json_str(j, "library", p->library);
	ec_json_str(j, "version", p->version);
	ec_json_str(j, "state", ec_report_state_name(ec_report_state(f)));
	ec_json_bool(j, "capturable", ec_report_capturable(f));
	if (f->module != EC_PLAN_ANY)
		ec_json_str(j, "module", ec_modules[f->module].module->name);
	ec_json_str(j, "how", p->how);
	ec_json_str(j, "keys", p->keys);
	points_json(j, p);
	ec_json_u64(j, "ns_per_call", ec_report_cost(p, &dear));
	ec_json_str(j, "why", ec_report_why(f));
	ec_json_str(j, "todo", ec_report_todo(f));
}

void ec_report_container(struct ec_json *j, const struct ec_survey_process *p)
{
	if (!p || !p->container.id[0])
		return;
	ec_json_begin_object(j, "container");
	ec_json_str(j, "id", p->container.id);
	ec_json_str(j, "runtime", p->container.runtime);
	ec_json_end_object(j);
}

const struct ec_interpreter *ec_report_interpreter(const char *path)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(interpreters); i++) {
		if (!fnmatch(interpreters[i].pattern, ec_base_name(path), 0))
			return &interpreters[i];
	}
	return NULL;
}

const char *ec_report_denied_why(void)
{
	struct ec_rights r;

	ec_rights_get(&r);
	return r.ptrace ? "the system's policy refuses it"
			: "CAP_SYS_PTRACE is missing; run as root";
}

const char *ec_report_denied_todo(void)
{
	struct ec_rights r;

	ec_rights_get(&r);
	return r.ptrace ? "look at the system's policy: a security module, or a user "
			  "namespace that is not ours"
			: "run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH";
}

void ec_report_rights(void)
{
	struct ec_rights r;
	struct utsname u;
	char what[200];

	uname(&u);
	ec_rights_get(&r);
	if (ec_rights_missing(&r, ec_features_version(u.release), true, what,
			      sizeof(what)))
		ec_warn("capturing itself needs more rights: %s; run it as root", what);
}
