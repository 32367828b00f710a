// SPDX-License-Identifier: GPL-2.0-only
#include "app/doctor.h"
#include "app/doctor_checks.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define OUT_MAX (1u << 20)

static const struct ec_doctor_table *const tables[] = {
	&ec_doctor_kernel,
	&ec_doctor_rights,
	&ec_doctor_host,
};
static const char *const states[EC_DOCTOR__N] = {"ok", "info", "warn", "fail"};
static const char *const colors[EC_DOCTOR__N] = {"32", "36", "33", "31;1"};

/* Names of others' processes and programs come along: no control characters. */
static void add(char *to, size_t room, const char *fmt, va_list ap)
{
	size_t n = strlen(to);

	vsnprintf(to + n, room - n, fmt, ap);
	for (char *p = to + n; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void ec_doctor_say(struct ec_doctor_result *r, enum ec_doctor_state s, const char *fmt,
		   ...)
{
	va_list ap;

	if (s > r->state)
		r->state = s;
	if (r->finding[0])
		strncat(r->finding, "; ", sizeof(r->finding) - strlen(r->finding) - 1);
	va_start(ap, fmt);
	add(r->finding, sizeof(r->finding), fmt, ap);
	va_end(ap);
}

void ec_doctor_so(struct ec_doctor_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r->so, sizeof(r->so), fmt, ap);
	va_end(ap);
}

void ec_doctor_do(struct ec_doctor_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(r->todo, sizeof(r->todo), fmt, ap);
	va_end(ap);
}

void ec_doctor_as(struct ec_doctor_result *r, enum ec_fail_id id)
{
	const struct ec_failure *f = &ec_failures[id];

	ec_doctor_so(r, "%s%s%s", f->what, f->why ? ": " : "", f->why ?: "");
	ec_doctor_do(r, "%s", f->todo);
}

bool ec_doctor_untried(const struct ec_doctor *d, struct ec_doctor_result *r)
{
	if (!d->probed)
		return false;
	ec_doctor_say(r, EC_DOCTOR_INFO, "not tried: bpf(2) cannot be used, see above");
	return true;
}

int ec_doctor_read(const char *path, char *out, size_t n)
{
	FILE *f = fopen(path, "re");
	int err = 0;

	if (!f)
		return -errno;
	if (fgets(out, n, f))
		out[strcspn(out, "\n")] = 0;
	else
		err = -EIO;
	fclose(f);
	return err;
}

static bool want_color(const struct ec_options *o)
{
	const char *no = getenv("NO_COLOR");

	if (o->color != EC_COLOR_AUTO)
		return o->color == EC_COLOR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no && *no);
}

static void text_check(struct ec_buf *b, const struct ec_doctor_check *c,
		       const struct ec_doctor_result *r, bool color)
{
	ec_buf_printf(b, "%s%s%s%-4s%s  %-18s %s\n", color ? "\033[" : "",
		      color ? colors[r->state] : "", color ? "m" : "", states[r->state],
		      color ? "\033[0m" : "", c->name, r->finding);
	if (r->state < EC_DOCTOR_WARN)
		return;
	if (r->so[0])
		ec_buf_printf(b, "        so: %s\n", r->so);
	if (r->todo[0])
		ec_buf_printf(b, "        do: %s\n", r->todo);
}

static void json_check(struct ec_json *j, const struct ec_doctor_check *c,
		       const struct ec_doctor_result *r)
{
	ec_json_begin_object(j, NULL);
	ec_json_str(j, "name", c->name);
	ec_json_str(j, "state", states[r->state]);
	ec_json_str(j, "finding", r->finding);
	ec_json_str(j, "so", r->so);
	ec_json_str(j, "todo", r->todo);
	ec_json_end_object(j);
}

struct report {
	struct ec_buf text, json, missing;
	struct ec_json j;
	bool color, can;
};

static void run_all(struct ec_doctor *d, struct report *p)
{
	for (size_t t = 0; t < EC_ARRAY_SIZE(tables); t++) {
		for (size_t i = 0; i < tables[t]->n; i++) {
			const struct ec_doctor_check *c = &tables[t]->rows[i];
			struct ec_doctor_result r = {0};
			uint64_t begun = ec_clock_mono();

			c->run(d, &r);
			ec_debug("%s: %u ms", c->name,
				 (unsigned int)((ec_clock_mono() - begun) / 1000000));
			text_check(&p->text, c, &r, p->color);
			json_check(&p->j, c, &r);
			if (!c->vital || r.state != EC_DOCTOR_FAIL)
				continue;
			p->can = false;
			ec_buf_printf(&p->missing, "%s%s", p->missing.len ? ", " : "",
				      c->name);
		}
	}
}

static int finish(const struct ec_options *o, struct report *p)
{
	ec_buf_printf(&p->text, "\ncapture %s here%s%.*s\n",
		      p->can ? "can work" : "cannot work", p->can ? "" : ": ",
		      (int)p->missing.len, p->missing.len ? p->missing.data : "");
	ec_json_end_array(&p->j);
	ec_json_bool(&p->j, "can_capture", p->can);
	ec_json_end_object(&p->j);
	ec_buf_putc(&p->json, '\n');
	if (p->text.err || p->json.err)
		return ec_fail(EC_FAIL_INTERNAL, "doctor", strerror(ENOMEM));
	if (o->format == EC_FORMAT_JSON)
		fwrite(p->json.data, 1, p->json.len, stdout);
	else
		fwrite(p->text.data, 1, p->text.len, stdout);
	if (fflush(stdout) && errno != EPIPE)
		return ec_fail(EC_FAIL_OUTPUT_WRITE, "stdout", strerror(errno));
	return p->can ? EC_EXIT_OK : EC_EXIT_HOST;
}

int ec_doctor_run(const struct ec_options *o)
{
	struct ec_doctor d = {.o = o, .started = ec_clock_mono()};
	struct report p = {.color = want_color(o), .can = true};
	struct utsname u;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	libbpf_set_print(NULL); /* what it would say is in the findings */
	uname(&u);
	ec_buf_init(&p.text, OUT_MAX);
	ec_buf_init(&p.json, OUT_MAX);
	ec_buf_init(&p.missing, OUT_MAX);
	ec_json_init(&p.j, &p.json);
	ec_json_begin_object(&p.j, NULL);
	ec_json_str(&p.j, "version", EC_VERSION);
	ec_json_str(&p.j, "kernel", u.release);
	ec_json_begin_array(&p.j, "checks");
	run_all(&d, &p);
	ec_session_free(d.session);
	rc = finish(o, &p);
	ec_buf_free(&p.text);
	ec_buf_free(&p.json);
	ec_buf_free(&p.missing);
	return rc;
}

const struct ec_plain ec_doctor_plain = {.color = true,
					 .needs = "doctor takes options only"};

void ec_doctor_help(struct ec_buf *b)
{
	ec_buf_puts(b,
		    "Usage: ecapture doctor [OPTIONS]\n\n"
		    "What works on this host, what does not, what to do. Exit status 0 "
		    "when capture can\nwork here, else 3.\n\n");
	ec_options_help_plain(b, &ec_doctor_plain);
	ec_buf_puts(b, "\nChecks (those with * must pass, else capture cannot work):\n");
	for (size_t t = 0; t < EC_ARRAY_SIZE(tables); t++)
		for (size_t i = 0; i < tables[t]->n; i++)
			ec_buf_printf(b, "  %-19s%s %s\n", tables[t]->rows[i].name,
				      tables[t]->rows[i].vital ? "*" : " ",
				      tables[t]->rows[i].what);
}
