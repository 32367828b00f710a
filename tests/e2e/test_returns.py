#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Returns of calls by return probes and by probes on instructions: programs live on under
strict seccomp filters, and are captured whole."""
import glob
import os
import re
import shlex
import signal
import subprocess

from harness import HELPERS, KERNEL, OLD_SHAPES, Capture, main, nothing_lost, sums
from test_calls import SSLPAIR, Report

STRICT = os.path.join(HELPERS, "strict")
CASES = [["ex"], ["-2", "ex"], ["bio"], ["early"], ["nested", 5, 40000], ["zero"],
         ["threads", 8, 500], ["retry", 5, 200000]]
# Where return probes themselves may kill such a program; what we choose there must not.
HAZARD = (6, 11) <= KERNEL < (6, 15) and os.uname().machine == "x86_64"
MODES = [m for m in ("auto", "probe", "insn") if not (HAZARD and m == "probe")]
SHAPES = [[], *(["--shape", s] for s in OLD_SHAPES)]


def filter_kills(place):
    """Else the other cases say nothing."""
    assert subprocess.run([STRICT]).returncode == -signal.SIGSYS
    assert subprocess.run([STRICT, "true"]).returncode == 0


def strict_pair(place):
    """Two processes under the filter, in the ways of calling the library."""
    script = "; ".join(shlex.join([STRICT, SSLPAIR, *map(str, c)]) for c in CASES)
    for mode in MODES:
        with Capture("--format", "json", "--returns", mode,
                     command=["sh", "-ec", script]) as cap:
            assert cap.wait(60) == 0, (mode, cap.log())
            nothing_lost(cap)
            Report(cap.log()).compare(cap.items("data"))


def strict_calls_in_each_shape(place):
    for shape in SHAPES:
        for mode in MODES:
            with Capture("--format", "json", "--returns", mode, *shape,
                         command=[STRICT, *place.calls("calls")]) as cap:
                assert cap.wait() == 0, (shape, mode, cap.log())
                nothing_lost(cap)
                want = sorted(line for line in cap.log().splitlines()
                              if line.startswith(("SENT ", "RECEIVED ")))
                assert want and sums(cap.items("data")) == want, (shape, mode)


# Stands in front of the library as tracing and fault-injecting ones do. Its functions have
# returns of their own, several each, which those of the system's library may not have.
WRAPPER = r"""
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
static int calls;
#define WRAP(name, args, ...)                               \
	int name args                                       \
	{                                                   \
		int (*next) args = dlsym(RTLD_NEXT, #name); \
		if (!next)                                  \
			return -1;                          \
		int r = next(__VA_ARGS__);                  \
		if (__atomic_add_fetch(&calls, 1, 0) & 1)   \
			return r;                           \
		if (getenv("NEVER_SET"))                    \
			abort();                            \
		return r;                                   \
	}
WRAP(SSL_read, (void *s, void *p, int n), s, p, n)
WRAP(SSL_write, (void *s, const void *p, int n), s, p, n)
WRAP(SSL_read_ex, (void *s, void *p, size_t n, size_t *d), s, p, n, d)
WRAP(SSL_write_ex, (void *s, const void *p, size_t n, size_t *d), s, p, n, d)
"""


def wrapper_in_each_shape(place):
    """Probes on return instructions themselves."""
    lib = place / "libwrap.so"
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", lib,
                    "-Wl,--no-as-needed", "-lcrypto"], input=WRAPPER, text=True, check=True)
    script = "; ".join(shlex.join([SSLPAIR, *map(str, c)])
                       for c in (["ex"], ["big", 1, 100000], ["threads", 4, 500]))
    for shape in SHAPES:
        for mode in MODES:
            with Capture("--format", "json", "--returns", mode, *shape, "--libssl", lib,
                         command=["env", "LD_PRELOAD=" + lib, "sh", "-ec", script]) as cap:
                assert cap.wait(60) == 0, (shape, mode, cap.log())
                nothing_lost(cap)
                Report(cap.log()).compare(cap.items("data"))


def way_is_told(place):
    """The number of probes differs; what is shown of a target is what is probed."""
    libssl, probes = glob.glob("/usr/lib/*/libssl.so.3")[0], {}
    for mode in ("probe", "insn"):
        with Capture("--format", "json", "--returns", mode, "--libssl", libssl) as cap:
            assert cap.stop() == 0
            n = int(re.search(r"(\d+) probes", cap.ready.decode())[1])
            shown = sum(t["points"] for t in cap.items("target") if t["state"] == "probed")
            assert n == shown, (n, shown)
            probes[mode] = n
    assert probes["insn"] != probes["probe"], probes


if __name__ == "__main__":
    main([filter_kills, strict_pair, strict_calls_in_each_shape, wrapper_in_each_shape,
          way_is_told])
