// SPDX-License-Identifier: GPL-2.0-only
#include "base/json.h"
#include "base/block.h"
#include "base/utf8.h"

#include <string.h>

#define ESCAPE_MAX 6 /* \u001f */

void ec_json_init(struct ec_json *j, struct ec_buf *b)
{
	j->buf = b;
	j->comma = false;
}

/* Comma and key before a value. */
static void begin_value(struct ec_json *j, const char *key)
{
	if (j->comma)
		ec_buf_putc(j->buf, ',');
	j->comma = true;
	if (!key)
		return;
	ec_buf_putc(j->buf, '"');
	ec_buf_puts(j->buf, key);
	ec_buf_add(j->buf, "\":", 2);
}

static void begin_nest(struct ec_json *j, const char *key, char c)
{
	begin_value(j, key);
	ec_buf_putc(j->buf, c);
	j->comma = false;
}

static void end_nest(struct ec_json *j, char c)
{
	ec_buf_putc(j->buf, c);
	j->comma = true;
}

void ec_json_begin_object(struct ec_json *j, const char *key)
{
	begin_nest(j, key, '{');
}

void ec_json_end_object(struct ec_json *j)
{
	end_nest(j, '}');
}

void ec_json_begin_array(struct ec_json *j, const char *key)
{
	begin_nest(j, key, '[');
}

void ec_json_end_array(struct ec_json *j)
{
	end_nest(j, ']');
}

void ec_json_u64(struct ec_json *j, const char *key, uint64_t v)
{
	begin_value(j, key);
	ec_buf_u64(j->buf, v);
}

void ec_json_i64(struct ec_json *j, const char *key, int64_t v)
{
	begin_value(j, key);
	if (v < 0)
		ec_buf_putc(j->buf, '-');
	ec_buf_u64(j->buf, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void ec_json_bool(struct ec_json *j, const char *key, bool v)
{
	begin_value(j, key);
	ec_buf_puts(j->buf, v ? "true" : "false");
}

void ec_json_str(struct ec_json *j, const char *key, const char *s)
{
	size_t n, ok;

	begin_value(j, key);
	if (!s) {
		ec_buf_puts(j->buf, "null");
		return;
	}
	ec_buf_putc(j->buf, '"');
	for (n = strlen(s); n; s += ok, n -= ok) {
		ok = ec_utf8_valid(s, n);
		ec_json_escape(j->buf, s, ok);
		if (ok < n) {
			ec_buf_puts(j->buf, "\xef\xbf\xbd"); /* U+FFFD */
			ok++;
		}
	}
	ec_buf_putc(j->buf, '"');
}

void ec_json_bytes(struct ec_json *j, const void *p, size_t n)
{
	bool text = ec_utf8_valid(p, n) == n;

	begin_value(j, text ? "text" : "base64");
	ec_buf_putc(j->buf, '"');
	if (text)
		ec_json_escape(j->buf, p, n);
	else
		ec_buf_base64(j->buf, p, n);
	ec_buf_putc(j->buf, '"');
}

/*
 * What RFC 8259 section 7 wants escaped; DEL and C1 (0xc2 0x80 to 0x9f) too, because the
 * line may be read on a terminal, which some of them move. A parser sees no difference.
 */
static inline bool special(uint8_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || c == 0x7f || c == 0xc2;
}

static inline size_t first_special(ec_block v)
{
	return ec_block_first((ec_block)(v < 0x20) | (ec_block)(v == '"') |
			      (ec_block)(v == '\\') | (ec_block)(v == 0x7f) |
			      (ec_block)(v == 0xc2));
}

static size_t escape_code(char *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";

	memcpy(out, "\\u00", 4);
	out[4] = hex[c >> 4];
	out[5] = hex[c & 15];
	return ESCAPE_MAX;
}

/* Writes the special character at p; *used: how many bytes of p it is. */
static size_t escape_char(char *out, const uint8_t *p, size_t n, size_t *used)
{
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};
	uint8_t c = *p;

	*used = 1;
	if (c == 0xc2) {
		if (n > 1 && p[1] < 0xa0) {
			*used = 2;
			return escape_code(out, p[1]);
		}
		*out = (char)c; /* another character, whose tail is not special */
		return 1;
	}
	if (c != '"' && c != '\\' && (c == 0x7f || !letters[c]))
		return escape_code(out, c);
	out[0] = '\\';
	out[1] = c < 0x20 ? letters[c] : (char)c;
	return 2;
}

void ec_json_escape(struct ec_buf *b, const char *p, size_t n)
{
	/* A page on the stack, so that the buffer is asked once a page. */
	char out[4096];
	const uint8_t *s = (const uint8_t *)p;
	size_t i = 0, len = 0, k;

	while (i < n) {
		if (len > sizeof(out) - EC_BLOCK - ESCAPE_MAX) {
			ec_buf_add(b, out, len);
			if (b->err)
				return;
			len = 0;
		}
		if (n - i >= EC_BLOCK) {
			/* The whole block is stored; only the clean part counts. */
			memcpy(out + len, s + i, EC_BLOCK);
			k = first_special(ec_block_load(s + i));
			len += k;
			i += k;
			if (k == EC_BLOCK)
				continue;
		} else if (!special(s[i])) {
			out[len++] = (char)s[i++];
			continue;
		}
		len += escape_char(out + len, s + i, n - i, &k);
		i += k;
	}
	ec_buf_add(b, out, len);
}
