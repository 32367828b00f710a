# SPDX-License-Identifier: GPL-2.0-only
"""Many programs under one capture: started, told to talk at the same time, judged one by
one. What a program said and heard is known from the other end of its connection."""
import hashlib
import json
import os
import secrets
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from harness import ECAPTURE, ENV, SLOW, Capture, Skip, payload
import talks

SECONDS = 60 * SLOW


def key_lines(path):
    if not os.path.exists(path):
        return set()
    with open(path, encoding="ascii") as f:
        return {line.strip() for line in f if line.strip() and line[0] != "#"}


# src/abi/record.h: struct ec_recording's head size, struct ec_rec, struct ec_rec_secret
HEAD, REC, SECRET = struct.Struct("16xI"), struct.Struct("IHHQIIIIQQ16s"), 2
TOLD = struct.Struct("QHBBB3x48s32s64s")
LABELS = ["", "CLIENT_RANDOM", "CLIENT_EARLY_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
          "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0",
          "EARLY_EXPORTER_SECRET", "EXPORTER_SECRET", "RSA"]


def recorded_keys(path):
    """pid → lines of a key log, out of a recording: each process's own, where a key log has
    what both ends tell only once."""
    out = {}
    with open(path, "rb") as f:
        data = f.read()
    at = HEAD.unpack_from(data)[0]
    while at + REC.size <= len(data):
        size, kind, _, _, pid, *_ = REC.unpack_from(data, at)
        if kind == SECRET:
            _, _, label, nid, n, text, of, secret = TOLD.unpack_from(data, at + REC.size)
            name = LABELS[label] or text.rstrip(b"\0").decode()
            out.setdefault(pid, set()).add(f"{name} {of[:nid].hex()} {secret[:n].hex()}")
        at += size + 7 & ~7
    return out


class Program:
    """A client. `argv` and `env` are functions of the place, the peer and the secret; what
    runs is killed at the end if it does not end by itself. `ready`: it says so itself."""

    def __init__(self, name, argv, library, version, part, talk=talks.http, before=None,
                 alpn=None, env=None, ready=True):
        self.name, self.argv, self.library, self.version = name, argv, library, version
        self.part, self.talk, self.before, self.alpn = part, talk, before, alpn
        self.env, self.ready = env, ready
        self.secret = f"secret-{name}-{secrets.token_hex(8)}"
        self.skipped, self.p, self.peer, self.rows = "", None, None, []
        self.pids, self.facts = set(), {}

    def start(self, place):
        try:
            self.peer = talks.Peer(place, self.secret, self.talk, self.before, self.alpn)
            argv = [str(a) for a in self.argv(place, self)]
            env = self.env(place, self) if self.env else {}
        except Skip as e:
            self.skipped = str(e)
            return
        self.err = open(place / f"{self.name}.err", "wb")
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=self.err, env={**ENV, **env}, cwd=place.dir,
                                  start_new_session=True)

    def wait_ready(self, end):
        """Loaded, and in the list of what can talk."""
        if self.skipped or not self.ready:
            return
        left = max(end - time.monotonic(), 0)
        said = select.select([self.p.stdout], [], [], left)[0] and self.p.stdout.readline()
        if not said:
            self.fault(f"never ready: {said!r}")

    def fault(self, why):
        self.err.flush()
        with open(self.err.name, "rb") as f:
            why += "; " + f.read()[-400:].decode(errors="replace")
        if self.p.poll() is not None:
            why += f"; it ended with {self.p.returncode}: {self.p.stdout.read()[-400:]}"
        self.facts["fault"] = why

    def go(self, place):
        self.line()

    def line(self):
        try:
            self.p.stdin.write(b"go\n")
            self.p.stdin.flush()
        except OSError:
            pass

    def asked(self, end):
        """Has said what it has to say, and waits for the answer."""
        while not self.peer.asked.wait(0.1):
            if time.monotonic() > end or self.p.poll() is not None:
                self.fault("it said nothing to its peer")
                return

    def answer(self):
        self.peer.release.set()

    def finish(self, end):
        self.line()
        try:
            self.p.stdin.close()
            self.p.wait(max(end - time.monotonic(), 0.1))
        except (OSError, subprocess.TimeoutExpired):
            pass

    def kill(self):
        if self.peer:
            self.peer.close()
        if self.p:
            try:
                os.killpg(self.p.pid, signal.SIGKILL)
            except OSError:
                pass
            self.p.wait()

    def keys(self):
        """Lines of the key log that the other end kept."""
        return key_lines(self.peer.keys)

    def talks(self):
        """Of each connection: its client's port, its server's, what the program sent and
        heard."""
        return [(c.addr[1], self.peer.port, c.got, c.sent) for c in self.peer.conns if c.got]


class Served(Program):
    """A server; the client is ours. `ask` is a function of the secret."""

    def __init__(self, name, server, ask, library, version, part, **kw):
        super().__init__(name, None, library, version, part, ready=False, **kw)
        self.server, self.request = server, ask
        self.got = self.sent = b""

    def start(self, place):
        try:
            self.running = self.server(place, self)
        except Skip as e:
            self.skipped = str(e)
            return
        self.p, self.log = self.running.p, place / f"{self.secret}.keys"
        self.done, self.said = threading.Event(), threading.Event()

    def go(self, place):
        threading.Thread(target=self.client, daemon=True).start()

    def client(self):
        try:
            plain = socket.create_connection(("127.0.0.1", self.running.port), 30)
            context = ssl._create_unverified_context()
            context.keylog_filename = self.log
            with context.wrap_socket(plain) as s:
                self.port = s.getsockname()[1]
                self.sent = self.request(self.secret)
                s.sendall(self.sent)
                self.said.set()
                while True:
                    data = s.recv(65536)
                    if not data:
                        break
                    self.got += data
                    if self.got.endswith(self.secret.encode() + b"\r\n"):
                        break
        except OSError as e:
            self.facts.setdefault("fault", f"client: {e}")
        self.done.set()

    def asked(self, end):
        self.said.wait(max(end - time.monotonic(), 0))

    def answer(self):
        pass

    def finish(self, end):
        if not self.done.wait(max(end - time.monotonic(), 0.1)):
            self.facts.setdefault("fault", "the server did not answer to the end")
        elif not self.got:
            self.facts.setdefault("fault", f"no answer; the server: {self.p.poll()}")

    def kill(self):
        if not self.skipped:
            self.running.__exit__()

    def keys(self):
        return key_lines(self.log)

    def talks(self):
        return [(self.port, self.running.port, self.got, self.sent)] if self.got else []


class Bystander:
    """A program of which nothing comes: what targets says of it."""

    def __init__(self, name, argv, library, state):
        self.name, self.argv, self.library, self.state = name, argv, library, state
        self.skipped, self.p, self.facts = "", None, {}

    def start(self, place):
        try:
            argv = [str(a) for a in self.argv(place, self)]
        except Skip as e:
            self.skipped = str(e)
            return
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=ENV, cwd=place.dir,
                                  start_new_session=True)

    kill = Program.kill
    peer = None


def descendants(pids):
    """The processes, and all that come of them."""
    parents = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                with open(f"/proc/{d}/stat", encoding="utf-8", errors="replace") as f:
                    parents[int(d)] = int(f.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                pass
    all_of = {pid: {pid} for pid in pids}
    for pid in parents:
        line, at = [], pid
        while at and at not in line:
            line.append(at)
            at = parents.get(at, 0)
        for top in set(line) & set(all_of):
            all_of[top].add(pid)
    return all_of


class Run:
    """One capture of all of them."""

    def __init__(self, place, programs, bystanders, options=()):
        self.programs, self.bystanders = programs, bystanders
        everybody = [*programs, *bystanders]
        self.begin, self.phases = time.monotonic(), []
        try:
            for x in everybody:
                x.start(place)
            self.phase("started")
            self.programs = [x for x in programs if not x.skipped]
            end = time.monotonic() + SECONDS
            for x in self.programs:
                x.wait_ready(end)
            self.phase("loaded")
            recording = place / "everything.rec"
            with Capture("--format", "json", "-o", f"keylog:{place / 'everything.keys'}",
                         "--record", recording, *options, seconds=60) as cap:
                self.phase("capture ready")
                self.talk(place)
                assert cap.stop() == 0, cap.log()
                self.log = cap.log()
                self.streams = self.read(cap.out.name)
                self.keys = recorded_keys(recording)
        finally:
            for x in everybody:
                x.kill()

    def talk(self, place):
        for x in self.programs:
            x.older = x.keys()  # of connections that were there before the capture
            x.go(place)
        end = time.monotonic() + SECONDS / 2
        for x in self.programs:
            x.asked(end)
        self.phase("all connected")
        self.look()
        self.phase("targets")
        for x in self.programs:
            x.answer()
        end = time.monotonic() + SECONDS
        for x in self.programs:
            begin = time.monotonic()
            x.finish(end)
            if time.monotonic() - begin > 5:
                self.phase(f"({x.name} waited for)")
        self.phase("all answered")
        time.sleep(0.5)

    def phase(self, name):
        now = time.monotonic()
        self.phases.append(f"{name} {now - self.begin:.1f} s")
        self.begin = now

    def look(self):
        """targets, while all of them are connected."""
        start = time.monotonic()
        p = subprocess.run([ECAPTURE, "targets", "--format", "json"], capture_output=True,
                           text=True, timeout=60 * SLOW, env=ENV, check=True)
        self.targets_took = time.monotonic() - start
        rows = [json.loads(line) for line in p.stdout.splitlines()]
        alive = [x for x in [*self.programs, *self.bystanders] if x.p]
        trees = descendants([x.p.pid for x in alive])
        for x in alive:
            x.pids = trees[x.p.pid]
            x.rows = [r for r in rows if r.get("pid") in x.pids]

    def read(self, path):
        """conn → what was captured of it, of these programs: others of the host talk too."""
        ports, pids = set(), set()
        for x in self.programs:
            ports.update(t[1] for t in x.talks())
            pids |= x.pids | {x.p.pid}
        out = {}
        with open(path, encoding="utf-8") as f:
            for line in f:
                i = json.loads(line)
                if i["kind"] != "data" or i["pid"] == os.getpid() or not (
                        i["pid"] in pids or {i.get("sport"), i.get("dport")} & ports):
                    continue
                c = out.setdefault(i["conn"], {"sent": [], "received": [], "ends": set()})
                c[i["dir"]].append(payload(i))
                ends = (i["sport"], i["dport"]) if "sport" in i else None
                c["ends"].add(ends[::-1] if ends and i["dir"] == "received" else ends)
        for c in out.values():
            c["sent"], c["received"] = b"".join(c["sent"]), b"".join(c["received"])
        return out

    def judge(self, x):
        """Facts of one program: bytes, addresses, names."""
        facts = x.facts
        talks = x.talks()
        facts["connections"], facts["bytes"] = len(talks), sum(len(t[2]) + len(t[3]) for t in talks)
        wrong, no_address = [], []
        server = isinstance(x, Served)
        secret = x.secret.encode()
        if not any(secret in t[2] for t in talks) or not any(secret in t[3] for t in talks):
            wrong.append("the secret did not go both ways")
        for client, port, sent, received in talks:
            ends = (port, client) if server else (client, port)
            own = [c for c in self.streams.values() if ends in c["ends"]]
            if not own:
                own = [c for c in self.streams.values() if c["ends"] == {None} and
                       (sent, received) == (c["sent"], c["received"])]
            want = [f"{len(b)} {hashlib.sha256(b).hexdigest()[:12]}" for b in (sent, received)]
            have = [[f"{len(c[d])} {hashlib.sha256(c[d]).hexdigest()[:12]}"
                     for d in ("sent", "received")] for c in own]
            if have != [want]:
                wrong.append(f"{client}>{port}: {want} but {have}")
            elif own[0]["ends"] != {ends}:
                no_address.append(f"{ends}: {own[0]['ends']}")
        facts["wrong"], facts["no_address"] = wrong, no_address
        want = x.keys() - x.older
        have = set().union(*(self.keys.get(pid, set()) for pid in x.pids | {x.p.pid}))
        of = {line.split()[1] for line in want}
        facts["keys"] = len(want)
        facts["keys_wrong"] = want ^ {line for line in have if line.split()[1] in of}
        names = [(r["library"], r["version"], r["file"]) for r in x.rows if r["capturable"]
                 and x.part in r["file"]]
        facts["shown"] = sorted(set(names))
        return facts

    def check(self, x):
        f = self.judge(x)
        assert not f.get("fault"), f["fault"]
        assert f["connections"], "nobody talked to its peer"
        assert not f["wrong"], f["wrong"]
        assert not f["no_address"], f["no_address"]
        assert f["keys"] and not f["keys_wrong"], (f["keys"], sorted(f["keys_wrong"])[:4])
        seen = [n for n in f["shown"] if n[0] == x.library and n[1].startswith(x.version)]
        assert seen, (f"targets shows {f['shown']}", [
            (r["library"], r["version"], r["file"], r["state"], r["why"]) for r in x.rows])

    def check_bystander(self, x):
        rows = [(r["library"], r["state"], r["version"], r["file"], r["why"]) for r in x.rows]
        assert any(r[0] == x.library and r[1] == x.state and r[4] for r in rows), rows
        assert not any(r["capturable"] for r in x.rows), rows

    def table(self):
        """For people: a line for each program."""
        lines = [", ".join(self.phases),
                 f"{'program':28} {'library and version shown':42} {'bytes':>8}  bytes  addresses  keys"]
        for x in self.programs:
            f = self.judge(x)
            shown = ", ".join(sorted({f"{n[0]} {n[1]}" for n in f["shown"]})) or "-"
            same = f["connections"] and not f["wrong"]
            lines.append(f"{x.name:28} {shown:42} {f['bytes']:8}  "
                         f"{'right' if same else 'WRONG':5}  "
                         f"{'right' if same and not f['no_address'] else 'WRONG':9}  "
                         f"{'right' if f['keys'] and not f['keys_wrong'] else 'WRONG'}")
        for x in self.bystanders:
            if not x.skipped:
                lines.append(f"{x.name:28} " + "; ".join(sorted({
                    f"{r['library']} {r['version']} {r['state']}" for r in x.rows})))
        return "\n".join(lines)
