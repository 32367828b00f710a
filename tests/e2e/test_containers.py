#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Containers and the filters by what a process is. They are made here, of namespaces,
overlays and cgroups named as the runtimes name them: no runtime is needed."""
import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import sys
import time

from boxes import (COPY, UID, Box, Cgroup, Kind, any_cgroup, cgroup_v1, cgroup_v2, hex_id,
                   make_root, one_line, talk, talk_as)
from harness import ENV, SLOW, Capture, Skip, final, main, nothing_lost, payload, wait_for
from test_calls import SSLPAIR

POD = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podec_test.slice/"
# Path, {} being 64 digits; runtime; id, where it is not the digits.
NAMES = [
    ("docker/{}", "docker", None),
    ("system.slice/docker-{}.scope", "docker", None),
    (POD + "cri-containerd-{}.scope", "containerd", None),
    (POD + "crio-{}.scope", "cri-o", None),
    ("machine.slice/libpod-{}.scope/container", "podman", None),
    ("machine.slice/systemd-nspawn@ec-test.service/payload", "systemd-nspawn", "ec-test"),
]


def image(place, name="image"):
    folder = place / name
    return folder if os.path.isdir(folder) else make_root(folder)


def capture(*args):
    return Capture("--format", "json", "--uid", UID, *args)


def done(cap):
    assert cap.stop() == 0, cap.log()
    nothing_lost(cap)
    return cap.items("data")


def only(data, *boxes):
    """What was captured is what these said, and nobody else is there."""
    for b in boxes:
        b.compare(data)
    others = {i["pid"] for i in data} - set().union(*(b.said.pids for b in boxes))
    assert not others, f"somebody else is shown: {others}"


def container_is_named(place):
    """Each runtime's names, in v2 and v1; the bytes whole and once, the pid of both sides."""
    hierarchies = [r for r in (cgroup_v2(), cgroup_v1()) if r]
    if not hierarchies:
        raise Skip("no cgroups are mounted")
    for root in hierarchies:
        with contextlib.ExitStack() as all_of, capture("-o", "text:" + (place / "c.txt")) as cap:
            boxes = []
            for name, runtime, own in NAMES:
                digits = hex_id()
                g = all_of.enter_context(Cgroup(root, name.format(digits)))
                box = all_of.enter_context(Box(place, image(place), [g]))
                boxes.append((box, own or digits, runtime))
            talk(*(b[0] for b in boxes))
            data = done(cap)
            for box, name, runtime in boxes:
                box.compare(data, name, runtime)
            heads = open(place / "c.txt", errors="replace").read()
            for box, name, runtime in boxes:
                for inner, outer in box.pids.items():
                    assert f" PID:{outer}," in heads
                    assert f"Container:{name[:12]} ({runtime}, PID {inner})" in heads, runtime
        os.unlink(place / "c.txt")


def overlays_share_a_library(place):
    """One lower layer below several containers is one inode: what is probed twice is
    noticed, and each byte is there once; a copy of it is another file."""
    make_root(place / "equal")
    with contextlib.ExitStack() as all_of:
        def box(lower="image", **kw):
            ident = hex_id()
            g = all_of.enter_context(any_cgroup("docker/" + ident))
            b = all_of.enter_context(Box(place, image(place, lower), [g], **kw))
            return b, ident, "docker"
        first = [box(size=100_000), box(size=100_000), box("equal", size=100_000)]
        waits = box()
        cap = all_of.enter_context(capture("-d"))
        talk(*(b[0] for b in first))  # their mounts are gone with their namespaces
        wait_for("noticed", lambda: "the same file as" in cap.log())
        assert os.path.exists("/proc/%d" % next(iter(waits[0].pids.values())))
        time.sleep(3 * SLOW)  # so that what is gone is taken for it
        waits[0].talk()
        before = len(cap.items("target"))
        later = [box(), box("equal")]
        wait_for("both are met", lambda: len(cap.items("target")) >= before + 2)
        talk(*(b[0] for b in later))
        data = done(cap)
        for b in (*first, waits, *later):
            b[0].compare(data, *b[1:])
        assert "equal/" not in [x for x in cap.log().splitlines() if "the same" in x]


def only_one_container(place):
    """By the whole id, 12 characters and 4, running or to come; the others are not shown."""
    ids = [hex_id(), hex_id()]
    for word in (ids[0], ids[0][:12], ids[0][:4]):
        with any_cgroup("docker/" + ids[0]) as g, any_cgroup("docker/" + ids[1]) as h, \
             Box(place, image(place), [g]) as wanted, \
             Box(place, image(place), [h]) as other, Box(place, image(place)) as none, \
             capture("--container", word) as cap:
            assert "waiting for it" not in cap.log()
            talk(wanted, other, none)
            data = done(cap)
            only(data, wanted)
            wanted.compare(data, ids[0], "docker")
            assert final(cap)["bytes"] - final(cap)["filtered"] >= 4 * 30000


def container_to_come(place):
    ident = hex_id()
    with any_cgroup("system.slice") as top, \
         Box(place, image(place)) as none, capture("--container", ident[:12]) as cap:
        wait_for("said so", lambda: f"--container {ident[:12]}" in cap.log() and
                 "waiting for it" in cap.log())
        assert top
        with any_cgroup(f"system.slice/docker-{ident}.scope") as g, \
             Box(place, image(place), [g]) as wanted:
            talk(none, wanted)
            data = done(cap)
            only(data, wanted)
            wanted.compare(data, ident, "docker")


def cgroups_by_any_name(place):
    """--cgroup_path: a folder of v2 and of v1, a path in the hierarchy, with what is below
    it, and with who is moved there."""
    name = f"ec-test-{os.getpid()}"
    for version, root in ((2, cgroup_v2()), (1, cgroup_v1())):
        if not root:
            continue
        with Cgroup(root, name) as top, Cgroup(root, name + "/below") as below, \
             Cgroup(root, name + "-more") as other:
            for word in (top.folder, top.path, top.path[1:]):
                with Box(place, image(place), [top]) as a, \
                     Box(place, image(place), [below]) as b, \
                     Box(place, image(place), [other]) as beside, \
                     Box(place, image(place)) as moved, capture("--cgroup_path", word) as cap:
                    for pid in moved.pids.values():
                        below.take(pid)
                    talk(a, b, beside, moved)
                    try:
                        only(done(cap), a, b, moved)
                    except AssertionError as e:
                        raise AssertionError(f"v{version} {word}: {e}") from e


def missing_ones(place):
    """What does not exist is refused in one line, with 4."""
    for args, word in ((["--cgroup_path", "/no/such"], "/no/such"),
                       (["--cgroup_path", "/sys/fs/cgroup/no-such"], "no-such"),
                       (["--netns", "/run/netns/no-such"], "no-such"),
                       (["--netns", "no-such"], "no-such"),
                       (["--netns", "/proc/self/ns/mnt"], "ns/mnt")):
        with Capture(*args, ready=False) as cap:
            assert cap.wait() == 4, (args, cap.log())
            one_line(cap, word)


def network_namespaces(place):
    """--netns by a process's, by a name of ip-netns and its file, by number."""
    name = f"ec-test-{os.getpid()}"
    with Box(place, image(place)) as own, Box(place, image(place)) as other:
        path = f"/proc/{own.pids[1]}/ns/net"
        number = str(os.stat(path).st_ino)
        for p in (own, other):
            assert os.stat(path).st_ino != os.stat("/proc/self/ns/net").st_ino
        with capture("--netns", path) as one, capture("--netns", number) as two:
            talk(own, other)
            for cap in (one, two):
                only(done(cap), own)
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        for word in (name, f"/run/netns/{name}"):
            with capture("--netns", word) as cap:
                inside = talk_as(UID, [SSLPAIR, "ex"], before=["ip", "netns", "exec", name])[0]
                talk_as(UID, [SSLPAIR, "ex"])
                data = done(cap)
                inside.compare(data)
                assert {i["pid"] for i in data} == inside.pids
    finally:
        wait_for("removed", lambda: subprocess.run(
            ["ip", "netns", "del", name], capture_output=True).returncode == 0)


def programs_by_path(place):
    """--exe and --exclude-exe: whom they name, once or twice, real path or link."""
    for n in "abc":
        shutil.copy(SSLPAIR, place / f"exe-{n}")
    os.symlink("exe-a", place / "link")
    a, b, c = (place / f"exe-{n}" for n in "abc")
    for args, shown in (
            (["--exe", a], a), (["--exe", place / "link"], a), (["--exe", a, "--exe", b], a + b),
            (["--exclude-exe", a], b + c), (["--exclude-exe", a, "--exclude-exe", b], c),
            (["--exe", a, "--exe", b, "--exclude-exe", b], a)):
        with capture(*args) as cap:
            said = talk_as(UID, *([p, "ex"] for p in (a, b, c)))
            data = done(cap)
        for p, r in zip((a, b, c), said):
            if p in shown:
                r.compare(data)
            else:
                assert not r.pids & {i["pid"] for i in data}, (args, p)


def programs_elsewhere(place):
    """--exe of one in a container, as it is called there, and of one whose file is gone."""
    program = shutil.copy(SSLPAIR, place / "gone")
    kind = Kind(mount="mount --rbind / $ROOT", flags=("--mount",))
    with Box(place, image(place), kind=kind, program=program) as gone, \
         Box(place, image(place)) as box, capture("--exe", "/sslpair") as one, \
         capture("--exe", program) as two:
        os.unlink(program)
        talk(gone, box)
        only(done(one), box)
        only(done(two), gone)


def users_and_names(place):
    """--uid by name; --comm with it."""
    uid = pwd.getpwnam("nobody").pw_uid
    link = shutil.copy(SSLPAIR, place / "ec-named")
    with Capture("--format", "json", "--uid", "nobody", "--comm", "ec-named") as cap:
        mine, _ = talk_as(uid, [link, "ex"], [SSLPAIR, "ex"])
        talk_as(UID, [link, "ex"])
        data = done(cap)
    mine.compare(data)
    assert {i["pid"] for i in data} == mine.pids
    assert {(i["uid"], i["comm"]) for i in data} == {(uid, "ec-named")}


def short_lived_programs(place):
    """Processes that end before they can be looked at: captured or counted, never gone."""
    n = 40
    with place.nginx() as server, capture("--exe", "/usr/bin/curl") as cap:
        moved = 0
        for i in range(n):
            out = subprocess.run(
                ["setpriv", "--reuid", UID, "curl", "-sk", "--http1.1", "--noproxy", "*", "-o",
                 "/dev/null", "-w", "%{size_request} %{size_header} %{size_download}",
                 f"https://127.0.0.1:{server.port}/hello.txt?{i}"], env=ENV, check=True,
                capture_output=True, timeout=30 * SLOW).stdout
            moved += sum(map(int, out.split()))
        assert cap.stop() == 0, cap.log()
        s = final(cap)
        shown = sum(len(payload(i)) for i in cap.items("data"))
        by_who = s["lost"]["who"]["bytes"]
        print(f"  --exe, {n} curls: {moved} bytes moved, {shown} shown, {by_who} lost (who)",
              file=sys.stderr)
        assert shown + s["lost_bytes"] == moved, (shown, moved, s)
        assert s["lost_bytes"] == by_who, s


def user_namespace(place):
    """A container without rights: root inside, somebody else outside."""
    kind = Kind(mount=COPY, flags=("--user", "--map-root-user", "--mount", "--pid", "--net"),
                before=("setpriv", "--reuid", UID, "--regid", UID, "--clear-groups"), uid="0")
    ident = hex_id()
    with any_cgroup(f"machine.slice/libpod-{ident}.scope") as g, \
         Box(place, image(place), [g], kind) as box, capture() as cap:
        box.talk()
        data = done(cap)
        box.compare(data, ident, "podman")
        assert {i["uid"] for i in data} == {int(UID)}


def services_are_none(place):
    """A service of systemd is in no container; nor is who is in namespaces alone."""
    with any_cgroup("system.slice/ec-test.service") as g, Box(place, image(place), [g]) as a, \
         Box(place, image(place)) as b, capture() as cap:
        talk(a, b)
        data = done(cap)
        only(data, a, b)
        a.compare(data, None)
        b.compare(data, None)


if __name__ == "__main__":
    if not glob.glob("/proc/self/ns/user"):
        print("skip containers: no namespaces")
        sys.exit(77)
    main([container_is_named, overlays_share_a_library, only_one_container, container_to_come,
          cgroups_by_any_name, missing_ones, network_namespaces, programs_by_path,
          programs_elsewhere, users_and_names, short_lived_programs, user_namespace,
          services_are_none])
