// SPDX-License-Identifier: GPL-2.0-only
#include "host/tracee.h"
#include "base/util.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define AUXV_MAX 64 /* pairs; the kernel has some 20 */

#if defined(__x86_64__)
static const uint8_t trap[] = {0xcc}; /* int3: the address behind it is reported */
#define PC(regs)    ((regs).rip)
#define TRAP_BEHIND 1
#elif defined(__aarch64__)
static const uint8_t trap[] = {0x00, 0x00, 0x20, 0xd4}; /* brk #0 */
#define PC(regs)    ((regs).pc)
#define TRAP_BEHIND 0
#endif

int ec_tracee_entry(pid_t pid, uint64_t *addr)
{
	Elf64_auxv_t v[AUXV_MAX];
	uint64_t entry = 0, loader = 0;
	_ec_close_ int fd = -1;
	char path[48];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, v, sizeof(v));
	if (n < 0)
		return -errno;
	for (size_t i = 0; i < n / sizeof(v[0]) && v[i].a_type != AT_NULL; i++) {
		if (v[i].a_type == AT_ENTRY)
			entry = v[i].a_un.a_val;
		else if (v[i].a_type == AT_BASE)
			loader = v[i].a_un.a_val;
	}
	if (!entry)
		return -ENOEXEC;
	if (!loader)
		return -ENOENT;
	*addr = entry;
	return 0;
}

/* Exchanges the bytes at `addr` for `now`; the word around them is as it is at this time:
 * somebody's uprobe may stand there by now. */
static int exchange(pid_t pid, uint64_t addr, const void *now, uint64_t *was)
{
	uint64_t at = addr & ~(uint64_t)7, word;
	size_t off = addr - at;

	if (off + sizeof(trap) > sizeof(word))
		return -EINVAL;
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, (void *)at, NULL);
	if (errno)
		return -errno;
	memcpy(was, (char *)&word + off, sizeof(trap));
	memcpy((char *)&word + off, now, sizeof(trap));
	return ptrace(PTRACE_POKETEXT, pid, (void *)at, (void *)word) ? -errno : 0;
}

int ec_tracee_brk_set(pid_t pid, uint64_t addr, struct ec_brk *b)
{
	struct ec_brk new = {.addr = addr, .set = true};
	int err = exchange(pid, addr, trap, &new.was);

	if (!err)
		*b = new;
	return err;
}

int ec_tracee_brk_clear(pid_t pid, struct ec_brk *b)
{
	uint64_t ours = 0;

	if (!b->set)
		return 0;
	b->set = false;
	return exchange(pid, b->addr, &b->was, &ours);
}

bool ec_tracee_brk_hit(pid_t pid, const struct ec_brk *b)
{
	struct user_regs_struct regs;
	struct iovec v = {&regs, sizeof(regs)};

	if (!b->set || ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &v) ||
	    PC(regs) != b->addr + TRAP_BEHIND)
		return false;
	PC(regs) = b->addr;
	v.iov_len = sizeof(regs);
	return !ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &v);
}
