// SPDX-License-Identifier: GPL-2.0-only
#include "host/calibrate.h"
#include "base/util.h"
#include "host/koffs.h"
#include "host/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#define PAIRS	    5 /* two of IPv4, IPv4 over IPv6 sockets, IPv6, AF_UNIX */
#define SOCKS	    (2 * PAIRS)
#define V4_SOCKS    4
#define OTHERS	    2 /* descriptors that are no sockets */
#define TASK_BYTES  16384
#define FILES_PART  256
#define SOCKET_PART 64
#define FILE_PART   512
#define INODE_PART  1024 /* all of it: its layout may be randomised */
#define SK_HEAD	    128	 /* struct sock_common begins struct sock and is no longer */
#define SK_PART	    1536 /* struct inet_connection_sock, at least, of all of ours */
#define DUP_AT	    40	 /* within a table of 64, which is the smallest */
#define PAGE	    4096 /* the smallest that kernels have */
#define READS_MAX   4000
#define WAIT_MS	    500 /* for a connection to ourselves, where packets are dropped */

/* A socket of ours, as the system calls tell it. */
struct known {
	int fd;
	uint16_t family, lport, rport; /* lport host order, rport network order */
	uint8_t laddr[16], raddr[16];
	uint64_t file, sk_at;
	uint8_t sk[SK_HEAD];
};

struct search {
	struct ec_calibration *c;
	struct ec_koffs k;
	struct known s[SOCKS];
	size_t n;      /* of s: fewer without IPv6 */
	size_t n_inet; /* of these come before the ones of AF_UNIX */
	int other[OTHERS];
	uint64_t other_file[OTHERS];
	int dup;
	uint64_t array; /* struct file *[] */
	uint8_t inode[SOCKS + OTHERS][INODE_PART];
	uint8_t task[TASK_BYTES];
	size_t task_n;
};

static uint64_t kernel_floor = 0xff00000000000000ull;

static int peek(struct search *s, uint64_t addr, void *dst, size_t n)
{
	if (++s->c->reads > READS_MAX)
		return -ELOOP;
	return s->c->peek(s->c->ctx, &addr, dst, n);
}

/*
 * May this be the address of a kernel object? All of them are 8-byte aligned. x86 below
 * 5.8 warns of addresses that no page table can hold (5-level tables: 0xff00…).
 */
static bool is_kernel(uint64_t p)
{
	return p >= kernel_floor && p < 0xfffffffffffff000ull && !(p & 7);
}

static uint64_t word(const uint8_t *p, size_t off)
{
	uint64_t v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

static int known_set(struct known *k, int fd)
{
	struct ec_addrs a;
	int err = ec_sockaddr_get(fd, &a);

	if (err)
		return err;
	k->fd = fd;
	k->family = a.family;
	k->lport = a.lport;
	k->rport = htons(a.rport);
	memcpy(k->laddr, a.laddr, sizeof(k->laddr));
	memcpy(k->raddr, a.raddr, sizeof(k->raddr));
	return 0;
}

/* One that waits for nobody for long and, of IPv6, takes IPv4 too. */
static int socket_new(sa_family_t family)
{
	const struct timeval wait = {.tv_usec = WAIT_MS * 1000};
	const int off = 0;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return fd;
}

/* What connect(2) and accept(2) say when WAIT_MS are over is not what is meant. */
static int connect_error(void)
{
	return errno == EINPROGRESS || errno == EAGAIN ? -ETIMEDOUT : -errno;
}

/* Both ends of a connection, in fds that are the caller's. 0 or -errno */
static int connect_pair(const struct sockaddr *listen_at, const struct sockaddr *from,
			socklen_t len, int *a, int *b)
{
	_ec_close_ int l = socket_new(listen_at->sa_family);
	_ec_close_ int c = socket_new(listen_at->sa_family);
	struct sockaddr_storage at;
	socklen_t n = sizeof(at);
	int s;

	if (l < 0 || c < 0 || bind(l, listen_at, len) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&at, &n) || (from && bind(c, from, len)) ||
	    connect(c, (struct sockaddr *)&at, n))
		return connect_error();
	s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (s < 0)
		return connect_error();
	*a = EC_TAKE_FD(c);
	*b = s;
	return 0;
}

static int pair_add(struct search *s, const void *listen_at, const void *from,
		    socklen_t len)
{
	_ec_close_ int a = -1;
	_ec_close_ int b = -1;
	int err = connect_pair(listen_at, from, len, &a, &b);

	if (!err)
		err = known_set(&s->s[s->n], a);
	if (!err)
		err = known_set(&s->s[s->n + 1], b);
	if (err)
		return err;
	s->n += 2;
	EC_TAKE_FD(a);
	EC_TAKE_FD(b);
	return 0;
}

/*
 * IPv4 over IPv6 sockets, whose two addresses differ where ::1 is on both sides; they
 * work where IPv6 itself is turned off (disable_ipv6). Without them no ::1 either, which
 * alone would not tell which address is which.
 */
static void sockets6_open(struct search *s)
{
	struct sockaddr_in6 l6 = {.sin6_family = AF_INET6};
	struct sockaddr_in6 c6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET6, "::ffff:127.98.76.54", &l6.sin6_addr) != 1 ||
	    inet_pton(AF_INET6, "::ffff:127.65.43.21", &c6.sin6_addr) != 1 ||
	    pair_add(s, &l6, &c6, sizeof(l6)))
		return;
	l6.sin6_addr = in6addr_loopback;
	pair_add(s, &l6, NULL, sizeof(l6));
}

/* Addresses that are no usual ones, so that nothing equals them by chance. */
static int sockets_open(struct search *s)
{
	struct sockaddr_in l4 = {.sin_family = AF_INET};
	struct sockaddr_in c4 = {.sin_family = AF_INET};
	int err = 0, p[2];

	for (int i = 0; !err && i < V4_SOCKS / 2; i++) {
		l4.sin_addr.s_addr = htonl(0x7f112233 + i * 0x010101);
		c4.sin_addr.s_addr = htonl(0x7f445566 + i * 0x010101);
		err = pair_add(s, &l4, &c4, sizeof(l4));
	}
	if (err)
		return err;
	sockets6_open(s);
	s->n_inet = s->n;
	/* a second family where there is no IPv6 */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p))
		return -errno;
	for (int i = 0; i < 2; i++) {
		s->s[s->n].fd = p[i];
		s->s[s->n++].family = AF_UNIX;
	}
	return 0;
}

static int others_open(struct search *s)
{
	int p[2];

	s->other[0] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (s->other[0] < 0 || pipe2(p, O_CLOEXEC))
		return -errno;
	close(p[1]);
	s->other[1] = p[0];
	s->dup = fcntl(s->s[0].fd, F_DUPFD_CLOEXEC, DUP_AT);
	if (s->dup < 0) /* few descriptors are allowed: any number will do */
		s->dup = fcntl(s->s[0].fd, F_DUPFD_CLOEXEC, 0);
	return s->dup < 0 ? -errno : 0;
}

/* Is it our table of descriptors: the same file twice, others elsewhere? */
static bool array_is_ours(struct search *s, uint64_t array, uint32_t max)
{
	uint64_t f[4] = {0};
	const int fds[4] = {s->s[0].fd, s->dup, s->s[1].fd, s->s[2].fd};

	for (int i = 0; i < 4; i++)
		if ((uint32_t)fds[i] >= max ||
		    peek(s, array + 8ull * fds[i], &f[i], sizeof(f[i])) ||
		    !is_kernel(f[i]))
			return false;
	return f[0] == f[1] && f[0] != f[2] && f[0] != f[3] && f[2] != f[3];
}

/*
 * struct fdtable { unsigned int max_fds; struct file **fd; … }: include/linux/fdtable.h,
 * the same since 2.6.
 */
static bool fdt_is_ours(struct search *s, uint64_t fdt)
{
	uint8_t t[16];
	uint32_t max;
	uint64_t array;

	if (peek(s, fdt, t, sizeof(t)))
		return false;
	memcpy(&max, t, sizeof(max));
	array = word(t, 8);
	/* a power of two since tables grow by doubling, at least BITS_PER_LONG */
	if (max < 64 || max > 1u << 30 || max & (max - 1) || !is_kernel(array) ||
	    !array_is_ours(s, array, max))
		return false;
	s->array = array;
	return true;
}

static int find_table(struct search *s)
{
	for (size_t i = 0; i + 8 <= s->task_n; i += 8) {
		uint64_t files = word(s->task, i);
		uint8_t f[FILES_PART];

		if (!is_kernel(files) || peek(s, files, f, sizeof(f)))
			continue;
		for (size_t j = 0; j + 8 <= FILES_PART / 2; j += 8) {
			uint64_t fdt = word(f, j);

			if (!is_kernel(fdt) || !fdt_is_ours(s, fdt))
				continue;
			s->k.task_files = i;
			s->k.files_fdt = j;
			s->k.fdt_max = 0;
			s->k.fdt_fd = 8;
			return 0;
		}
	}
	return -ENOENT;
}

static int files_read(struct search *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (peek(s, s->array + 8ull * s->s[i].fd, &s->s[i].file, 8) ||
		    !is_kernel(s->s[i].file))
			return -EFAULT;
	for (size_t i = 0; i < OTHERS; i++)
		if (peek(s, s->array + 8ull * s->other[i], &s->other_file[i], 8) ||
		    !is_kernel(s->other_file[i]))
			return -EFAULT;
	return 0;
}

/* The struct sock of every socket, by way of these two offsets. */
static bool socks_read(struct search *s, size_t file_off, size_t socket_off)
{
	for (size_t i = 0; i < s->n; i++) {
		struct known *k = &s->s[i];
		uint64_t p;

		if (peek(s, k->file + file_off, &p, sizeof(p)) || !is_kernel(p) ||
		    peek(s, p + socket_off, &p, sizeof(p)) || !is_kernel(p) ||
		    peek(s, p, k->sk, sizeof(k->sk)))
			return false;
		k->sk_at = p;
	}
	return true;
}

/*
 * Where all sockets from `first` to `last` hold the bytes that `value` lies at in struct
 * known: the lowest offset below SK_HEAD, EC_KOFF_NONE if there is none.
 */
static uint16_t field_find(const struct search *s, size_t first, size_t last,
			   size_t value, size_t width, size_t step)
{
	if (first >= last)
		return EC_KOFF_NONE;
	for (size_t off = 0; off + width <= SK_HEAD; off += step) {
		size_t i = first;

		while (i < last && !memcmp(s->s[i].sk + off,
					   (const uint8_t *)&s->s[i] + value, width))
			i++;
		if (i == last)
			return off;
	}
	return EC_KOFF_NONE;
}

#define AT(m) offsetof(struct known, m)

static bool fields_find(struct search *s)
{
	struct ec_koffs *k = &s->k;

	k->sk_family = field_find(s, 0, s->n, AT(family), 2, 2);
	k->sk_lport = field_find(s, 0, s->n_inet, AT(lport), 2, 2);
	k->sk_rport = field_find(s, 0, s->n_inet, AT(rport), 2, 2);
	k->sk_laddr = field_find(s, 0, V4_SOCKS, AT(laddr), 4, 4);
	k->sk_raddr = field_find(s, 0, V4_SOCKS, AT(raddr), 4, 4);
	k->sk_laddr6 = field_find(s, V4_SOCKS, s->n_inet, AT(laddr), 16, 4);
	k->sk_raddr6 = field_find(s, V4_SOCKS, s->n_inet, AT(raddr), 16, 4);
	return k->sk_family != EC_KOFF_NONE && k->sk_lport != EC_KOFF_NONE &&
	       k->sk_rport != EC_KOFF_NONE && k->sk_laddr != EC_KOFF_NONE &&
	       k->sk_raddr != EC_KOFF_NONE;
}

static int find_sock(struct search *s)
{
	uint8_t f[FILE_PART];

	if (peek(s, s->s[0].file, f, sizeof(f)))
		return -EFAULT;
	for (size_t i = 0; i + 8 <= sizeof(f); i += 8) {
		uint64_t p = word(f, i);
		uint8_t so[SOCKET_PART];

		if (!is_kernel(p) || peek(s, p, so, sizeof(so)))
			continue;
		for (size_t j = 0; j + 8 <= sizeof(so); j += 8) {
			if (!is_kernel(word(so, j)) || !socks_read(s, i, j) ||
			    !fields_find(s))
				continue;
			s->k.file_private = i;
			s->k.socket_sk = j;
			return 0;
		}
	}
	return -ENOENT;
}

/* inet_sport, which is behind all of struct sock: where it is only few want to know. */
static void find_sport(struct search *s)
{
	uint16_t sk[SK_PART / 2];
	bool other[SK_PART / 2] = {false};

	for (size_t i = 0; i < s->n_inet; i++) {
		if (peek(s, s->s[i].sk_at, sk, sizeof(sk)))
			return;
		for (size_t k = 0; k < EC_ARRAY_SIZE(sk); k++)
			other[k] |= sk[k] != htons(s->s[i].lport);
	}
	for (size_t k = SK_HEAD / 2; k < EC_ARRAY_SIZE(sk); k++)
		if (!other[k]) {
			s->k.sk_sport = 2 * k;
			return;
		}
}

/* What lies behind this offset of every file of ours: its struct inode? */
static bool inodes_read(struct search *s, size_t file_off)
{
	for (size_t i = 0; i < s->n + OTHERS; i++) {
		uint64_t file = i < s->n ? s->s[i].file : s->other_file[i - s->n];
		uint64_t p;

		if (peek(s, file + file_off, &p, sizeof(p)) || !is_kernel(p) ||
		    peek(s, p, s->inode[i], INODE_PART))
			return false;
	}
	return true;
}

/* Where all of them hold the mode that fstat(2) tells. */
static uint16_t mode_find(const struct search *s, const uint16_t *modes)
{
	for (size_t off = 0; off + sizeof(*modes) <= INODE_PART; off += sizeof(*modes)) {
		size_t i = 0;

		while (i < s->n + OTHERS &&
		       !memcmp(s->inode[i] + off, &modes[i], sizeof(*modes)))
			i++;
		if (i == s->n + OTHERS)
			return off;
	}
	return EC_KOFF_NONE;
}

static int find_mode(struct search *s)
{
	uint16_t modes[SOCKS + OTHERS];
	uint8_t f[FILE_PART];

	for (size_t i = 0; i < s->n + OTHERS; i++) {
		struct stat st;

		if (fstat(i < s->n ? s->s[i].fd : s->other[i - s->n], &st))
			return -errno;
		modes[i] = st.st_mode;
	}
	if (peek(s, s->s[0].file, f, sizeof(f)))
		return -EFAULT;
	for (size_t i = 0; i + 8 <= sizeof(f); i += 8) {
		uint16_t off;

		if (!is_kernel(word(f, i)) || !inodes_read(s, i))
			continue;
		off = mode_find(s, modes);
		if (off == EC_KOFF_NONE)
			continue;
		s->k.file_inode = i;
		s->k.inode_mode = off;
		return 0;
	}
	return -ENOENT;
}

/*
 * pid_t pid; pid_t tgid; side by side (include/linux/sched.h). Where the two are equal,
 * as in a process of one thread, a pair like static_prio and normal_prio may be so too.
 */
static void find_ids(struct search *s)
{
	uint32_t want[2] = {(uint32_t)s->c->id, s->c->id >> 32};
	size_t found = 0, at = 0;

	for (size_t i = 0; i + sizeof(want) <= s->task_n; i += 4)
		if (!memcmp(s->task + i, want, sizeof(want)) && !found++)
			at = i;
	if (!found || (want[0] == want[1] && found > 1))
		return;
	s->k.task_pid = at;
	s->k.task_tgid = at + 4;
}

/* Page by page: what follows the last one of a task_struct may not be readable. */
static int task_read(struct search *s)
{
	uint64_t task = 0;
	int err = s->c->peek(s->c->ctx, &task, s->task, 8);

	s->c->reads++;
#if defined(__x86_64__)
	if (!err && task >= 0xffff800000000000ull)
		kernel_floor = 0xffff800000000000ull;
#endif
	while (!err && s->task_n < TASK_BYTES) {
		uint64_t at = task + s->task_n;
		size_t n = EC_MIN(PAGE - at % PAGE, TASK_BYTES - s->task_n);

		err = peek(s, at, s->task + s->task_n, n);
		if (!err)
			s->task_n += n;
	}
	return s->task_n ? 0 : err;
}

static int search(struct search *s)
{
	int err = sockets_open(s);

	if (!err)
		err = others_open(s);
	if (!err)
		err = task_read(s);
	if (err)
		return err;
	find_ids(s);
	err = find_table(s);
	if (!err)
		err = files_read(s);
	if (!err)
		err = find_sock(s);
	if (!err)
		find_sport(s);
	if (!err)
		err = find_mode(s);
	return err;
}

int ec_koffs_calibrate(struct ec_koffs *k, struct ec_calibration *c)
{
	_ec_free_ struct search *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->c = c;
	c->reads = 0;
	s->dup = -1;
	for (size_t i = 0; i < OTHERS; i++)
		s->other[i] = -1;
	ec_koffs_clear(&s->k);
	err = search(s);
	for (size_t i = 0; i < s->n; i++)
		close(s->s[i].fd);
	for (size_t i = 0; i < OTHERS; i++)
		if (s->other[i] >= 0)
			close(s->other[i]);
	if (s->dup >= 0)
		close(s->dup);
	if (!err)
		*k = s->k;
	return err;
}
