#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""doctor: what it says holds here, and captures agree with it."""
import ctypes
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time

from harness import ECAPTURE, ENV, KERNEL, ROOT, SLOW, Capture, main, wait_for

sys.path.insert(0, os.path.join(ROOT, "tests", "replay"))
from schema import Schema  # noqa: E402

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
# below 5.11 BPF memory counts as locked
UNLIMITED = ["sh", "-c", 'ulimit -l unlimited 2>/dev/null; exec "$@"', "sh"]
MULTI = KERNEL >= (6, 6)
libc = ctypes.CDLL(None, use_errno=True)
BPF_CALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]


class Doctor:
    def __init__(self, *args, by=(), binary=ECAPTURE, preexec=None):
        p = subprocess.run([*by, binary, "doctor", *args], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, env=ENV, preexec_fn=preexec,
                           timeout=60 * SLOW, check=False)
        self.rc, self.out, self.err = p.returncode, p.stdout, p.stderr

    def json(self):
        """Valid by the schema, one line, and at one with the exit status."""
        assert self.out.count("\n") == 1, self.out
        o = json.loads(self.out)
        with open(os.path.join(ROOT, "docs/schema/doctor.schema.json"),
                  encoding="utf-8") as f:
            root = json.load(f)
        Schema(root).check(root, o)
        assert self.rc == (0 if o["can_capture"] else 3), (self.rc, o)
        assert not self.err, self.err
        self.checks = {c["name"]: c for c in o["checks"]}
        assert len(self.checks) == len(o["checks"]), "names are used once"
        for c in o["checks"]:
            if c["state"] in ("warn", "fail"):
                assert c["so"] and c["todo"], c
        return o

    def state(self, name):
        return self.checks[name]["state"]


def doctor(**kw):
    d = Doctor("--format", "json", **kw)
    d.can = d.json()["can_capture"]
    return d


def capture_ready(by=(), binary=ECAPTURE):
    """Does a capture come as far as to be ready under the same conditions?"""
    p = subprocess.run([*by, binary, "tls", "--duration", f"{1 * SLOW}s"], check=False,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True, env=ENV, timeout=60 * SLOW)
    return "ready:" in p.stderr, p.stderr


def agree(**kw):
    d = doctor(**kw)
    ready, log = capture_ready(**kw)
    assert d.can == ready, (d.checks, log)
    return d


def for_anyone(place):
    """The command where a user without rights may start it."""
    path = place / "ecapture"
    if not os.path.exists(path):
        shutil.copy(ECAPTURE, path)
        os.chmod(path, 0o755)
    return path


def in_namespace(script):
    """A prefix that runs a command in a mount namespace of its own after `script`."""
    return ["unshare", "-m", "sh", "-c", script + ' && exec "$@"', "sh"]


def root_can_capture(place):
    d = agree()
    assert d.can
    o = json.loads(d.out)
    assert o["kernel"] == os.uname().release
    for name in ("rights", "bpf", "read-memory", "transport", "probes", "self-test",
                 "programs", "process-events", "offsets", "new-mappings"):
        assert d.state(name) == "ok", d.checks[name]
    btf = os.path.exists("/sys/kernel/btf/vmlinux")
    found = d.checks["offsets"]["finding"]
    # with BTF all fields are found, without it those that the walks need
    assert ("no BTF" in found) != btf and (not btf or re.search(r"\b(\d+) of \1 ", found)), \
        found
    assert ("uprobe_multi: yes" in d.checks["probes"]["finding"]) == MULTI
    assert d.state("pid-namespace") == d.state("user-namespace") == "ok"


def text_for_people(place):
    d = Doctor()
    assert d.rc == 0 and not d.err, d.err
    assert d.out.endswith("\ncapture can work here\n"), d.out
    assert "\033" not in d.out
    names = [c["name"] for c in json.loads(Doctor("--format", "json").out)["checks"]]
    lines = [line for line in d.out.splitlines() if re.match(r"(ok|info|warn|fail)\b", line)]
    assert [line.split()[1] for line in lines] == names
    assert len({re.match(r"\S+ +\S+ +", line).end() for line in lines}) == 1, "aligned"
    d = Doctor("--color", "always")
    assert "\033[32mok" in d.out
    shown = Doctor("--help")
    assert shown.rc == 0
    assert re.findall(r"^  ([a-z][a-z-]+) +\*? +\S", shown.out, re.M) == names


def usage(place):
    for args in (["here"], ["--format", "none"], ["--pid", "1"], ["--", "true"]):
        d = Doctor(*args)
        assert d.rc == 2 and not d.out and d.err.count("\n") == 1, (args, d.err)


def without_rights(place):
    d = agree(by=NOBODY, binary=for_anyone(place))
    assert not d.can and d.state("rights") == d.state("bpf") == "fail"
    missing = d.checks["rights"]["finding"]
    assert missing == ("CAP_BPF and CAP_PERFMON are missing" if KERNEL >= (5, 8) else
                       "CAP_SYS_ADMIN is missing (needed before Linux 5.8)"), missing
    text = Doctor(by=NOBODY, binary=for_anyone(place))
    assert text.rc == 3 and not text.err
    assert "\ncapture cannot work here: rights, bpf\n" in text.out, text.out
    assert missing in text.out and "        do: run as root" in text.out


def single_capabilities(place):
    binary = for_anyone(place)

    def with_caps(*caps):
        names = ",".join("+" + c for c in caps)
        return agree(by=[*UNLIMITED, *NOBODY, f"--inh-caps={names}", f"--ambient-caps={names}"],
                     binary=binary)

    if KERNEL >= (5, 8):
        d = with_caps("bpf")
        assert d.checks["rights"]["finding"] == "CAP_PERFMON is missing", d.checks["rights"]
        d = with_caps("perfmon")
        assert d.checks["rights"]["finding"] == "CAP_BPF is missing", d.checks["rights"]
        d = with_caps("bpf", "perfmon")
        if MULTI:
            assert d.can, d.checks
        assert d.state("other-processes") == "warn"
    d = with_caps("sys_admin")
    assert d.can, d.checks
    d = with_caps("sys_admin", "sys_ptrace", "dac_read_search")
    assert d.can and d.state("other-processes") == "ok"


def in_a_user_namespace(place):
    d = agree(by=["unshare", "--user", "--map-root-user"])
    assert not d.can and d.state("bpf") == "fail"
    assert d.state("user-namespace") == "warn"
    assert "user-namespace" in d.checks["bpf"]["todo"]


def in_a_pid_namespace(place):
    d = doctor(by=["unshare", "-p", "-f", "--mount-proc"])
    assert d.can and d.state("pid-namespace") == "warn"
    assert d.checks["processes"]["finding"].startswith("1 seen"), d.checks["processes"]


def sys_is_hidden(place):
    d = agree(by=in_namespace("mount -t tmpfs none /sys"))
    assert d.can == MULTI
    assert d.state("probes") == ("ok" if MULTI else "fail")
    assert "no BTF" in d.checks["offsets"]["finding"]
    assert "calibration: " in d.checks["offsets"]["finding"]
    assert d.state("offsets") == ("ok" if MULTI else "warn"), d.checks["offsets"]


def proc_is_hidden(place):
    d = agree(by=in_namespace("mount -t tmpfs none /proc"))
    assert not d.can and d.state("self-test") == "fail"
    assert d.checks["self-test"]["todo"] == "mount proc on /proc"
    assert d.state("processes") == d.state("pid-namespace") == "warn"


def processes_are_hidden(place):
    hidden = "mount -t proc -o hidepid=2 proc /proc"
    d = doctor(by=[*in_namespace(hidden), *NOBODY], binary=for_anyone(place))
    assert d.state("processes") == "warn"
    assert re.search("hidepid=(2|invisible)", d.checks["processes"]["finding"])
    d = doctor(by=in_namespace(hidden))
    assert int(d.checks["processes"]["finding"].split()[0]) > 5, d.checks["processes"]


def filtered(number):
    """This process under a seccomp filter that refuses one system call."""
    insns = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001),
             (0x06, 0, 0, 0x7fff0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in insns))
    prog = ctypes.create_string_buffer(struct.pack("HP", len(insns),
                                                   ctypes.addressof(code)))
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, prog, 0, 0) == 0  # PR_SET_SECCOMP


def under_a_filter(place):
    d = doctor(preexec=lambda: filtered(BPF_CALL))
    assert not d.can and d.state("bpf") == "fail" and d.state("rights") == "ok"
    assert d.state("sandbox") == "warn" and "sandbox" in d.checks["bpf"]["todo"]
    d = doctor(preexec=lambda: filtered(9999))  # one that nobody needs
    assert d.can and d.state("sandbox") == "ok"
    assert "under a seccomp filter" in d.checks["sandbox"]["finding"]


def others_are_seen(place):
    d = doctor(by=["unshare", "-p", "-f", "--mount-proc"], preexec=lambda: filtered(9999))
    said = d.checks["processes"]["finding"]
    assert said.startswith("1 seen, 1 of them under a seccomp filter"), said
    t = subprocess.Popen(["sleep", "60"], preexec_fn=lambda: libc.ptrace(0, 0, 0, 0))
    try:
        wait_for("stopped", lambda: open(f"/proc/{t.pid}/stat").read().split()[2] in "tT")
        d = doctor()
        me = open("/proc/self/comm").read().strip()
        said = d.checks["tracers"]["finding"]
        assert f"{t.pid} by {me} ({os.getpid()})" in said, said
        with Capture() as cap:
            said = doctor().checks["tracers"]["finding"]
            assert f"ecapture ({cap.p.pid})" in said and "ec_ssl" in said, said
            assert not re.search(r"\b0 links", said) or KERNEL < (5, 15), said
            cap.stop()
    finally:
        t.kill()
        t.wait()


def nothing_is_left(place):
    """No program, no child, no file: a hundred runs would leave a hundred."""
    d = doctor()
    assert d.can
    for _ in range(100):
        left = [p for p in os.listdir("/proc") if p.isdigit() and
                os.path.exists(f"/proc/{p}/exe") and
                os.path.realpath(f"/proc/{p}/exe") == ECAPTURE and
                "doctor" in open(f"/proc/{p}/cmdline").read()]
        if not left:
            return
        time.sleep(0.05)
    raise AssertionError(f"still there: {left}")


if __name__ == "__main__":
    main([root_can_capture, text_for_people, usage, without_rights, single_capabilities,
          in_a_user_namespace, in_a_pid_namespace, sys_is_hidden, proc_is_hidden,
          processes_are_hidden, under_a_filter, others_are_seen, nothing_is_left])
