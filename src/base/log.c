// SPDX-License-Identifier: GPL-2.0-only
#include "base/log.h"
#include "base/utf8.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum ec_log_level ec_log_level = EC_LOG_INFO;

static int log_fd = STDERR_FILENO;

static const char *const prefixes[EC_LOG__N] = {
	[EC_LOG_ERROR] = "ecapture: ",
	[EC_LOG_WARN] = "ecapture: warning: ",
	[EC_LOG_INFO] = "",
	[EC_LOG_DEBUG] = "debug: ",
};

static const char *const names[EC_LOG__N] = {
	[EC_LOG_ERROR] = "error",
	[EC_LOG_WARN] = "warn",
	[EC_LOG_INFO] = "info",
	[EC_LOG_DEBUG] = "debug",
};

void ec_log_set_fd(int fd)
{
	log_fd = fd;
}

int ec_log_fd(void)
{
	return log_fd;
}

int ec_log_parse(const char *name, enum ec_log_level *out)
{
	int i;

	for (i = 0; i < EC_LOG__N; i++) {
		if (strcmp(name, names[i]))
			continue;
		*out = i;
		return 0;
	}
	return -EINVAL;
}

/* A character that moves the terminal: C0, DEL and C1, which U+009B (CSI) is one of. */
static bool is_control(const uint8_t *c, size_t len)
{
	return (len == 1 && (c[0] < 0x20 || c[0] == 0x7f)) ||
	       (len == 2 && c[0] == 0xc2 && c[1] < 0xa0);
}

/* The length of the whole character at p, 0 if it is none. */
static size_t char_len(const uint8_t *p, size_t n)
{
	size_t len = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

	return len <= n && ec_utf8_valid(p, len) == len ? len : 0;
}

/*
 * Copies text so that it stays one harmless line: returns the length in out, which is at
 * most `room`; *cut is set if not all of it went in.
 */
static size_t escape(char *out, size_t room, const uint8_t *p, size_t n, bool *cut)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0, c, i;

	for (; n; p += c, n -= c) {
		c = char_len(p, n);
		if (c && !is_control(p, c)) {
			if (c > room - len)
				break;
			memcpy(out + len, p, c);
			len += c;
			continue;
		}
		c = c ?: 1;
		if (4 * c > room - len)
			break;
		if (*p == '\n' || *p == '\t' || *p == '\r') {
			out[len++] = '\\';
			out[len++] = *p == '\n' ? 'n' : *p == '\t' ? 't' : 'r';
			continue;
		}
		for (i = 0; i < c; i++) {
			out[len++] = '\\';
			out[len++] = 'x';
			out[len++] = hex[p[i] >> 4];
			out[len++] = hex[p[i] & 15];
		}
	}
	*cut |= n > 0;
	return len;
}

static void write_line(const char *p, size_t n)
{
	struct pollfd pfd = {.fd = log_fd, .events = POLLOUT};
	int tries = 2;
	ssize_t r;

	while (n) {
		r = write(log_fd, p, n);
		if (r >= 0) {
			p += r;
			n -= r;
		} else if (errno == EAGAIN && tries--) {
			/* Someone made our stderr non-blocking. Never wait for ever. */
			poll(&pfd, 1, 500);
		} else if (errno != EINTR) {
			return; /* there is nowhere to say so */
		}
	}
}

void ec_log_at(enum ec_log_level level, const char *fmt, ...)
{
	/* A pipe takes PIPE_BUF bytes at once or not at all (pipe(7)). */
	static const char more[] = "...\n";
	char text[PIPE_BUF], line[PIPE_BUF];
	int saved = errno, n;
	bool cut = false;
	size_t len;
	va_list ap;

	if ((unsigned int)level >= EC_LOG__N)
		level = EC_LOG_ERROR;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0) {
		errno = saved;
		return;
	}
	if ((size_t)n >= sizeof(text)) {
		n = sizeof(text) - 1;
		n -= ec_utf8_tail(text, n);
		cut = true;
	}
	while (n && text[n - 1] == '\n')
		n--; /* lines from libraries bring their own */
	len = strlen(prefixes[level]);
	memcpy(line, prefixes[level], len);
	len += escape(line + len, sizeof(line) - len - sizeof(more), (uint8_t *)text, n,
		      &cut);
	if (cut) {
		memcpy(line + len, more, sizeof(more) - 1);
		len += sizeof(more) - 1;
	} else {
		line[len++] = '\n';
	}
	write_line(line, len);
	errno = saved;
}
