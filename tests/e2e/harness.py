# SPDX-License-Identifier: GPL-2.0-only
"""What the capture tests share: the tool, servers, certificates, comparisons."""
import atexit
import base64
import collections
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build", os.uname().machine)
ECAPTURE = os.path.join(BUILD, "ecapture")
HELPERS = os.path.join(BUILD, "tests", "e2e", "helpers")
PYTHON = "/usr/bin/python3"  # the system's, with the system's OpenSSL
# Set by tests/vm/e2e: options for every capture, and how many times slower a guest is.
EXTRA = os.environ.get("EC_TEST_ARGS", "").split()
PLANS = tempfile.mkdtemp(prefix="ec-plans-")
atexit.register(shutil.rmtree, PLANS, True)
SLOW = float(os.environ.get("EC_TEST_SLOW", "1"))
KERNEL = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
# What the kernel and those options let us expect.
LOOP = KERNEL >= (5, 17) and not {"ring", "perf"} & set(EXTRA)  # calls of any length
SOCK_EVENTS = KERNEL >= (6, 3)
ENV = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def preempted():
    """Are programs of probes preempted here? Where debugfs does not tell: no."""
    try:
        with open("/sys/kernel/debug/sched/preempt", encoding="ascii") as f:
            return re.search(r"\((full|lazy)\)", f.read()) is not None
    except OSError:
        return False


# Shapes for older kernels must not run where they can take the kernel down: see
# no_private_stack() in src/bpf/maps.h. No user's option leads there.
OLD_SHAPES = [] if KERNEL >= (6, 13) and preempted() else ["ring", "perf"]
PERF_AND_OWN = [*([["--shape", "perf"]] if OLD_SHAPES else []), []]


def scaled(n):
    """How many of something that costs most of its time: an eighth in a guest."""
    return n if SLOW == 1 else max(n // 8, 1)


class Skip(Exception):
    pass


def wait_for(what, condition, seconds=10):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds * SLOW} s")


def free_port(host="127.0.0.1"):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.bind((host, 0))
    port = s.getsockname()[1]
    s.close()
    return port


def answers(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


class Running:
    """A process that is ended with its block, if it has not ended by itself: self.p."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()


class Capture(Running):
    """ecapture ARGS…, ready when the object is there."""

    def __init__(self, *args, command=None, ready=True, seconds=15, env=None):
        self.out = tempfile.NamedTemporaryFile(prefix="ec-out-")
        self.err = tempfile.NamedTemporaryFile(prefix="ec-err-")
        r, w = os.pipe()
        argv = [ECAPTURE, "tls", "--plan-cache", os.path.join(PLANS, "plans"), *EXTRA, *args,
                "--ready-fd", str(w)]
        if command:
            argv += ["--", *command]
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.out,
                                  stderr=self.err, pass_fds=[w], env=env or ENV)
        os.close(w)
        self.ready = b""
        try:
            if ready:
                if select.select([r], [], [], seconds * SLOW)[0]:
                    self.ready = os.read(r, 200)
                if not self.ready.startswith(b"ready: "):
                    self.p.kill()
                    self.p.wait()
                    raise AssertionError("never ready:\n" + self.log())
        finally:
            os.close(r)

    def log(self):
        return open(self.err.name, errors="replace").read()

    def bytes(self):
        return open(self.out.name, "rb").read()

    def text(self):
        return self.bytes().decode()

    def wait(self, seconds=30):
        try:
            return self.p.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise AssertionError(f"did not end within {seconds * SLOW} s:\n" + self.log())

    def stop(self, sig=signal.SIGINT, seconds=30):
        self.p.send_signal(sig)
        return self.wait(seconds)

    def items(self, kind=None):
        return items(self.out.name, kind)


def items(path, kind=None):
    all_items = [json.loads(line) for line in open(path, encoding="utf-8")]
    return [i for i in all_items if kind is None or i["kind"] == kind]


def payload(item):
    return item["text"].encode() if "text" in item else base64.b64decode(item["base64"])


def streams(data):
    """(conn, dir) → bytes, in the order of capture."""
    out = collections.OrderedDict()
    for i in data:
        key = (i["conn"], i["dir"])
        out[key] = out.get(key, b"") + payload(i)
    return out


def sums(data):
    """Lines as the helpers print them, for every connection and direction."""
    return sorted(f"{d.upper()} {len(b)} {hashlib.sha256(b).hexdigest()}"
                  for (_, d), b in streams(data).items())


class Server:
    """A program that runs as long as the object."""

    def __init__(self, argv, port, host="127.0.0.1", env=None):
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  env=env or ENV)
        self.port, self.pid = port, self.p.pid
        wait_for(f"{argv[0]} on port {port}", lambda: answers(port, host))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.terminate()
        try:
            self.p.wait(5)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()


class Place:
    """A folder with a certificate and files to serve."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ec-e2e-")
        os.chmod(self.dir, 0o755)
        self.cert, self.key = self / "cert.pem", self / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                        "-keyout", self.key, "-out", self.cert, "-days", "2",
                        "-subj", "/CN=localhost"], check=True, capture_output=True)
        self.binary = bytes(range(256)) * 300
        os.mkdir(self / "www")
        open(self / "www/hello.txt", "w").write("hello from the server\n")
        open(self / "www/all.bin", "wb").write(self.binary)
        os.chmod(self.key, 0o644)

    def __truediv__(self, name):
        return os.path.join(self.dir, name)

    def nginx(self, host="127.0.0.1"):
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        port = free_port("::1" if host == "[::1]" else host)
        conf = self / f"nginx-{port}.conf"
        open(conf, "w").write(f"""
daemon off; master_process off; pid {self.dir}/nginx-{port}.pid; error_log /dev/null;
events {{}}
http {{
  access_log off; client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p;
  fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
  server {{
    listen {host}:{port} ssl; ssl_certificate {self.cert}; ssl_certificate_key {self.key};
    root {self.dir}/www; keepalive_timeout 20;
    location /echo {{ return 200 "got it"; }}
  }}
}}""")
        return Server([binary, "-c", conf, "-p", self.dir], port, host.strip("[]"))

    def s_server(self):
        port = free_port()
        return Server(["openssl", "s_server", "-www", "-accept", f"127.0.0.1:{port}",
                       "-cert", self.cert, "-key", self.key], port)

    def calls(self, *args, name=None):
        """The helper, under a name of its own if one is given."""
        program = os.path.join(HELPERS, "sslcalls")
        if name and not os.path.exists(self / name):
            shutil.copy(program, self / name)
        if name:
            program = self / name
        return [program, self.cert, self.key, *[str(a) for a in args]]

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def curl(*args, **kw):
    return subprocess.run(["curl", "-sk", "--http1.1", "--noproxy", "*", *args],
                          check=True, capture_output=True, env=ENV, **kw).stdout


def final(capture):
    stats = [s for s in capture.items("stats") if s["final"]]
    assert len(stats) == 1, stats
    return stats[0]


def nothing_lost(capture):
    s = final(capture)
    assert s["lost_bytes"] == 0 and s["lost_records"] == 0, s


def ours(pid):
    """Processes of a run: the attacher and its children."""
    out = [pid]
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                stat = open(f"/proc/{d}/stat").read()
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                out.append(int(d))
    return out


def child(pid, comm):
    def look():
        for p in ours(pid)[1:]:
            try:
                if open(f"/proc/{p}/comm").read().strip() == comm:
                    return p
            except OSError:
                pass
        return None
    return wait_for(f"child {comm}", look)


def main(cases):
    args = [a for a in sys.argv[1:] if not a.startswith("-")]
    pattern = args[0] if args else ""
    chosen = [c for c in cases if pattern in c.__name__]
    if os.geteuid() != 0:
        for c in chosen:
            print(f"skip {c.__name__}: needs root")
        sys.exit(0)
    place, failed = Place(), 0
    for c in chosen:
        start = time.monotonic()
        try:
            c(place)
            print(f"ok {c.__name__}", flush=True)
        except Skip as e:
            print(f"skip {c.__name__}: {e}", flush=True)
        except Exception as e:
            failed += 1
            why = re.sub(r"\s+", " ", f"{type(e).__name__} {e}")[:300]
            print(f"FAIL {c.__name__}: {why}", flush=True)
            print(traceback.format_exc(), flush=True)
        if "--quiet" not in sys.argv:
            print(f"  {time.monotonic() - start:.1f} s", file=sys.stderr)
    place.remove()
    sys.exit(1 if failed else 0)
