// SPDX-License-Identifier: GPL-2.0-only
/*
 * The key log that TLS libraries write for SSLKEYLOGFILE and Wireshark reads (RFC 9850):
 * a line a secret, each at once, so that a reader of the packets has it in time. A file
 * that is there goes on: what it has is not written again.
 */
#include "base/seen.h"
#include "base/util.h"
#include "sink/sink.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LINES 1000000     /* of the file, newest, that are known */
#define FILE_BYTES (256 << 20) /* … and in so many bytes at its end */
#define LINE_MAX_  512	       /* longer lines are not ours */

struct state {
	struct ec_seen *seen; /* lines of the file; NULL: it is new, or no file */
	bool torn;	      /* it ends within a line */
};

static void keep_line(struct state *st, const char *p, size_t n)
{
	if (n && n < LINE_MAX_ && *p != '#')
		ec_seen_add(st->seen, p, n);
}

/* Lines of a piece; the number of bytes that were whole lines. */
static size_t keep_lines(struct state *st, const char *p, size_t n, bool *skip)
{
	size_t done = 0;

	for (;;) {
		const char *end = memchr(p + done, '\n', n - done);

		if (!end)
			return done;
		if (!*skip)
			keep_line(st, p + done, end - (p + done));
		*skip = false;
		done = end + 1 - p;
	}
}

static int read_file(struct state *st, int fd, off_t size)
{
	_ec_free_ char *buf = malloc(65536);
	off_t at = size > FILE_BYTES ? size - FILE_BYTES : 0;
	bool skip = at > 0; /* the rest of a line */
	size_t have = 0;
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	while ((n = pread(fd, buf + have, 65536 - have, at)) > 0) {
		size_t done;

		at += n;
		have += n;
		done = keep_lines(st, buf, have, &skip);
		have -= done;
		memmove(buf, buf + done, have);
		if (have == 65536) { /* no line of a key log */
			have = 0;
			skip = true;
		}
	}
	if (!skip)
		keep_line(st, buf, have); /* it may lack its end only */
	st->torn = have || skip;
	return n < 0 ? -errno : 0;
}

static int look(struct ec_sink *s)
{
	struct state *st = s->state;
	struct stat sb;
	int err;

	if (fstat(s->out->fd, &sb) || !S_ISREG(sb.st_mode) || !sb.st_size)
		return 0;
	err = ec_seen_new(FILE_LINES, &st->seen);
	if (!err)
		err = read_file(st, s->out->fd, sb.st_size);
	if (err == -EBADF) /* stdout, for writing only: its owner's business */
		err = 0;
	return err;
}

static int keylog_open(struct ec_sink *s)
{
	s->state = calloc(1, sizeof(struct state));
	if (!s->state)
		return -ENOMEM;
	s->kinds = 1u << EC_ITEM_SECRET;
	return look(s);
}

static void forget(struct state *st)
{
	ec_seen_free(st->seen);
	*st = (struct state){0};
}

static void keylog_reopened(struct ec_sink *s)
{
	forget(s->state);
	/* what cannot be read is written to all the same: at worst a line is there twice
	 */
	if (look(s))
		forget(s->state);
}

static void put_hex(struct ec_buf *b, const uint8_t *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	ec_buf_putc(b, ' ');
	for (size_t i = 0; i < n; i++) {
		ec_buf_putc(b, hex[p[i] >> 4]);
		ec_buf_putc(b, hex[p[i] & 15]);
	}
}

/*
 * The disk is full: what came of the line goes, for readers take whole lines only. No
 * more than that: what stands before it may be somebody else's, who is about to end it.
 */
static void drop_torn(int fd, const char *line, size_t n)
{
	char tail[LINE_MAX_];
	struct stat sb;
	off_t at;

	if (!n || n > sizeof(tail) || fstat(fd, &sb) || !S_ISREG(sb.st_mode))
		return;
	at = sb.st_size - (off_t)n;
	if (at < 0 || pread(fd, tail, n, at) != (ssize_t)n || memcmp(tail, line, n))
		return;
	if (ftruncate(fd, at))
		return;
}

static int put_out(struct ec_out *out)
{
	uint64_t before = out->written;
	char line[LINE_MAX_];
	size_t n = EC_MIN(out->buf.len, sizeof(line));
	int err;

	memcpy(line, out->buf.data, n);
	err = ec_out_flush(out);
	if (err && out->written - before <= n)
		drop_torn(out->fd, line, out->written - before);
	return err;
}

static int keylog_item(struct ec_sink *s, const struct ec_item *it)
{
	struct state *st = s->state;
	struct ec_buf *b = &s->out->buf;
	size_t start = b->len, at;

	if (it->kind != EC_ITEM_SECRET)
		return 0;
	if (st->torn)
		ec_buf_putc(b, '\n');
	at = b->len;
	ec_buf_puts(b, it->secret.label);
	put_hex(b, it->secret.id, it->secret.id_len);
	put_hex(b, it->secret.secret, it->secret.len);
	if (b->err)
		return b->err;
	if (st->seen && !ec_seen_add(st->seen, b->data + at, b->len - at)) {
		b->len = start;
		return 0;
	}
	st->torn = false;
	ec_buf_putc(b, '\n');
	return b->err ? b->err : put_out(s->out);
}

static int keylog_flush(struct ec_sink *s)
{
	return 0;
}

static int keylog_close(struct ec_sink *s)
{
	forget(s->state);
	free(s->state);
	s->state = NULL;
	return 0;
}

static const char *const suffixes[] = {".keylog", NULL};

const struct ec_sink_ops ec_sink_keylog = {
	.name = "keylog",
	.suffixes = suffixes,
	.appends = true,
	.open = keylog_open,
	.reopened = keylog_reopened,
	.item = keylog_item,
	.flush = keylog_flush,
	.close = keylog_close,
};
