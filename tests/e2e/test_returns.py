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
    main([filter_kills, strict_pair, strict_calls_in_each_shape, way_is_told])
