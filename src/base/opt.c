// SPDX-License-Identifier: GPL-2.0-only
#include "base/opt.h"
#include "base/clock.h"
#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 63 /* of words that are compared for a suggestion */

struct parser {
	const struct ec_opt_table *tables;
	size_t ntables;
	void *opts;
};

int ec_opt_number(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v = 0, base = 10, d;
	bool big = false;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s >= '0' && *s <= '9')
			d = (uint64_t)(*s - '0');
		else if (base == 16 && (*s | 0x20) >= 'a' && (*s | 0x20) <= 'f')
			d = (uint64_t)((*s | 0x20) - 'a') + 10;
		else
			return -EINVAL;
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, d, &v))
			big = true;
	}
	if (big || v < min || v > max)
		return -ERANGE;
	*out = v;
	return 0;
}

static char fold(char c)
{
	return c == '_' ? '-' : c;
}

/* Edits between two words; two neighbours that changed places count as one. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	uint8_t rows[3][NAME_MAX_LEN + 1];
	uint8_t *before = rows[0], *prev = rows[1], *cur = rows[2], *spare;
	size_t i, j;

	for (j = 0; j <= nb; j++)
		prev[j] = (uint8_t)j;
	for (i = 1; i <= na; i++) {
		cur[0] = (uint8_t)i;
		for (j = 1; j <= nb; j++) {
			bool same = fold(a[i - 1]) == fold(b[j - 1]);
			unsigned int best = prev[j - 1] + !same;

			best = EC_MIN(best, prev[j] + 1u);
			best = EC_MIN(best, cur[j - 1] + 1u);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]))
				best = EC_MIN(best, before[j - 2] + 1u);
			cur[j] = (uint8_t)best;
		}
		spare = before;
		before = prev;
		prev = cur;
		cur = spare;
	}
	return prev[nb];
}

/* Takes `name` if it is nearer to the word than what was found before. */
static void consider(const char *word, size_t n, const char *name, size_t *best,
		     const char **found)
{
	size_t len = strlen(name), d;

	if (n > NAME_MAX_LEN || len > NAME_MAX_LEN)
		return;
	d = distance(word, n, name, len);
	/* With more edits than half the letters, any short name would do. */
	if (d > 3 || 2 * d > n || d >= *best)
		return;
	*best = d;
	*found = name;
}

const char *ec_opt_nearest(const char *word, const char *const *names, size_t n)
{
	const char *found = NULL;
	size_t best = SIZE_MAX, i;

	for (i = 0; i < n; i++)
		consider(word, strlen(word), names[i], &best, &found);
	return found;
}

static bool name_is(const char *name, const char *word, size_t n)
{
	size_t i;

	if (!name)
		return false;
	for (i = 0; i < n; i++) {
		if (!name[i] || fold(name[i]) != fold(word[i]))
			return false;
	}
	return !name[n];
}

static const struct ec_opt *find_long(const struct parser *p, const char *word, size_t n)
{
	size_t t, i;

	for (t = 0; t < p->ntables; t++) {
		for (i = 0; i < p->tables[t].n; i++) {
			const struct ec_opt *o = &p->tables[t].rows[i];

			if (name_is(o->name, word, n) || name_is(o->alias, word, n))
				return o;
		}
	}
	return NULL;
}

static const struct ec_opt *find_letter(const struct parser *p, char letter)
{
	size_t t, i;

	for (t = 0; t < p->ntables; t++) {
		for (i = 0; i < p->tables[t].n; i++) {
			if (letter && p->tables[t].rows[i].letter == letter)
				return &p->tables[t].rows[i];
		}
	}
	return NULL;
}

/* `spelling` is the word as it was given, up to the '='. */
static int fail_unknown(const struct parser *p, const char *spelling)
{
	const char *word = spelling + strspn(spelling, "-"), *found = NULL;
	size_t best = SIZE_MAX, t, i;
	char detail[NAME_MAX_LEN + 32];

	for (t = 0; t < p->ntables; t++) {
		for (i = 0; i < p->tables[t].n; i++) {
			const struct ec_opt *o = &p->tables[t].rows[i];

			if (o->hidden)
				continue;
			consider(word, strlen(word), o->name, &best, &found);
			if (o->alias)
				consider(word, strlen(word), o->alias, &best, &found);
		}
	}
	if (found)
		snprintf(detail, sizeof(detail), "the nearest is --%s", found);
	return ec_fail(EC_FAIL_OPTION_UNKNOWN, spelling, found ? detail : NULL);
}

static int EC_PRINTF(2, 3) fail_value(const struct ec_opt *o, const char *fmt, ...)
{
	char subject[NAME_MAX_LEN + 8], detail[512];
	va_list ap;

	snprintf(subject, sizeof(subject), "--%s", o->name);
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	return ec_fail(EC_FAIL_OPTION_VALUE, subject, detail);
}

static uint64_t ceiling(const struct ec_opt *o)
{
	return o->max ?: UINT64_MAX;
}

static int fail_number(const struct ec_opt *o, const char *value, int err)
{
	if (err != -ERANGE)
		return fail_value(o, "'%s' is no whole number", value);
	if (o->max)
		return fail_value(o, "%s is not between %llu and %llu", value,
				  (unsigned long long)o->min, (unsigned long long)o->max);
	return fail_value(o, "%s is out of range", value);
}

static int set_list(const struct ec_opt *o, struct ec_opt_list *list, const char *value)
{
	const char *s = value;
	char word[32];
	size_t n;
	int err;

	for (;; s += n + 1) {
		n = strcspn(s, ",");
		if (!n || n >= sizeof(word))
			return fail_value(o, "'%s' is no list of whole numbers", value);
		if (list->n == EC_OPT_LIST_MAX)
			return fail_value(o, "more than %d numbers", EC_OPT_LIST_MAX);
		memcpy(word, s, n);
		word[n] = 0;
		err = ec_opt_number(word, o->min, ceiling(o), &list->v[list->n]);
		if (err)
			return fail_number(o, word, err);
		list->n++;
		list->given = true;
		if (!s[n])
			return 0;
	}
}

static int set_enum(const struct ec_opt *o, int *to, const char *value)
{
	const char *s = o->words;
	size_t len = strlen(value), n;
	int i;

	for (i = 0;; i++, s += n + 1) {
		n = strcspn(s, "|");
		if (n == len && !memcmp(s, value, n)) {
			*to = i;
			return 0;
		}
		if (!s[n])
			return fail_value(o, "'%s' is not one of %s", value, o->words);
	}
}

static int set_duration(const struct ec_opt *o, uint64_t *to, const char *value)
{
	uint64_t ns = 0;
	int err = ec_clock_parse_duration(value, &ns);

	if (err == -EINVAL)
		return fail_value(o, "'%s' is no time such as 10s, 5m or plain seconds",
				  value);
	if (err || ns < o->min || ns > ceiling(o))
		return fail_value(o, "%s is out of range", value);
	*to = ns;
	return 0;
}

static int set(const struct parser *p, const struct ec_opt *o, const char *value)
{
	void *to = (char *)p->opts + o->offset;
	struct ec_opt_strs *strs = to;
	int err;

	if (o->parse)
		return o->parse(p->opts, o, value);
	switch (o->type) {
	case EC_OPT_FLAG:
		*(bool *)to = true;
		return 0;
	case EC_OPT_STR:
		*(const char **)to = value;
		return 0;
	case EC_OPT_STRS:
		if (strs->n == EC_OPT_STRS_MAX)
			return fail_value(o, "given more than %d times", EC_OPT_STRS_MAX);
		strs->v[strs->n++] = value;
		return 0;
	case EC_OPT_U64:
		err = ec_opt_number(value, o->min, ceiling(o), to);
		return err ? fail_number(o, value, err) : 0;
	case EC_OPT_LIST:
		return set_list(o, to, value);
	case EC_OPT_DURATION:
		return set_duration(o, to, value);
	case EC_OPT_ENUM:
		return set_enum(o, to, value);
	}
	return fail_value(o, "the option's type is unknown");
}

/* The next word as a value; `--` is none, or `--pid -- cmd` would lose the command. */
static const char *next_word(int argc, char **argv, int *at)
{
	if (*at + 1 >= argc || !strcmp(argv[*at + 1], "--"))
		return NULL;
	return argv[++*at];
}

static int parse_long(const struct parser *p, int argc, char **argv, int *at)
{
	const char *word = argv[*at], *value;
	size_t n = strcspn(word, "=");
	const struct ec_opt *o = find_long(p, word + 2, n - 2);
	char *spelling;
	int err;

	if (!o) {
		spelling = strndup(word, n);
		err = fail_unknown(p, spelling ?: word);
		free(spelling);
		return err;
	}
	value = word[n] ? word + n + 1 : NULL;
	if (o->type == EC_OPT_FLAG) {
		if (value)
			return fail_value(o, "it takes no value");
	} else if (!value) {
		value = next_word(argc, argv, at);
		if (!value)
			return fail_value(o, "a value is missing");
	}
	return set(p, o, value);
}

static int parse_short(const struct parser *p, int argc, char **argv, int *at)
{
	const char *s = argv[*at] + 1, *value;
	const struct ec_opt *o;
	char spelling[] = "-x";
	int err;

	for (; *s; s++) {
		o = find_letter(p, *s);
		if (!o) {
			/* `-libssl=x` is a long option with a dash too few. */
			if (s == argv[*at] + 1 && s[1])
				return fail_unknown(p, argv[*at]);
			spelling[1] = *s;
			return fail_unknown(p, spelling);
		}
		if (o->type == EC_OPT_FLAG) {
			err = set(p, o, NULL);
			if (err)
				return err;
			continue;
		}
		value = s[1] == '=' ? s + 2 : s + 1;
		if (!s[1])
			value = next_word(argc, argv, at);
		if (!value)
			return fail_value(o, "a value is missing");
		return set(p, o, value);
	}
	return 0;
}

int ec_opt_parse(int argc, char **argv, const struct ec_opt_table *tables, size_t ntables,
		 void *opts, char **rest, int *nrest, int *command)
{
	struct parser p = {tables, ntables, opts};
	int n = 0, cmd = 0, err = 0, i;

	for (i = 0; i < argc && !err; i++) {
		if (argv[i][0] != '-' || !argv[i][1]) {
			rest[n++] = argv[i];
		} else if (!strcmp(argv[i], "--")) {
			cmd = i + 1;
			break;
		} else if (argv[i][1] == '-') {
			err = parse_long(&p, argc, argv, &i);
		} else {
			err = parse_short(&p, argc, argv, &i);
		}
	}
	if (err)
		return err;
	*nrest = n;
	*command = cmd;
	return 0;
}
