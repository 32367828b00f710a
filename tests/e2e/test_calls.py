#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The ways of calling the library, between two processes over loopback: each byte once, in
order, on the right connection, with the right addresses."""
import collections
import hashlib
import os
import re
import subprocess

from harness import (ENV, HELPERS, PYTHON, Capture, Server, final, free_port, main, nothing_lost,
                     payload, scaled, streams, wait_for, LOOP, PERF_AND_OWN,
                     SLOW)

SSLPAIR = os.path.join(HELPERS, "sslpair")
HERE = os.path.dirname(os.path.abspath(__file__))

CASES = {
    "plain_1M": ["big", 1, 1 << 20],
    "ex_forms": ["ex"],
    "ex_forms_tls12": ["-2", "ex"],
    "peeks": ["peek", 1, 300000],
    "retries": ["retry", 20, 200000],
    "moved_retries": ["moving", 20, 200000],
    "partial_writes": ["partial", 20, 200000],
    "zero_and_failed": ["zero"],
    "zero_and_failed_tls12": ["-2", "zero"],
    "early_data": ["early"],
    "bio_f_ssl": ["bio"],
    "bio_f_ssl_tls12": ["-2", "bio"],
    "pointer_reuse": ["reuse", 20, 700],
    "threads": ["threads", 40, 500],
    "ipv6": ["-6", "ex"],
    "mapped_ipv6": ["-m", "ex"],
    "descriptor_0": ["-0", "ex"],
    "bio_pair": ["biopair", 200, 5000],
    "tls_in_tls": ["nested", 5, 40000],
    "tls_in_tls_tls12": ["-2", "nested", 5, 40000],
}

Stream = collections.namedtuple("Stream", "pid dir bytes sum")


class Report:
    """What the two ends say about themselves: lines of sslpair and of noted.py."""

    def __init__(self, text):
        self.pids, self.streams, self.ends = set(), [], {}
        for line in text.splitlines():
            w = line.split()
            if not w or w[0] != "STREAM":
                continue
            s = Stream(int(w[1]), w[2], int(w[3]), w[4])
            self.pids.add(s.pid)
            if s.bytes:
                self.streams.append(s)
            if len(w) == 9:
                # IPv4 mapped into IPv6 is shown as IPv4
                ips = (ip.removeprefix("::ffff:") for ip in (w[5], w[7]))
                ends = tuple(zip(ips, (int(w[6]), int(w[8]))))
                self.ends.setdefault((s.pid, s.dir, s.sum), set()).add(ends)

    def compare(self, data):
        """Nothing missing, doubled, in another order or on another connection."""
        mine = [i for i in data if i["pid"] in self.pids]
        pid_of = {i["conn"]: i["pid"] for i in mine}
        got = {(conn, d): Stream(pid_of[conn], d, len(b), hashlib.sha256(b).hexdigest())
               for (conn, d), b in streams(mine).items() if b}
        assert self.streams
        missing = collections.Counter(self.streams) - collections.Counter(got.values())
        others = collections.Counter(got.values()) - collections.Counter(self.streams)
        assert not missing and not others, \
            f"missing {sorted(missing)[:4]} of {len(self.streams)}, instead {sorted(others)[:4]}"
        for i in mine:
            s = got.get((i["conn"], i["dir"]))
            ends = self.ends.get((s.pid, s.dir, s.sum)) if s else None
            if not ends:
                assert "src" not in i, f"addresses out of nowhere: {i['src']}"
                continue
            assert "src" in i, f"no addresses: {i['comm']} {i['dir']} {i['len']} bytes"
            shown = (i["src"], i["sport"]), (i["dst"], i["dport"])
            shown = shown if i["dir"] == "sent" else shown[::-1]
            assert shown in ends, (shown, ends)


def sslpair(args, **kw):
    p = subprocess.run([SSLPAIR, *map(str, args)], capture_output=True, text=True, env=ENV,
                       timeout=60 * SLOW, **kw)
    assert p.returncode == 0, p.stderr
    return Report(p.stdout)


def pair_case(name, args):
    def case(place):
        with Capture("--format", "json") as cap:
            said = sslpair(args)
            assert cap.stop() == 0, cap.log()
            nothing_lost(cap)
            said.compare(cap.items("data"))
    case.__name__ = name
    return case


def hold_opened_before(place):
    """Both ends were connected, and had talked, before anybody watched."""
    p = subprocess.Popen([SSLPAIR, "hold", "1", "50000"], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True, env=ENV)
    assert p.stdout.readline() == "READY\n"
    with Capture("--format", "json") as cap:
        said = Report(p.communicate("\n", timeout=20 * SLOW)[0])
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        assert len(said.streams) == 4
        said.compare(cap.items("data"))


def burst_many_writes(place):
    """4,000 writes, Ctrl-C when the last was read: all of them are there."""
    with Capture("--format", "json") as cap:
        said = sslpair(["burst", 4000, 1024])
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        data = cap.items("data")
        said.compare(data)
        assert sum(i["len"] == 1024 and i["dir"] == "sent" for i in data) == 4000


# --- Python: both ends note what goes through their sockets -------------------------------

PYTHON_SERVER = """
import sys, ssl, http.server, noted
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_POST(self):
        b = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(b)))
        self.end_headers()
        self.wfile.write(b[::-1])
s = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(*sys.argv[2:4])
s.socket = c.wrap_socket(s.socket, server_side=True, do_handshake_on_connect=False)
s.serve_forever()
"""

PYTHON_CLIENTS = {
    "urllib": """
import sys, ssl, noted, urllib.request
body = bytes(range(256)) * 400
for n in range(3):
    with urllib.request.urlopen(sys.argv[1] + str(n), data=body,
                                context=ssl._create_unverified_context()) as r:
        assert r.read() == body[::-1]
""",
    "requests": """
import sys, noted, requests, urllib3
urllib3.disable_warnings()
body = bytes(range(256)) * 400
with requests.Session() as s:
    for n in range(3):
        assert s.post(sys.argv[1] + str(n), data=body, verify=False).content == body[::-1]
""",
}


def python_both_ends(place):
    log = place / "noted"
    env = {**ENV, "PYTHONPATH": HERE, "NOTED": log, "PYTHONDONTWRITEBYTECODE": "1"}
    port = free_port()
    argv = [PYTHON, "-c", PYTHON_SERVER, str(port), place.cert, place.key]
    with Server(argv, port, env=env) as server:
        for name, code in PYTHON_CLIENTS.items():
            conns = {"urllib": 3, "requests": 1}[name]
            open(log, "w").close()
            with Capture("--format", "json") as cap:
                client = subprocess.Popen([PYTHON, "-c", code,
                                           f"https://127.0.0.1:{port}/"], env=env)
                assert client.wait(30) == 0, name
                wait_for("both ends' notes",
                         lambda: open(log).read().count("STREAM") == 4 * conns)
                assert cap.stop() == 0, cap.log()
                nothing_lost(cap)
                said = Report(open(log).read())
                assert said.pids == {client.pid, server.pid}
                said.compare(cap.items("data"))


# --- curl: its own trace is the witness ---------------------------------------------------

def curl_trace(path):
    """The plaintext that curl says went each way, before it decodes anything."""
    said, into = {"sent": bytearray(), "received": bytearray()}, None
    for line in open(path, "rb"):
        m = re.match(rb"(=> Send|<= Recv) (header|data), ", line)
        if m:
            into = said["sent" if m[1].startswith(b"=>") else "received"]
        elif re.match(rb"[0-9a-f]{4,}: ", line):
            if into is not None:
                into += bytes.fromhex(line.split(b": ", 1)[1][:48].decode())
        else:
            into = None
    return {d: bytes(b) for d, b in said.items()}


def curl_200_at_once(place):
    """200 processes that run together, each with a body of its own, all bytes compared."""
    bodies = place / "bodies"
    os.mkdir(bodies)
    with place.nginx() as server, Capture("--format", "json") as cap:
        running = []
        for n in range(scaled(200)):
            body, trace = f"{bodies}/{n}", f"{bodies}/{n}.trace"
            with open(body, "wb") as f:
                f.write(hashlib.sha256(b"%d" % n).digest() * (10 + n))
            running.append((subprocess.Popen(
                ["curl", "-sk", "--http1.1", "--noproxy", "*", "--trace", trace, "-o",
                 "/dev/null", "--data-binary", "@" + body,
                 f"https://127.0.0.1:{server.port}/echo"], env=ENV), trace))
        for p, _ in running:
            assert p.wait(60 * SLOW) == 0
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        data = cap.items("data")
        by_pid = collections.defaultdict(dict)
        pid_of = {i["conn"]: i["pid"] for i in data}
        for (conn, d), b in streams(data).items():
            by_pid[pid_of[conn]][conn, d] = b
        served = collections.Counter(by_pid[server.pid].values())
        for p, trace in running:
            said = curl_trace(trace)
            got = by_pid[p.pid]
            assert len(got) == 2 and {d: b for (_, d), b in got.items()} == said, \
                f"curl {p.pid}: {[(k, len(b)) for k, b in got.items()]}"
            assert served[said["sent"]] == 1, "the server has each request once"
        assert sum(served.values()) == 2 * len(running)
        ours = {server.pid, *(p.pid for p, _ in running)}
        missing = [i for i in data if i["pid"] in ours and "src" not in i]
        assert not missing, f"{len(missing)} of {len(data)} without addresses"


def big_8M_both_ways(place):
    """Two processes, 8 MB each way in one call, 32 MB seen, at the default buffer."""
    size = 8 << 20 if LOOP else 1 << 20  # what one call may have without bpf_loop
    with Capture("--format", "json", "--comm", "sslpair") as cap:
        said = sslpair(["big", 1, size])
        assert cap.stop() == 0, cap.log()
        nothing_lost(cap)
        data = cap.items("data")
        said.compare(data)
        assert sum(i["len"] == size and i["dir"] == "sent" for i in data) == 2


def four_writers_each_its_own(place):
    """16 KB writes of four processes: not one byte in another's record, all accounted for.
    Says most in a guest whose kernel preempts."""
    n, size = 1500 if SLOW == 1 else 500, 16384
    name = f"calls-{os.getpid()}"  # nobody else's
    for shape in PERF_AND_OWN:
        with Capture("--format", "json", "--comm", name, *shape) as cap:
            writers = [subprocess.Popen(place.calls("flat", n, size, c, name=name), env=ENV,
                                        stdout=subprocess.DEVNULL) for c in "abcd"]
            for w in writers:
                assert w.wait(60 * SLOW) == 0
            assert cap.stop(seconds=60) == 0, cap.log()
        own = {w.pid: c for w, c in zip(writers, "abcd")}
        intact = 0
        for i in cap.items("data"):
            text = payload(i).decode()
            intact += len(text)
            assert text == own[i["pid"]] * len(text), \
                f"{own[i['pid']]} has {collections.Counter(text)}"
        stats = final(cap)
        assert intact == stats["bytes"] and intact > size, stats
        assert intact + stats["lost_bytes"] == 4 * 2 * n * size, stats


HOPS = """
import os, ssl, sys
cert, key, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
server_ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_ctx.load_cert_chain(cert, key)
client_ctx = ssl._create_unverified_context()
a, b, c, d = (ssl.MemoryBIO() for _ in range(4))
client, server = client_ctx.wrap_bio(a, b), server_ctx.wrap_bio(c, d, server_side=True)
def carry():
    c.write(b.read())
    a.write(d.read())
done = False
while not done:
    done = True
    for side in client, server:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            done = False
        carry()
cpus = sorted(os.sched_getaffinity(0))
for i in range(n):
    os.sched_setaffinity(0, {cpus[i % len(cpus)]})
    client.write(b"message %d\\n" % i)
    carry()
    server.read(100)
"""


def from_cpu_to_cpu(place):
    """A thread that is on another CPU for each message: the order is that of the calls."""
    n = 2000 if SLOW == 1 else 500
    want = b"".join(b"message %d\n" % i for i in range(n))
    for shape in PERF_AND_OWN:
        with Capture("--format", "json", *shape, command=[
                PYTHON, "-c", HOPS, place.cert, place.key, str(n)]) as cap:
            assert cap.wait() == 0, cap.log()
            nothing_lost(cap)
            data = cap.items("data")
            got = streams(data)
            assert sorted(d for _, d in got) == ["received", "sent"]
            assert all(b == want for b in got.values()), (shape, [len(b) for b in got.values()])
            # and across connections: what is received was sent before (the first ones are
            # held back for their addresses, each connection's for itself)
            assert [i["dir"] for i in data[-100:]] == ["sent", "received"] * 50


if __name__ == "__main__":
    main([*(pair_case(*c) for c in CASES.items()), hold_opened_before, big_8M_both_ways,
          burst_many_writes, python_both_ends, curl_200_at_once,
          four_writers_each_its_own, from_cpu_to_cpu])
