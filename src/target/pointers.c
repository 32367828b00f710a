// SPDX-License-Identifier: GPL-2.0-only
/* DT_RELA: System V gABI chapter 4; the types by the psABI of each architecture. */
#include "target/pointers.h"
#include "target/elf.h"
#include <errno.h>
#include <string.h>

#define RELOCATIONS_MAX (4u << 20)

struct relative {
	uint64_t at, value;
};

struct ec_pointers {
	const struct ec_file *f;
	struct relative *v; /* ascending */
	size_t n;
};

static int by_place(const void *a, const void *b)
{
	const struct relative *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void find_table(const struct ec_file *f, uint64_t *va, uint64_t *size)
{
	Elf64_Dyn d;

	*va = *size = 0;
	for (uint32_t i = 0; i < f->ndyn; i++) {
		if (!ec_elf_get(f, f->dyn + (uint64_t)i * sizeof(d), &d, sizeof(d)) ||
		    d.d_tag == DT_NULL)
			return;
		if (d.d_tag == DT_RELA)
			*va = d.d_un.d_ptr;
		else if (d.d_tag == DT_RELASZ)
			*size = d.d_un.d_val;
	}
}

static int read_table(struct ec_pointers *ps)
{
	uint32_t want =
		ps->f->arch == EC_ARCH_AARCH64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE;
	uint64_t va, size, n;
	bool sorted = true;

	find_table(ps->f, &va, &size);
	n = EC_MIN(size / sizeof(Elf64_Rela), (uint64_t)RELOCATIONS_MAX);
	if (!n || !ec_file_at(ps->f, va, n * sizeof(Elf64_Rela)))
		return 0;
	ps->v = calloc(n, sizeof(*ps->v));
	if (!ps->v)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++) {
		Elf64_Rela r;
		struct relative *to = &ps->v[ps->n];

		memcpy(&r, ec_file_at(ps->f, va + i * sizeof(r), sizeof(r)), sizeof(r));
		if (ELF64_R_TYPE(r.r_info) != want)
			continue;
		*to = (struct relative){r.r_offset, (uint64_t)r.r_addend};
		sorted &= !ps->n || to[-1].at <= to->at;
		ps->n++;
	}
	if (!sorted)
		qsort(ps->v, ps->n, sizeof(*ps->v), by_place);
	return 0;
}

int ec_pointers_open(const struct ec_file *f, struct ec_pointers **out)
{
	struct ec_pointers *ps = calloc(1, sizeof(*ps));
	int err;

	if (!ps)
		return -ENOMEM;
	ps->f = f;
	err = read_table(ps);
	if (err) {
		ec_pointers_free(ps);
		return err;
	}
	*out = ps;
	return 0;
}

void ec_pointers_free(struct ec_pointers *ps)
{
	if (!ps)
		return;
	free(ps->v);
	free(ps);
}

uint64_t ec_pointers_at(const struct ec_pointers *ps, uint64_t va)
{
	struct relative key = {.at = va}, *r;
	uint64_t v = 0;
	const uint8_t *p;

	r = ps->n ? bsearch(&key, ps->v, ps->n, sizeof(key), by_place) : NULL;
	p = ec_file_at(ps->f, va, sizeof(v));
	if (r)
		v = r->value;
	else if (p)
		memcpy(&v, p, sizeof(v));
	return v && ec_file_at(ps->f, v, 1) ? v : 0;
}
