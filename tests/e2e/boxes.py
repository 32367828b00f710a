# SPDX-License-Identifier: GPL-2.0-only
"""Containers without a runtime: namespaces, roots and cgroups as the runtimes make them."""
import contextlib
import dataclasses
import itertools
import os
import re
import secrets
import shutil
import subprocess
import time

from harness import ENV, PYTHON, SLOW, Running, Skip, wait_for
from test_calls import SSLPAIR, Report, Stream

# A user whom nobody else is: a capture with --uid does not see what others do here.
UID = str(3_000_000_000 + os.getpid() % 1_000_000)
numbers = itertools.count(1)


def hex_id():
    return secrets.token_hex(32)


def mounted(kind, option=""):
    for line in open("/proc/self/mounts", encoding="utf-8"):
        _, point, fs, options, *_ = line.split()
        if fs == kind and (not option or option in options.split(",")):
            return point
    return None


def cgroup_v2():
    return mounted("cgroup2")


def cgroup_v1():
    return mounted("cgroup", "name=systemd") or mounted("cgroup")


class Cgroup:
    """A cgroup of v2 or v1 by its path; what of it was not there before is removed again."""

    def __init__(self, root, path):
        self.folder, self.path, self.made = root, "", []
        for part in path.strip("/").split("/"):
            self.folder = os.path.join(self.folder, part)
            self.path += "/" + part
            if not os.path.isdir(self.folder):
                os.mkdir(self.folder)
                self.made.append(self.folder)

    def take(self, pid):
        with open(os.path.join(self.folder, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write(str(pid))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for folder in reversed(self.made):
            try:
                wait_for(f"{folder} is empty", lambda f=folder: self._remove(f), 5)
            except AssertionError:
                if not exc[0]:
                    raise

    @staticmethod
    def _remove(folder):
        try:
            os.rmdir(folder)
        except OSError:
            return not os.path.isdir(folder)
        return True


def any_cgroup(path):
    """Of v2 where it is; else of v1."""
    root = cgroup_v2() or cgroup_v1()
    if not root:
        raise Skip("no cgroups are mounted")
    return Cgroup(root, path)


def libraries(program):
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", out)


def make_root(folder, program=SSLPAIR):
    """The least that the program needs, as the layer of an image."""
    for path in libraries(program):
        to = folder + path
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(os.path.realpath(path), to)
    shutil.copy(program, folder + "/sslpair")
    return folder


OVERLAY = "mount -t overlay overlay -o lowerdir=$LOWER,upperdir=$TOP/u,workdir=$TOP/w $ROOT"
# A copy of its own, where overlays may not be mounted.
COPY = "cp -r $LOWER/. $ROOT; mount --bind $ROOT $ROOT"
# In its own mount namespace; the layer above lies in memory, whatever is below.
ENTER = """
mount -t tmpfs -o mode=755 none $TOP
mkdir -p $TOP/u $TOP/w $ROOT
{mount}
ip link set lo up
exec {python} -c "$PIVOT" $ROOT {uid} "$@"
"""
# As runtimes do it: the old root is gone from there.
PIVOT = """
import ctypes, os, sys
root, uid = sys.argv[1], int(sys.argv[2])
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(root)
if libc.pivot_root(b".", b".") or libc.umount2(b".", 2):
    sys.exit("pivot_root: " + os.strerror(ctypes.get_errno()))
os.chdir("/")
os.setgid(uid)
os.setuid(uid)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclasses.dataclass
class Kind:
    """What a box is made of."""

    mount: str = OVERLAY
    flags: tuple = ("--mount", "--pid", "--net")
    before: tuple = ()  # what runs all the rest
    uid: str = UID  # in the box



def busy():
    """Are others using this machine so much that times say nothing?"""
    return os.getloadavg()[0] > 2 * os.cpu_count()


def linger():
    """A program that ends at once may be gone before it is looked at."""
    time.sleep((0.15 + 0.05 * os.getloadavg()[0] / os.cpu_count()) * SLOW)


def talk_as(uid, *commands, before=()):
    """sslpair, or copies of it, that live a little longer than they talk: what each says."""
    with contextlib.ExitStack() as all_of:
        programs = [all_of.enter_context(subprocess.Popen(
            [*before, "setpriv", "--reuid", str(uid), program, "-l", *args], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV))
            for program, *args in commands]
        lines = [[p.stdout.readline() for _ in range(4)] for p in programs]
        linger()
        errors = [p.communicate(timeout=60 * SLOW)[1] for p in programs]
    said = [Report("".join(each)) for each in lines]
    assert all(len(r.streams) == 4 for r in said), (lines, errors)
    return said


class Box(Running):
    """sslpair in namespaces of its own; it has a connection and waits to be told to talk.
    It lives a little longer than it talks, so that it can be looked at."""

    def __init__(self, place, lower, cgroups=(), kind=None, size=30000, program="/sslpair"):
        kind = kind or Kind()
        self.top = place / f"box-{next(numbers)}"
        os.mkdir(self.top)
        env = {**ENV, "TOP": self.top, "LOWER": lower, "ROOT": self.top + "/root",
               "PIVOT": PIVOT}
        script = ENTER.format(mount=kind.mount, uid=kind.uid, python=PYTHON)
        argv = [*kind.before, "unshare", *kind.flags, "--fork", "--kill-child", "sh", "-ec", script, "sh",
                program, "-ln", "hold", "1", str(size)]

        def enter():
            for c in cgroups:
                c.take(0)
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, env=env,
                                  preexec_fn=enter)
        self.said = None
        if self.p.stdout.readline() != "READY\n":
            raise AssertionError("no box: " + self.p.communicate(timeout=10)[1])
        self.pids = self._pids(os.path.basename(program)[:15])

    def _pids(self, name):
        """Process ids by those that the two ends have in the box."""
        out, todo = {}, [self.p.pid]
        while todo:
            pid = todo.pop()
            try:
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                    todo += map(int, f.read().split())
            except OSError:
                continue
            status = open(f"/proc/{pid}/status", encoding="utf-8").read()
            if re.match(r"Name:\t(.*)\n", status)[1] == name:
                out[int(re.search(r"^NSpid:\t(.*)$", status, re.M)[1].split()[-1])] = pid
        assert len(out) == 2, out
        return out

    def talk(self):
        talk(self)
        return self

    def heard(self, lines):
        """Who said what, by the process ids outside."""
        self.said = Report(lines)
        assert len(self.said.streams) == 4, lines
        self.said.streams = [Stream(self.pids[s.pid], *s[1:]) for s in self.said.streams]
        self.said.ends = {(self.pids[k[0]], *k[1:]): v for k, v in self.said.ends.items()}
        self.said.pids = set(self.pids.values())

    def compare(self, items, *names):
        """All of it, once; with the container's id and runtime, or None, named rightly."""
        self.said.compare(items)
        inner = {outer: pid for pid, outer in self.pids.items()}
        for i in items:
            if not names or i["pid"] not in inner:
                continue
            want = dict(zip(("id", "runtime"), names)) if names[0] else None
            got = i.get("container"), i.get("ns_pid", i["pid"])
            if got == (None, i["pid"]) and busy():
                continue  # shown without, as it says in docs, when it takes too long
            assert got == (want, inner[i["pid"]]), (i["pid"], got, want)

    def __exit__(self, *exc):
        super().__exit__(*exc)
        for f in (self.p.stdin, self.p.stdout, self.p.stderr):
            f.close()


def talk(*boxes):
    """All at once, to the end."""
    for b in boxes:
        b.p.stdin.write("\n")
        b.p.stdin.flush()
    for b in boxes:
        b.heard("".join(b.p.stdout.readline() for _ in range(4)))
    linger()
    for b in boxes:
        err = b.p.communicate(timeout=60 * SLOW)[1]
        assert b.p.returncode == 0, err


def one_line(cap, *words):
    """Of a capture that did not come up: its one message."""
    log = cap.log().splitlines()
    assert len(log) == 1 and all(w in log[0] for w in words), log
