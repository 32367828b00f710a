// SPDX-License-Identifier: GPL-2.0-only
#include "host/container.h"
#include "base/util.h"
#include "host/cgroup.h"
#include <errno.h>
#include <string.h>

#define ID_DIGITS    64 /* of the runtimes of the OCI: SHA-256 size, random */
#define WORD_MIN     4	/* of the beginning of an id */
#define FARGATE_TASK 32 /* digits before the '-' */

/* A piece of the text, not terminated. */
struct part {
	const char *s;
	size_t n;
};

/*
 * PREFIX-<64 hex digits>, with ".scope" where systemd made the cgroup and without where
 * the runtime did, or in one name with a slice, "SLICE:PREFIX:<64 hex digits>", where the
 * two sides disagreed on that. Names of helpers (crio-conmon-ID, libpod-conmon-ID) do not
 * fit for the word between. Sources: moby daemon/oci_linux.go; containerd
 * internal/cri/server/helpers.go; nerdctl pkg/cmd/container; cri-o
 * internal/config/cgmgr; podman libpod/container_internal_linux.go, and for "payload"
 * (--cgroups=split) libpod/oci_conmon_common.go.
 */
static const struct {
	const char *prefix, *runtime;
} of_prefix[] = {
	{"docker", "docker"},
	{"cri-containerd", "containerd"},
	{"crio", "cri-o"},
	{"libpod", "podman"},
	{"libpod-payload", "podman"},
	{"nerdctl", "containerd"},
	{"containerd", "containerd"},
};

/*
 * <64 hex digits> alone, by the cgroup above. The jobs are those of CI services, which
 * give dockerd another parent; "default", "k8s.io" and "moby" are namespaces of
 * containerd.
 */
static const struct {
	const char *parent, *runtime;
} of_parent[] = {
	{"docker", "docker"},	     {"actions_job", "docker"}, {"azpl_job", "docker"},
	{"moby", "docker"},	     {"default", "containerd"}, {"k8s.io", "containerd"},
	{"libpod_parent", "podman"},
};

/*
 * Names that the user gave. LXC: lxc.payload.NAME, lxc.payload/NAME or, before 4.0 and
 * in Proxmox, lxc/NAME (lxc src/lxc/cgroups/cgfsng.c). runc and crun by hand under
 * systemd: libcontainer cgroups/systemd, crun src/libcrun/cgroup-systemd.c.
 */
static const struct {
	const char *start, *end, *runtime;
} of_name[] = {
	{"lxc.payload.", "", "lxc"},
	{"systemd-nspawn@", ".service", "systemd-nspawn"},
	{"runc-", ".scope", "runc"},
	{"crun-", ".scope", "crun"},
};
static const struct {
	const char *parent, *runtime;
	bool top; /* the parent is right below the root */
} of_named_parent[] = {
	{"lxc", "lxc", false},
	{"lxc.payload", "lxc", false},
	{"garden", "garden", false},
	{"default", "containerd", true}, /* `ctr run IMAGE NAME` */
};

/* The two that own their cgroup together with the container: podman before 2.0,
 * systemd src/nspawn/nspawn-cgroup.c. */
#define BESIDE_PAYLOAD "supervisor"

struct walk {
	struct ec_container inner, outer;
	unsigned int levels;  /* how many containers lie in each other */
	unsigned int nesting; /* cgroups seen */
	bool kube, ecs;	      /* inside of such a folder */
	bool just_found;      /* the cgroup before this one is the container's own */
	struct part parent;
};

static bool is(struct part p, const char *word)
{
	return p.n == strlen(word) && !memcmp(p.s, word, p.n);
}

static bool take_start(struct part *p, const char *word)
{
	size_t n = strlen(word);

	if (p->n < n || memcmp(p->s, word, n))
		return false;
	p->s += n;
	p->n -= n;
	return true;
}

static bool take_end(struct part *p, const char *word)
{
	size_t n = strlen(word);

	if (p->n < n || memcmp(p->s + p->n - n, word, n))
		return false;
	p->n -= n;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t hex_digits(struct part p)
{
	size_t n = 0;

	while (n < p.n && hex_digit(p.s[n]) >= 0)
		n++;
	return n;
}

static bool is_id(struct part p)
{
	return p.n == ID_DIGITS && hex_digits(p) == ID_DIGITS;
}

static bool found(struct walk *w, const char *runtime, const char *id, size_t n)
{
	if (!n || n >= sizeof(w->inner.id))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (id[i] <= ' ' || id[i] > '~')
			return false;
	}
	w->outer = w->inner;
	memset(&w->inner, 0, sizeof(w->inner));
	memcpy(w->inner.runtime, runtime, strlen(runtime) + 1);
	memcpy(w->inner.id, id, n);
	w->levels++;
	return true;
}

/* In names of systemd's units, "\x2d" is a byte of the name: systemd.unit(5). */
static bool found_unescaped(struct walk *w, const char *runtime, struct part p)
{
	char name[sizeof(w->inner.id)];
	size_t n = 0;

	for (size_t i = 0; i < p.n; i++) {
		char c = p.s[i];

		if (n == sizeof(name))
			return false;
		if (c == '\\') {
			int hi = i + 3 < p.n ? hex_digit(p.s[i + 2]) : -1;
			int lo = i + 3 < p.n ? hex_digit(p.s[i + 3]) : -1;

			if (hi < 0 || lo < 0 || p.s[i + 1] != 'x')
				return false;
			c = (char)(hi << 4 | lo);
			i += 3;
		}
		name[n++] = c;
	}
	return found(w, runtime, name, n);
}

static bool by_prefix(struct walk *w, struct part seg)
{
	const char *colon = memrchr(seg.s, ':', seg.n);
	struct part id = seg, word = {seg.s, 0};

	if (colon) {
		word.n = (size_t)(colon - seg.s);
		id = (struct part){colon + 1, seg.n - word.n - 1};
		colon = memrchr(word.s, ':', word.n);
		if (!colon)
			return false;
		word.n -= (size_t)(colon + 1 - word.s);
		word.s = colon + 1;
	} else {
		take_end(&id, ".scope");
		if (id.n < ID_DIGITS + 1 || id.s[id.n - ID_DIGITS - 1] != '-')
			return false;
		word.n = id.n - ID_DIGITS - 1;
		id = (struct part){id.s + word.n + 1, ID_DIGITS};
	}
	if (!is_id(id))
		return false;
	for (size_t i = 0; i < EC_ARRAY_SIZE(of_prefix); i++) {
		if (is(word, of_prefix[i].prefix))
			return found(w, of_prefix[i].runtime, id.s, id.n);
	}
	return false;
}

/* Tasks of Amazon's ECS: /ecs/TASK/ID of docker, on Fargate /ecs/TASK/TASK-NUMBER. */
static bool by_ecs(struct walk *w, struct part seg)
{
	struct part number = seg;

	if (is_id(seg))
		return found(w, "docker", seg.s, seg.n);
	if (hex_digits(seg) != FARGATE_TASK)
		return false;
	number.s += FARGATE_TASK;
	number.n -= FARGATE_TASK;
	if (number.n < 2 || *number.s != '-')
		return false;
	for (size_t i = 1; i < number.n; i++) {
		if (number.s[i] < '0' || number.s[i] > '9')
			return false;
	}
	return found(w, "containerd", seg.s, seg.n);
}

static bool by_id_alone(struct walk *w, struct part seg)
{
	if (w->ecs)
		return by_ecs(w, seg);
	/* Kata keeps the virtual machine and its helpers there. */
	if (!is_id(seg) || is(w->parent, "kata_overhead"))
		return false;
	for (size_t i = 0; i < EC_ARRAY_SIZE(of_parent); i++) {
		if (is(w->parent, of_parent[i].parent))
			return found(w, of_parent[i].runtime, seg.s, seg.n);
	}
	return found(w, w->kube ? "kubernetes" : "unknown", seg.s, seg.n);
}

/*
 * systemd-machined names scopes machine-NAME.scope for whoever registers: nspawn by the
 * container's name, libvirt "qemu-N-NAME" and "lxc-PID-NAME" (src/util/virsystemd.c).
 */
static bool by_machine(struct walk *w, struct part seg)
{
	struct part name = seg;

	if (!take_start(&name, "machine-") || !take_end(&name, ".scope"))
		return false;
	seg = name;
	if (take_start(&seg, "qemu\\x2d"))
		return false;
	if (take_start(&seg, "lxc\\x2d"))
		return found_unescaped(w, "libvirt-lxc", name);
	return found_unescaped(w, "systemd-nspawn", name);
}

static bool by_name(struct walk *w, struct part seg)
{
	for (size_t i = 0; i < EC_ARRAY_SIZE(of_name); i++) {
		struct part name = seg;

		if (!take_start(&name, of_name[i].start) ||
		    !take_end(&name, of_name[i].end))
			continue;
		/* Only systemd escapes. */
		return *of_name[i].end ? found_unescaped(w, of_name[i].runtime, name)
				       : found(w, of_name[i].runtime, name.s, name.n);
	}
	for (size_t i = 0; i < EC_ARRAY_SIZE(of_named_parent); i++) {
		if (is(w->parent, of_named_parent[i].parent) &&
		    (!of_named_parent[i].top || w->nesting == 1))
			return found(w, of_named_parent[i].runtime, seg.s, seg.n);
	}
	return by_machine(w, seg);
}

static void step(struct walk *w, struct part seg)
{
	if (w->just_found && is(seg, BESIDE_PAYLOAD) &&
	    (!strcmp(w->inner.runtime, "podman") ||
	     !strcmp(w->inner.runtime, "systemd-nspawn"))) {
		w->inner = w->outer;
		w->levels--;
		w->just_found = false;
	} else {
		w->just_found =
			by_prefix(w, seg) || by_id_alone(w, seg) || by_name(w, seg);
		if (w->just_found) {
			w->kube = w->ecs = false;
		} else {
			struct part p = seg;

			take_start(&p, "kubelet-"); /* of kind */
			w->kube |= take_start(&p, "kubepods");
			w->ecs |= is(seg, "ecs");
		}
	}
	w->parent = seg;
	w->nesting++;
}

/* "/a/b". What lies outside of our cgroup namespace begins with "/..", which tells
 * nothing. */
static void walk_path(struct walk *w, struct part path)
{
	const char *end;

	memset(w, 0, sizeof(*w));
	end = path.s + path.n;
	for (const char *p = path.s; p < end;) {
		const char *slash = memchr(p, '/', (size_t)(end - p));
		struct part seg = {p, (size_t)((slash ?: end) - p)};

		if (seg.n && !is(seg, ".") && !is(seg, ".."))
			step(w, seg);
		p = slash ? slash + 1 : end;
	}
}

bool ec_container_parse_path(const char *path, struct ec_container *out)
{
	struct walk w;

	walk_path(&w, (struct part){path, strlen(path)});
	if (w.levels)
		*out = w.inner;
	return w.levels;
}

/*
 * Runtimes that know only one of the hierarchies
 * leave a process where it was in the others: in theirs it is deepest. Equal ones by the
 * order v2, systemd's, the rest.
 */
bool ec_container_parse(const char *text, struct ec_container *out)
{
	struct ec_cgroup_line l;
	unsigned int best = 0;

	while (ec_cgroup_next(&text, &l)) {
		unsigned int rank;
		struct walk w;

		walk_path(&w, (struct part){l.path, l.npath});
		rank = w.levels * 3 +
		       (!l.nnames ? 2
				  : is((struct part){l.names, l.nnames}, "name=systemd"));
		if (w.levels && rank > best) {
			best = rank;
			*out = w.inner;
		}
	}
	return best;
}

int ec_container_of(pid_t pid, struct ec_container *out)
{
	_ec_free_ char *text = NULL;
	int err = ec_cgroup_text(pid, &text);

	if (err)
		return err;
	return ec_container_parse(text, out) ? 0 : -ENOENT;
}

bool ec_container_matches(const struct ec_container *c, const char *word)
{
	size_t n = strlen(word), have = strnlen(c->id, sizeof(c->id));

	if (!n || n > have || memcmp(c->id, word, n))
		return false;
	/* the begin of a name is another container's name */
	return n == have || (n >= WORD_MIN && have == ID_DIGITS &&
			     strspn(c->id, "0123456789abcdef") == have);
}
