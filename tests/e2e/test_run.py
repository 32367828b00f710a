#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Options, filters, outputs, signals, ends."""
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from harness import (ECAPTURE, PYTHON, Capture, child, curl, final, items, main, nothing_lost,
                 ours, payload, scaled, sums, wait_for, ENV, SLOW, Skip)


def filter_pid(place):
    with place.nginx() as a, place.nginx() as b:
        with Capture("--format", "json", "--pid", str(b.pid)) as cap:
            for s in (a, b):
                curl(f"https://127.0.0.1:{s.port}/hello.txt")
            assert cap.stop() == 0
            data = cap.items("data")
            assert data and {i["pid"] for i in data} == {b.pid}


def filter_uid_comm(place):
    with place.nginx() as server:
        url = f"https://127.0.0.1:{server.port}/hello.txt"
        as_nobody = ["setpriv", "--reuid", "nobody", "--clear-groups", "curl", "-sk",
                     "--noproxy", "*", url]
        for opts, ok in ((["--uid", "nobody"], lambda i: i["uid"] == 65534),
                         (["--uid", "0"], lambda i: i["uid"] == 0),
                         (["--uid", "0", "--comm", "curl"],
                          lambda i: i["uid"] == 0 and i["comm"] == "curl")):
            with Capture("--format", "json", *opts) as cap:
                subprocess.run(as_nobody, check=True, capture_output=True, env=ENV)
                curl(url)
                assert cap.stop() == 0
                data = cap.items("data")
                assert data and all(ok(i) for i in data), (opts, data)


def filter_port(place):
    with place.nginx() as a, place.nginx() as b:
        with Capture("--format", "json", "--target_port", str(b.port)) as cap:
            for s in (a, b, a, b):
                curl(f"https://127.0.0.1:{s.port}/hello.txt")
            assert cap.stop() == 0
            data = cap.items("data")
            assert len(data) >= 8
            assert all(b.port in (i["sport"], i["dport"]) for i in data)
            assert final(cap)["lost"]["port"]["bytes"] == 0


def filter_port_unknown(place):
    """Memory BIOs never have a port: not shown, and counted."""
    with Capture("--format", "json", "--target_port", "443",
                 command=place.calls("calls")) as cap:
        assert cap.wait() == 0
        assert not cap.items("data")
        want = sum(int(line.split()[1]) for line in cap.log().splitlines()
                   if line.startswith(("SENT ", "RECEIVED ")))
        assert final(cap)["lost"]["port"]["bytes"] == want


def filter_follow(place):
    """Descendants alive before, and those to come."""
    with place.nginx() as server:
        loop = f"while read x; do curl -sk https://127.0.0.1:{server.port}/$x >/dev/null; done"
        shell = subprocess.Popen(["bash", "-c", f"({loop}); true"], stdin=subprocess.PIPE,
                                 env=ENV)
        time.sleep(0.2)
        with Capture("--format", "json", "--pid", str(shell.pid), "--follow") as cap:
            curl(f"https://127.0.0.1:{server.port}/not-mine")
            shell.communicate(b"mine\n", timeout=20 * SLOW)
            assert cap.wait() == 0, "all have ended: we end"
            data = cap.items("data")
            assert any(b"GET /mine " in payload(i) for i in data)
            assert not any(b"not-mine" in payload(i) for i in data)
            assert {i["comm"] for i in data} == {"curl"}


def named_process_ends(place):
    p = subprocess.Popen(["sleep", "60"])
    with Capture("--pid", str(p.pid)) as cap:
        p.kill()
        p.wait()
        assert cap.wait(5) == 0, cap.log()


def command(place):
    with place.nginx() as server:
        url = f"https://127.0.0.1:{server.port}/hello.txt"
        with Capture(command=["bash", "-c", f"curl -sk {url}; exit 7"]) as cap:
            curl(url)
            assert cap.wait() == 7
            text = cap.text()
            assert text.count("GET /hello.txt") == 1 and "Comm:curl" in text
            assert "hello from the server" in cap.log(), "its stdout is our stderr"
        with Capture(command=["bash", "-c", "kill -TERM $$"]) as cap:
            assert cap.wait() == 128 + signal.SIGTERM
        with Capture(command=["bash", "-c", f"(sleep 0.3; curl -sk {url}) & exit 0"]) as cap:
            assert cap.wait() == 0
            assert "GET /hello.txt" in cap.text(), "descendants count"
    with Capture(command=["/nonexistent/program"]) as cap:
        assert cap.wait() == 127
        assert "/nonexistent/program" in cap.log()


def text_and_hex(place):
    with place.nginx() as server:
        url = f"https://127.0.0.1:{server.port}/"
        with Capture(command=["curl", "-sk", url + "hello.txt"]) as cap:
            assert cap.wait() == 0
            heads = [h for h in cap.text().splitlines() if " PID:" in h]
            head = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d) "
                              r"PID:\d+, Comm:curl, TID:\d+, Src:127\.0\.0\.1:\d+, "
                              r"Dest:127\.0\.0\.1:\d+, (sent|received) \d+ bytes$")
            assert len(heads) >= 2 and all(head.match(h) for h in heads), heads
            assert "hello from the server\n" in cap.text()
        with Capture("--hex", command=["curl", "-sk", url + "hello.txt"]) as cap:
            assert cap.wait() == 0
            assert re.search(r"^00000000  47 45 54 20 2f 68 65 6c  6c 6f 2e 74 78 74 20 48  "
                             r"\|GET /hello\.txt H\|$", cap.text(), re.M), cap.text()
        with Capture(command=["curl", "-sk", "-o", "/dev/null", url + "all.bin"]) as cap:
            assert cap.wait() == 0
            assert "|................|" in cap.text()
            assert b"\x1b" not in cap.bytes() and b"\0" not in cap.bytes()


def truncate(place):
    cap = Capture("--format", "json", "--truncate_size=1000", "-o", "text:/dev/null",
                  command=place.calls("big", 100000))
    with cap:
        assert cap.wait() == 0
        data = cap.items("data")
        assert all(i["len"] == min(1000, i["total"]) and
                   i["cut"] == i["total"] - i["len"] for i in data)
        assert sum(i["total"] for i in data if i["dir"] == "sent") == 100000
        assert final(cap)["cut"] == sum(i["cut"] for i in data)
        nothing_lost(cap)
    with Capture("-t", "10", command=place.calls("big", 100000)) as cap:
        assert cap.wait() == 0
        assert "… 10 of 100000 bytes shown" in cap.text()


def count_and_duration(place):
    with place.nginx() as server:
        with Capture("-c", "3", "--format", "json") as cap:
            for _ in range(3):
                curl(f"https://127.0.0.1:{server.port}/hello.txt")
            assert cap.wait(5) == 0
            assert len(cap.items("data")) == 3
    with Capture("--duration", "300ms") as cap:
        assert cap.wait(5) == 0


def outputs(place):
    a, b, log = place / "a.txt", place / "b.json", place / "run.log"
    events = place / "events.log"
    open(events, "w").write('{"kept":1,"kind":"mine"}\n')
    with place.nginx() as server:
        with Capture("--format", "none", "-o", a, "-o", b, "--eventcollector", events,
                     "--logaddr", log,
                     command=["curl", "-sk", f"https://127.0.0.1:{server.port}/hello.txt"]
                     ) as cap:
            assert cap.wait() == 0
            assert cap.bytes() == b""
            assert "hello from the server" in open(a).read()
            assert len(items(b, "data")) >= 2
            kept = items(events)
            assert kept[0] == {"kept": 1, "kind": "mine"}
            assert [i for i in kept if i["kind"] == "data"] == items(b, "data")
            assert "ready: " in open(log).read() and "ready: " not in cap.log()
            for f in (a, b):
                assert os.stat(f).st_mode & 0o777 == 0o600
        with Capture("-o", "json:-", command=["true"]) as cap:
            assert cap.wait() == 0
            assert cap.items("stats")


def record_and_read(place):
    rec = place / "run.rec"
    cap = Capture("--format", "json", "--record", rec, command=place.calls("calls"))
    with cap:
        assert cap.wait() == 0
        assert os.stat(rec).st_mode & 0o777 == 0o600
        os.chmod(rec, 0o644)
        r = subprocess.run(["setpriv", "--reuid", "nobody", "--clear-groups", ECAPTURE,
                            "read", rec, "--format", "json"], capture_output=True)
        assert r.returncode == 0, r.stderr
        assert r.stdout == cap.bytes(), "the same, without root"
    whole = open(rec, "rb").read()
    open(rec, "wb").write(whole[:-11])
    r = subprocess.run([ECAPTURE, "read", rec], capture_output=True, text=True)
    assert r.returncode == 4 and "damaged" in r.stderr and "one-write" in r.stdout
    r = subprocess.run([ECAPTURE, "read", place.cert], capture_output=True, text=True)
    assert r.returncode == 4 and r.stderr.count("\n") == 1, r.stderr


def burst_and_interrupt(place):
    """Ctrl-C right after a burst: what is in the buffers still comes out."""
    with Capture("--format", "json", "-o", "text:/dev/null", "--comm", "sslcalls") as cap:
        p = subprocess.run(place.calls("flat", 400, 8192), capture_output=True, text=True)
        start = time.monotonic()
        assert cap.stop() == 0
        assert time.monotonic() - start < 20 * SLOW
        stats = final(cap)
        assert stats["bytes"] + stats["lost_bytes"] == 2 * 400 * 8192, stats
        if not stats["lost_bytes"]:
            assert sums(cap.items("data")) == sorted(p.stdout.splitlines())


def signals(place):
    events, log = place / "ev.log", place / "hup.log"
    with Capture("--eventcollector", events, "--logaddr", log) as cap:
        cap.p.send_signal(signal.SIGUSR1)
        wait_for("counters", lambda: "captured: 0 messages" in open(log).read())
        cap.p.send_signal(signal.SIGUSR2)
        assert cap.stop(signal.SIGTERM) == 0
    assert "kind" in open(events).read()


def hangup(place):
    """Without a controlling terminal: files are opened again, as for a rotation."""
    events = place / "rotated.log"
    argv = [ECAPTURE, "tls", "--eventcollector", events, "--format", "none", "--logaddr",
            place / "rot-run.log"]
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_for("ready", lambda: os.path.exists(place / "rot-run.log") and
                 "ready:" in open(place / "rot-run.log").read())
        os.rename(events, events + ".1")
        p.send_signal(signal.SIGHUP)
        wait_for("new file", lambda: os.path.exists(events))
        time.sleep(0.2)
        subprocess.run(place.calls("calls"), check=True, capture_output=True)
        p.send_signal(signal.SIGINT)
        assert p.wait(20) == 0
        assert items(events, "data") and not items(events + ".1", "data")
    finally:
        if p.poll() is None:
            p.kill()


def reader_gone(place):
    p = subprocess.Popen([ECAPTURE, "tls"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_for("ready", lambda: b"ready:" in p.stderr.readline())
        p.stdout.close()
        subprocess.run(place.calls("calls"), check=True, capture_output=True)
        assert p.wait(10) == 0
        assert b"ecapture: " not in p.stderr.read()
    finally:
        if p.poll() is None:
            p.kill()


def disk_full(place):
    small = place / "small"
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", small], check=True)
    try:
        with Capture("-o", f"json:{small}/out", "-o", place / "good.txt") as cap:
            subprocess.run(place.calls("flat", 200, 8192), check=True, capture_output=True)
            assert cap.wait() == 1
            lines = [x for x in cap.log().splitlines()
                     if x.startswith("ecapture: ") and "warning" not in x]
            assert len(lines) == 1 and small in lines[0] and "No space" in lines[0], lines
            assert os.path.getsize(place / "good.txt") > 256 << 10, "the others go on"
            assert os.path.getsize(f"{small}/out") >= 240 << 10, "what fitted is there"
    finally:
        subprocess.run(["umount", small])
    with Capture("-o", "json:/dev/full", command=["true"], ready=False) as cap:
        assert cap.wait() == 1 and "/dev/full" in cap.log()


def strict(place):
    with Capture("--strict", "--format", "none", command=place.calls("calls")) as cap:
        assert cap.wait() == 0
    with Capture("--strict", "--mapsize", "16", "--format", "none",
                 command=place.calls("flat", 3000, 16384)) as cap:
        assert cap.wait() == 5, cap.log()
        assert "lost" in cap.log()


def beside_another(place):
    """A second instance sees the library as it is, not with the first one's breakpoints."""
    with Capture("--format", "none") as first, Capture("--format", "json") as second:
        assert second.ready.split()[3] == first.ready.split()[3], second.ready
        r = subprocess.run(place.calls("calls"), check=True, capture_output=True, text=True)
        assert second.stop() == 0 and first.stop() == 0
        assert sums(second.items("data")) == sorted(r.stdout.splitlines())


def bpf_links():
    """Number of BPF links in the kernel: bpf(BPF_LINK_GET_NEXT_ID)."""
    libc = ctypes.CDLL(None, use_errno=True)
    n, last = 0, 0
    while True:
        attr = (ctypes.c_uint32 * 4)(last, 0, 0, 0)
        if libc.syscall(321 if os.uname().machine == "x86_64" else 280, 31,
                        ctypes.byref(attr), 16):
            return n
        last = attr[1]
        n += 1


def gone(pids):
    return not any(os.path.exists(f"/proc/{p}") and
                   open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
                   for p in pids)


def killed(place):
    """kill -9 of attacher or worker ends all and leaves nothing attached."""
    before = bpf_links()
    for victim in ("attacher", "worker"):
        with Capture("--format", "json") as cap:
            assert bpf_links() > before
            pids = ours(cap.p.pid)
            assert len(pids) >= 3, pids
            subprocess.run(place.calls("calls"), check=True, capture_output=True)
            time.sleep(0.3)
            os.kill(cap.p.pid if victim == "attacher" else child(cap.p.pid, "ec-worker"),
                    signal.SIGKILL)
            status = cap.wait(10)
            assert status == (-9 if victim == "attacher" else 1), status
            wait_for("all gone", lambda: gone(pids))
            wait_for("links gone", lambda: bpf_links() <= before)
            if victim == "attacher":
                assert len(cap.items("data")) > 4, "what was captured is written"
            else:
                assert "worker" in cap.log()


def planner_killed(place):
    """A dead planner is counted and started again; capture goes on."""
    copy = place / "libssl.so.3"
    with Capture("--format", "json") as cap:
        os.kill(child(cap.p.pid, "ec-planner"), signal.SIGKILL)
        wait_for("said so", lambda: "planner lost" in cap.log())
        again = child(cap.p.pid, "ec-planner")
        assert again
        shutil.copy(glob.glob("/usr/lib/*/libssl.so.3")[0], copy)
        env = {**ENV, "LD_LIBRARY_PATH": place.dir}
        # mapped first, used a moment later: a new file must be planned and probed
        code = ("import ctypes,sys,time,subprocess\n"
                "ctypes.CDLL(sys.argv[1])\ntime.sleep(1)\n"
                "sys.exit(subprocess.call(sys.argv[2:]))")
        subprocess.run([PYTHON, "-c", code, copy, *place.calls("calls")], env=env,
                       check=True, capture_output=True)
        assert cap.stop() == 0
        assert any(t["path"] == copy and t["state"] == "probed"
                   for t in cap.items("target")), cap.items("target")
        assert cap.items("data")
    os.unlink(copy)


def many_libraries(place):
    """200 copies of a library: gone within a second of the last byte."""
    source = glob.glob("/usr/lib/*/libssl.so.3")[0]
    folder = place / "copies"
    os.mkdir(folder)
    paths = []
    copies = scaled(200)
    for n in range(copies):
        paths.append(f"{folder}/libssl.so.3.{n}")
        shutil.copy(source, paths[-1])
    code = ("import ctypes,sys\nfor p in sys.argv[1:]: ctypes.CDLL(p)\n"
            "print('up',flush=True)\nsys.stdin.readline()")
    holder = subprocess.Popen([PYTHON, "-c", code, *paths], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=ENV)
    try:
        assert holder.stdout.readline() == b"up\n"
        with Capture("--format", "json") as cap:
            assert int(cap.ready.split()[1]) >= copies, cap.ready
            subprocess.run(place.calls("calls"), check=True, capture_output=True)
            cap.p.send_signal(signal.SIGINT)
            wait_for("last byte", lambda: cap.bytes().rstrip().endswith(b"}") and
                     b'"final":true' in cap.bytes())
            start = time.monotonic()
            assert cap.wait(60 * SLOW) == 0
            took = time.monotonic() - start
            assert len(cap.items("data")) > 4
            print(f"{copies} libraries: gone {took:.2f} s after the last byte", file=sys.stderr)
    finally:
        holder.communicate(b"\n")
        shutil.rmtree(folder)


def bad(args, code, *words, env=None, prefix=()):
    r = subprocess.run([*prefix, ECAPTURE, *args], capture_output=True, text=True, env=env,
                       stdin=subprocess.DEVNULL, timeout=30 * SLOW)
    lines = r.stderr.splitlines()
    assert r.returncode == code, (args, r.returncode, r.stderr)
    assert len(lines) == 1 and lines[0].startswith("ecapture: "), (args, r.stderr)
    for w in words:
        assert w in lines[0], (w, lines[0])
    assert r.stdout == "", (args, r.stdout)


def kernel_too_old(place):
    """Both versions are named; reading a recording works on any."""
    old = ["setarch", os.uname().machine, "--uname-2.6"]
    release = subprocess.run([*old, "uname", "-r"], capture_output=True, text=True).stdout
    bad(["tls"], 3, "kernel version is too low", release.strip(), "4.18", prefix=old)


def bad_input(place):
    lib = glob.glob("/usr/lib/*/libssl.so.3")[0]
    text, cut, other = place / "text.so", place / "cut.so", place / "other.so"
    open(text, "w").write("no library\n")
    whole = open(lib, "rb").read()
    open(cut, "wb").write(whole[:3000])
    open(other, "wb").write(whole[:18] + b"\x08\x00" + whole[20:])  # EM_MIPS
    bad(["tls", "--libssl", "/nonexistent/libssl.so"], 4, "/nonexistent/libssl.so")
    bad(["tls", "--libssl", place.dir], 4, "directory")
    bad(["tls", "--libssl", text], 4, "is no ELF file: only programs and shared libraries")
    bad(["tls", "--libssl", cut], 4, "truncated")
    bad(["tls", "--libssl", other], 4, "architecture")
    bad(["tls", "--libssl", "/bin/true"], 4, "/bin/true")
    bad(["tls", "--pid", "4194303"], 4, "4194303", "no such process")
    bad(["tls", "--uid", "nosuchuser"], 2, "nosuchuser")
    for o, v in (("--pid", "abc"), ("--pid", "-1"), ("--target_port", "70000"),
                 ("--truncate_size", "1x"), ("--mapsize", "0"), ("-c", "0"),
                 ("--duration", "soon"), ("--log-level", "loud"), ("--format", "xml"),
                 ("--comm", "longer-than-fifteen")):
        bad(["tls", o, v], 2, o.lstrip("-").replace("_", "-")[:4])
    bad(["tls", "--libsll", "x"], 2, "--libsll", "libssl")
    bad(["tsl"], 2, "tsl", "tls")
    bad(["tls", "-o", "/nonexistent/dir/x"], 1, "/nonexistent/dir/x")
    bad(["tls", "-o", place.dir], 1, place.dir)
    bad(["tls", "--record", "/nonexistent/dir/x"], 1, "/nonexistent/dir/x")
    bad(["tls", "-o", place / "one", "-o", place / "one"], 2, "two outputs")
    bad(["tls", "--logaddr", "tcp://127.0.0.1:1"], 2, "--logaddr")
    bad(["read", "/nonexistent/rec"], 4, "/nonexistent/rec")
    bad(["read"], 2, "recording")


def missing_rights(place):
    nobody = ["setpriv", "--reuid", "nobody", "--clear-groups"]
    bad(["tls"], 3, "Operation not permitted", "CAP_", prefix=nobody)
    drop = ["setpriv", "--bounding-set", "-bpf,-sys_admin", "--inh-caps", "-bpf,-sys_admin"]
    bad(["tls"], 3, "CAP_BPF", prefix=drop)
    drop = ["setpriv", "--bounding-set", "-perfmon,-sys_admin",
            "--inh-caps", "-perfmon,-sys_admin"]
    bad(["tls"], 3, "CAP_PERFMON", prefix=drop)


def two_capabilities(place):
    """From 6.6 on CAP_BPF and CAP_PERFMON are enough."""
    if tuple(int(x) for x in re.findall(r"\d+", os.uname().release)[:2]) < (6, 6):
        raise Skip("kernel before 6.6")
    argv = ["setpriv", "--bounding-set", "-all,+bpf,+perfmon", "--inh-caps", "-all",
            ECAPTURE, "tls", "--format", "json", "--", *place.calls("calls")]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=30 * SLOW)
    assert r.returncode == 0 and '"kind":"data"' in r.stdout, r.stderr


def nothing_there(place):
    """No OpenSSL on the host: we wait and say so, and are no longer waiting when one
    comes. A mount namespace without libraries stands for such a host."""
    libs = [p for p in glob.glob("/usr/lib/*/libssl.so*") if not os.path.islink(p)]
    hide = "; ".join(f"mount --bind /dev/null {p}" for p in libs)
    argv = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c",
            f"{hide}; exec {ECAPTURE} tls --duration 1s"]
    r = subprocess.run(argv, capture_output=True, text=True, timeout=30 * SLOW)
    assert r.returncode == 0, r.stderr
    assert "couldn't find bpf bytecode file" in r.stderr and "waiting" in r.stderr, r.stderr
    assert "ready:" not in r.stderr


def help_and_version(place):
    for args in (["-h"], ["--help"], ["tls", "-h"], ["read", "--help"], ["openssl", "-h"]):
        r = subprocess.run([ECAPTURE, *args], capture_output=True, text=True)
        assert r.returncode == 0 and r.stdout.startswith("Usage: ") and not r.stderr
        assert max(map(len, r.stdout.splitlines())) <= 92, args
    r = subprocess.run([ECAPTURE, "-v"], capture_output=True, text=True)
    assert r.returncode == 0 and r.stdout.startswith("ecapture ") and "kernel:" in r.stdout


main([filter_pid, filter_uid_comm, filter_port, filter_port_unknown, filter_follow,
      named_process_ends, command, text_and_hex, truncate, count_and_duration, outputs,
      record_and_read, burst_and_interrupt, signals, hangup, reader_gone, disk_full,
      strict, beside_another, killed, planner_killed, many_libraries, kernel_too_old, bad_input,
      missing_rights, two_capabilities, nothing_there, help_and_version])
