// SPDX-License-Identifier: GPL-2.0-only
#include "app/outputs.h"
#include "base/fail.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* Plaintext, and who said it: for the owner's eyes. */
#define MODE 0600

int ec_outputs_open_append(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, MODE);

	return fd < 0 ? -errno : fd;
}

/* Emptied later, when it is known that no two outputs are one file. */
static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, MODE);

	return fd < 0 ? -errno : fd;
}

static int fail_open(const char *path, int err)
{
	return ec_fail(EC_FAIL_OUTPUT_OPEN, path, strerror(-err));
}

static bool want_color(const struct ec_options *o, int fd)
{
	const char *no = getenv("NO_COLOR");

	if (o->color != EC_COLOR_AUTO)
		return o->color == EC_COLOR_ALWAYS;
	return isatty(fd) && !(no && *no);
}

static int add(struct ec_outputs *out, const struct ec_options *o,
	       const struct ec_sink_ops *ops, int fd, const char *path, bool append)
{
	struct ec_output *p = &out->o[out->n];
	int err;

	memset(p, 0, sizeof(*p));
	p->path = path;
	p->append = append;
	p->sink.ops = ops;
	p->sink.opts.hex = o->hex;
	p->sink.opts.secrets = ec_options_keys_only(o);
	p->sink.opts.color = want_color(o, fd);
	err = ec_out_new(fd, path ? path : "stdout", &p->sink.out);
	if (!err)
		err = ops->open(&p->sink);
	if (err)
		return fail_open(path ? path : "stdout", err);
	out->n++;
	return 0;
}

/* "[FORMAT:]PATH"; NULL: no such format. */
static const struct ec_sink_ops *split(const char *spec, const char **path)
{
	const char *colon = strchr(spec, ':');
	char name[12];

	*path = spec;
	if (!colon || (size_t)(colon - spec) >= sizeof(name) ||
	    memchr(spec, '/', colon - spec))
		return ec_sink_for_path(spec);
	memcpy(name, spec, colon - spec);
	name[colon - spec] = 0;
	*path = colon + 1;
	return ec_sink_find(name);
}

bool ec_outputs_is_keylog(const char *spec)
{
	const char *path;

	return split(spec, &path) == &ec_sink_keylog;
}

/* One with a name, which anybody may have put there; a pipe without was handed to us. */
static bool is_fifo(int fd, const struct stat *st)
{
	struct statfs fs;

	return S_ISFIFO(st->st_mode) && !fstatfs(fd, &fs) && fs.f_type != PIPEFS_MAGIC;
}

/* With sudo the one who called it counts, too. */
static bool is_ours(uid_t uid)
{
	const char *caller = getenv("SUDO_UID");

	return uid == geteuid() ||
	       (caller && !geteuid() && (uid_t)strtoul(caller, NULL, 10) == uid);
}

/* Secrets go to a file that is nobody else's: whoever owns it could read them. */
static int own_file(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) || !(S_ISREG(st.st_mode) || is_fifo(fd, &st)))
		return 0;
	if (!is_ours(st.st_uid))
		return ec_fail(EC_FAIL_OUTPUT_OWNER, path, NULL);
	if (st.st_mode & 077) {
		ec_info("%s: others could read it: its mode is 0600 now", path);
		if (fchmod(fd, MODE))
			return fail_open(path, -errno);
	}
	return 0;
}

/*
 * Read before it is written: what is in it is not repeated. Not a pipe, whose reader must
 * be able to go. Where a link leads says its owner: in /tmp he could have us write
 * anywhere.
 */
static int open_keylog(const char *path, int *out)
{
	struct stat st;
	bool link = !lstat(path, &st) && S_ISLNK(st.st_mode);
	bool foreign = link && st.st_uid && !is_ours(st.st_uid);
	bool regular = stat(path, &st) || S_ISREG(st.st_mode);
	int flags = regular ? O_RDWR | O_CREAT | O_APPEND : O_WRONLY;

	if (foreign)
		return ec_fail(EC_FAIL_OUTPUT_OWNER, path, NULL);
	if (!link)
		flags |= O_NOFOLLOW; /* not one that was put there meanwhile */
	*out = open(path, flags | O_CLOEXEC | O_NOCTTY, MODE);
	if (*out < 0)
		return fail_open(path, -errno);
	return own_file(*out, path);
}

int ec_outputs_reopen(const struct ec_output *p, int *fd)
{
	struct stat st;

	/* nobody moves a pipe away, and to open one may wait for its reader */
	if (!fstat(p->sink.out->fd, &st) && !S_ISREG(st.st_mode))
		return EC_EXIT_RUNTIME;
	if (p->sink.ops == &ec_sink_keylog)
		return open_keylog(p->path, fd);
	*fd = ec_outputs_open_append(p->path);
	if (*fd < 0)
		return fail_open(p->path, *fd);
	return p->sink.opts.secrets ? own_file(*fd, p->path) : 0;
}

static bool tells_secrets(const struct ec_options *o, const struct ec_sink_ops *ops)
{
	return ops == &ec_sink_jsonl && ec_options_keys_only(o);
}

static int add_file(struct ec_outputs *out, const struct ec_options *o,
		    const struct ec_sink_ops *ops, const char *path)
{
	_ec_close_ int fd = -1;
	int rc = 0;

	if (!strcmp(path, "-"))
		return add(out, o, ops, STDOUT_FILENO, NULL, false);
	if (ops == &ec_sink_keylog) {
		rc = open_keylog(path, &fd);
	} else {
		fd = open_file(path);
		if (fd < 0)
			rc = fail_open(path, fd);
		else if (tells_secrets(o, ops))
			rc = own_file(fd, path);
	}
	if (!rc)
		rc = add(out, o, ops, EC_TAKE_FD(fd), path, ops->appends);
	return rc;
}

static int add_named(struct ec_outputs *out, const struct ec_options *o, const char *spec)
{
	const char *path;
	const struct ec_sink_ops *ops = split(spec, &path);

	if (!ops)
		return ec_fail(EC_FAIL_OPTION_VALUE, spec,
			       "no such format; there are text:, json: and keylog:");
	if (!*path)
		return ec_fail(EC_FAIL_OPTION_VALUE, spec, "no path given");
	return add_file(out, o, ops, path);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	if (fstat(a, &x) || fstat(b, &y))
		return false;
	return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* No two of them may be one file; then those that begin empty are emptied. */
static int settle(struct ec_outputs *out)
{
	int fds[EC_OUTPUTS_MAX + 2], n = 0;
	int stdouts = 0;

	for (size_t i = 0; i < out->n; i++) {
		fds[n++] = out->o[i].sink.out->fd;
		stdouts += !out->o[i].path;
	}
	if (stdouts > 1)
		return ec_fail(EC_FAIL_OUTPUT_TWICE, "stdout", NULL);
	if (out->record_fd >= 0)
		fds[n++] = out->record_fd;
	if (out->log_fd >= 0)
		fds[n++] = out->log_fd;
	for (int i = 0; i < n; i++)
		for (int k = i + 1; k < n; k++)
			if (same_file(fds[i], fds[k]))
				return ec_fail(EC_FAIL_OUTPUT_TWICE,
					       i < (int)out->n && out->o[i].path
						       ? out->o[i].path
						       : "output",
					       NULL);
	for (size_t i = 0; i < out->n; i++)
		if (out->o[i].path && !out->o[i].append &&
		    ftruncate(out->o[i].sink.out->fd, 0) && errno != EINVAL)
			return fail_open(out->o[i].path, -errno);
	if (out->record_fd >= 0 && ftruncate(out->record_fd, 0) && errno != EINVAL)
		return fail_open("--record", -errno);
	return 0;
}

static bool names_stdout(const char *spec)
{
	const char *colon = strrchr(spec, ':');

	return !strcmp(colon ? colon + 1 : spec, "-");
}

static int open_log(struct ec_outputs *out, const struct ec_options *o)
{
	if (!o->logaddr)
		return 0;
	out->log_fd = ec_outputs_open_append(o->logaddr);
	if (out->log_fd < 0) {
		int err = out->log_fd;

		out->log_fd = -1;
		return fail_open(o->logaddr, err);
	}
	return 0;
}

int ec_outputs_open(struct ec_outputs *out, const struct ec_options *o)
{
	bool to_stdout = false;
	int rc;

	memset(out, 0, sizeof(*out));
	out->record_fd = out->log_fd = -1;
	for (size_t i = 0; i < o->outputs.n; i++)
		to_stdout |= names_stdout(o->outputs.v[i]);
	/* a key log is not for reading: stdout gets what is asked for */
	to_stdout |= ec_options_keys_only(o);
	rc = open_log(out, o);
	/* an -o that names stdout is what stdout gets, unless --format says so too */
	if (!rc && o->format != EC_FORMAT_NONE &&
	    !(to_stdout && o->format == EC_FORMAT_UNSET))
		rc = add(out, o,
			 o->format == EC_FORMAT_JSON ? &ec_sink_jsonl : &ec_sink_text,
			 STDOUT_FILENO, NULL, false);
	if (!rc && ec_options_keylog(o)) {
		rc = add_file(out, o, &ec_sink_keylog, ec_options_keylog(o));
		if (!rc && strcmp(ec_options_keylog(o), "-"))
			ec_info("secrets go to %s", ec_options_keylog(o));
	}
	for (size_t i = 0; !rc && i < o->outputs.n; i++)
		rc = add_named(out, o, o->outputs.v[i]);
	if (!rc && o->eventcollector) {
		_ec_close_ int fd = ec_outputs_open_append(o->eventcollector);

		if (fd < 0)
			rc = fail_open(o->eventcollector, fd);
		else if (tells_secrets(o, &ec_sink_jsonl))
			rc = own_file(fd, o->eventcollector);
		if (!rc)
			rc = add(out, o, &ec_sink_jsonl, EC_TAKE_FD(fd),
				 o->eventcollector, true);
	}
	if (!rc && o->record) {
		out->record_fd = open_file(o->record);
		if (out->record_fd < 0) {
			int err = out->record_fd;

			out->record_fd = -1;
			rc = fail_open(o->record, err);
		} else if (ec_options_uses(o) & EC_USE_SECRET) {
			rc = own_file(out->record_fd, o->record);
		}
	}
	if (!rc)
		rc = settle(out);
	if (!rc && out->log_fd >= 0)
		ec_log_set_fd(out->log_fd);
	return rc;
}

size_t ec_outputs_fds(const struct ec_outputs *out, int *fds, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < out->n && n < max; i++)
		fds[n++] = out->o[i].sink.out->fd;
	if (out->record_fd >= 0 && n < max)
		fds[n++] = out->record_fd;
	if (out->log_fd >= 0 && n < max)
		fds[n++] = out->log_fd;
	return n;
}

int ec_outputs_close(struct ec_outputs *out, const char **which)
{
	int first = 0;

	for (size_t i = 0; i < out->n; i++) {
		struct ec_output *p = &out->o[i];
		int err = p->sink.ops->close(&p->sink);
		int end = ec_out_free(p->sink.out);

		if (!err)
			err = end;
		if (err && !p->dead && !first) {
			first = err;
			*which = p->path ? p->path : "stdout";
		}
	}
	out->n = 0;
	return first;
}
