// SPDX-License-Identifier: GPL-2.0-only
#include "base/opt.h"

#include <string.h>

#define HELP_WIDTH  90
#define HELP_COLUMN 34 /* where help begins at the latest */

/* Columns on a terminal, taking each character as one wide. */
static size_t width(const char *s, size_t n)
{
	size_t w = 0, i;

	for (i = 0; i < n; i++)
		w += ((uint8_t)s[i] & 0xc0) != 0x80;
	return w;
}

/* `  -t, --truncate-size, --tsize BYTES` */
static void left_column(struct ec_buf *b, const struct ec_opt *o)
{
	const char *value = o->value;

	if (o->letter)
		ec_buf_printf(b, "  -%c, --%s", o->letter, o->name);
	else
		ec_buf_printf(b, "      --%s", o->name);
	if (o->alias)
		ec_buf_printf(b, ", --%s", o->alias);
	if (!value && o->type == EC_OPT_ENUM)
		value = o->words;
	if (value && o->type != EC_OPT_FLAG)
		ec_buf_printf(b, " %s", value);
}

static void spaces(struct ec_buf *b, size_t n)
{
	ec_buf_printf(b, "%*s", (int)n, "");
}

/* Words of the help, wrapped; the cursor stands at column `at`, never behind `column`. */
static void right_column(struct ec_buf *b, const char *s, size_t column, size_t at)
{
	size_t n, w;
	bool first = true;

	for (;; s += n) {
		s += strspn(s, " \n\t");
		n = strcspn(s, " \n\t");
		if (!n)
			break;
		w = width(s, n);
		if (first) {
			spaces(b, column - at);
			at = column;
		} else if (at + 1 + w > HELP_WIDTH) {
			ec_buf_putc(b, '\n');
			spaces(b, column);
			at = column;
		} else {
			ec_buf_putc(b, ' ');
			at++;
		}
		ec_buf_add(b, s, n);
		at += w;
		first = false;
	}
	ec_buf_putc(b, '\n');
}

void ec_opt_help(struct ec_buf *b, const struct ec_opt_table *t)
{
	struct ec_buf left;
	size_t column = 0, i, w;

	ec_buf_init(&left, 1024);
	for (i = 0; i < t->n; i++) {
		ec_buf_reset(&left);
		left_column(&left, &t->rows[i]);
		w = width(left.data, left.len) + 2;
		if (!t->rows[i].hidden && w <= HELP_COLUMN)
			column = EC_MAX(column, w);
	}
	column = column ?: HELP_COLUMN;
	for (i = 0; i < t->n; i++) {
		if (t->rows[i].hidden)
			continue;
		ec_buf_reset(&left);
		left_column(&left, &t->rows[i]);
		w = width(left.data, left.len);
		ec_buf_add(b, left.data, left.len);
		if (w + 2 > column) {
			ec_buf_putc(b, '\n');
			w = 0;
		}
		right_column(b, t->rows[i].help ?: "", column, w);
	}
	if (left.err && !b->err)
		b->err = left.err;
	ec_buf_free(&left);
}
