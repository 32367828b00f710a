#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs over memory BIOs: each message tells the ports of the socket that it went by, as
its sender sees them, and the capture must say the same or nothing."""
import collections
import itertools
import os
import re
import shutil
import subprocess
import sys
import time

from harness import (HELPERS, PYTHON, SLOW, Capture, Server, Skip, free_port, main,
                     payload, scaled, ENV)

# Every message is a line "SENDER'S PORT>RECEIVER'S PORT …", answered in kind. argv of
# servers: port, certificate, key, version; of clients: port, connections, messages, version.
NODE_SERVER = """
const [port, cert, key, v] = process.argv.slice(1), tls = require('tls'), fs = require('fs');
tls.createServer({cert: fs.readFileSync(cert), key: fs.readFileSync(key), maxVersion: v,
                  minVersion: v}, s => {
  let held = '';
  s.on('error', () => {});
  s.on('data', d => {
    held += d;
    for (let i; (i = held.indexOf('\\n')) >= 0; held = held.slice(i + 1))
      s.write(`${s.localPort}>${s.remotePort} answer ` + 'a'.repeat(i % 900) + '\\n');
  });
}).listen(+port, '127.0.0.1');
"""
NODE_CLIENT = """
const [port, n, k, v] = process.argv.slice(1), tls = require('tls');
for (let c = 0; c < +n; c++) {
  let left = +k, held = '';
  const s = tls.connect({port: +port, host: '127.0.0.1', rejectUnauthorized: false,
                         maxVersion: v, minVersion: v}, say);
  function say() {
    if (!left--) return s.end();
    s.write(`${s.localPort}>${s.remotePort} ask ` + 'q'.repeat(Math.random() * 2000) + '\\n');
  }
  s.on('data', d => { if ((held += d).endsWith('\\n')) { held = ''; setTimeout(say, GAP); } });
}
"""
PYTHON_SERVER = """
import asyncio, ssl, sys
port, cert, key, v = sys.argv[1:]
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(cert, key)
c.minimum_version = c.maximum_version = getattr(ssl.TLSVersion, v.replace('.', '_'))
async def serve(r, w):
    local, peer = (w.get_extra_info(n)[1] for n in ('sockname', 'peername'))
    try:
        while line := await r.readline():
            w.write(b'%d>%d answer %s\\n' % (local, peer, b'a' * (len(line) % 900)))
            await w.drain()
        w.close()
    except OSError:
        pass
async def main():
    s = await asyncio.start_server(serve, '127.0.0.1', int(port), ssl=c, limit=1 << 20)
    await s.serve_forever()
asyncio.run(main())
"""
PYTHON_CLIENT = """
import asyncio, random, ssl, sys
port, n, k, v = sys.argv[1:]
c = ssl._create_unverified_context()
c.minimum_version = c.maximum_version = getattr(ssl.TLSVersion, v.replace('.', '_'))
async def talk():
    r, w = await asyncio.open_connection('127.0.0.1', int(port), ssl=c)
    local, peer = (w.get_extra_info(n)[1] for n in ('sockname', 'peername'))
    for i in range(int(k)):
        w.write(b'%d>%d ask %s\\n' % (local, peer, b'q' * random.randrange(2000)))
        await r.readline()
        await asyncio.sleep(GAP / 1000)
    w.close()
async def main():
    await asyncio.gather(*(talk() for i in range(int(n))))
asyncio.run(main())
"""
TLS13, TLS12 = "TLSv1.3", "TLSv1.2"


def node(code):
    if not shutil.which("node"):
        raise Skip("no node")
    return [shutil.which("node"), "-e", code]


def server(place, kind, version=TLS13):
    port = free_port()
    argv = node(NODE_SERVER) if kind == "node" else [PYTHON, "-c", PYTHON_SERVER]
    return Server([*argv, str(port), place.cert, place.key, version], port)


def client(kind, port, n, messages=5, gap=1, version=TLS13):
    argv = (node(NODE_CLIENT.replace("GAP", str(gap))) if kind == "node"
            else [PYTHON, "-c", PYTHON_CLIENT.replace("GAP", str(gap))])
    return [*argv, str(port), str(n), str(messages), version]


class Verdicts(collections.Counter):
    """right, absent, wrong by messages; the same of connections."""

    def __init__(self, data, pids=None, dirs=("sent", "received")):
        super().__init__(right=0, absent=0, wrong=0)
        self.conns, self.bad = {}, []
        for i in data:
            said = re.match(rb"(\d+)>(\d+) ", payload(i))
            if not said or i["dir"] not in dirs or (pids and i["pid"] not in pids):
                continue
            ports = tuple(int(p) for p in said.groups())
            verdict = ("absent" if "sport" not in i else
                       "right" if (i["sport"], i["dport"]) == ports else "wrong")
            if verdict != "right":
                self.bad.append((verdict, i["comm"], i["dir"], i["conn"], ports,
                                 i.get("sport"), i.get("dport")))
            self[verdict] += 1
            self.conns.setdefault(i["conn"], collections.Counter())[verdict] += 1

    def lacking(self):
        return sum(1 for c in self.conns.values() if not c["right"])

    def __str__(self):
        return (f"{dict(self)}; {len(self.conns)} connections, "
                f"{self.lacking()} without addresses; {self.bad[:5]}")


def figure(text):
    if "--quiet" not in sys.argv:
        print("  " + text, file=sys.stderr, flush=True)


def chosen(everything, *few):
    """In a guest, which is slow, only a few."""
    return everything if SLOW == 1 else few


def judged(v, conns):
    """Nearly all have them. A guest can take longer than a first message is held back."""
    assert len(v.conns) == conns, v
    assert v["wrong"] == 0, v
    assert v.lacking() <= 0.05 * conns, v
    assert v["absent"] <= (0.05 if SLOW == 1 else 0.25) * sum(v.values()), v


def pair_of(place, kind, n, version=TLS13, cold=False):
    """A server and a client of a kind, n connections at a time."""
    with server(place, kind, version) as s, Capture("--format", "json") as cap:
        if cold:
            time.sleep(3.5)  # the look-up at the sockets is off again
        subprocess.run(client(kind, s.port, n, version=version), check=True, env=ENV,
                       timeout=60 * SLOW, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        assert cap.stop() == 0, cap.log()
        mine = [i for i in cap.items("data") if s.port in ports_said(i)]
        v = Verdicts(mine)
        figure(f"{kind} {version} {n}{' cold' if cold else ''}: {v}")
        return v


def ports_said(item):
    said = re.match(rb"(\d+)>(\d+) ", payload(item))
    return {int(p) for p in said.groups()} if said else set()


def node_pairs(place):
    for n in chosen((1, 10, 200), 20):
        judged(pair_of(place, "node", n), 2 * n)


def asyncio_pairs(place):
    for n in chosen((1, 10, 200), 20):
        judged(pair_of(place, "python", n), 2 * n)


def later_connections(place):
    """The first connection when the look-up is off, in the versions that differ."""
    for kind, version, n in chosen(
            itertools.product(("node", "python"), (TLS13, TLS12), (1, 40)),
            ("node", TLS12, 5)):
        judged(pair_of(place, kind, n, version, cold=True), 2 * n)


# A relay of bytes, the server behind it and a client of both, all in one process: the same
# records pass four of its sockets. Clients say "t", those through the relay "r".
NODE_ALL = """
const [cert, key, n] = process.argv.slice(1), tls = require('tls'), fs = require('fs');
const net = require('net'), host = '127.0.0.1';
let left = 2 * n;
const server = tls.createServer({cert: fs.readFileSync(cert), key: fs.readFileSync(key)}, s => {
  s.on('data', d => s.write(`${s.localPort}>${s.remotePort} answer\\n`));
}).listen(0, host, () => {
  const relay = net.createServer(c => {
    const up = net.connect(server.address().port, host);
    c.pipe(up); up.pipe(c);
  }).listen(0, host, () => {
    for (let i = 0; i < n; i++)
      for (const port of [server.address().port, relay.address().port]) {
        let k = 4;
        const s = tls.connect({port, host, rejectUnauthorized: false}, say);
        function say() {
          if (k--) return s.write(`${s.localPort}>${s.remotePort} ask\\n`);
          s.end();
          if (!--left) setTimeout(process.exit, 300);
        }
        s.on('data', say);
      }
  });
});
"""


def one_process(place):
    """What a process hands from socket to socket leads nowhere, never to a wrong one."""
    n = scaled(40)
    cap = Capture("--format", "json",
                  command=[*node(NODE_ALL), place.cert, place.key, str(n)],
                  seconds=60)
    with cap:
        assert cap.wait(60) == 0, cap.log()
        v = Verdicts(cap.items("data"), dirs=("sent",))
        figure(f"one process: {v}")
        judged(v, 4 * n)


def talk_of(cap, s, argv, before):
    """sslmem's verdicts, opened before the capture or under it."""
    helper = subprocess.Popen([os.path.join(HELPERS, "sslmem"), *argv], env=ENV,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert helper.stdout.readline() == b"open\n"
    with before or cap() as c:
        helper.communicate(b"\n", timeout=60 * SLOW)
        assert helper.returncode == 0
        time.sleep(0.5)
        assert c.stop() == 0, c.log()
        v = Verdicts(c.items("data"), {helper.pid, s.pid})
        figure(f"{' '.join(argv)}{'' if before else ' open before'}: {v}")
        return v


def kinds_of_memory(place):
    """OpenSSL's memory BIO and BIO pairs; connections older than the capture, too, and
    those that only send from then on."""
    n = scaled(40)
    with server(place, "python") as s:
        for how, push, older in chosen(
                [("mem", ["mmsg"], False), *itertools.product(
                    ("mem", "pair"), ([], ["push"]), (False, True))],
                ("mem", ["mmsg"], True), ("pair", ["push"], True)):
            argv = [how, str(s.port), str(n), "4", *push]
            v = talk_of(lambda: Capture("--format", "json"), s, argv,
                        None if older else Capture("--format", "json"))
            judged(v, 2 * n)


def reset_connections(place):
    """A socket that was reset has data left, and no longer holds its own port."""
    with server(place, "python") as s:
        argv = ["mem", str(s.port), "40", "4", "reset"]
        for _ in chosen(range(3), 1):
            v = talk_of(lambda: Capture("--format", "json"), s, argv, None)
            assert v["wrong"] == 0 and v["absent"] <= 0.05 * v["right"], v


if __name__ == "__main__":
    main([node_pairs, asyncio_pairs, later_connections, one_process, kinds_of_memory,
          reset_connections])
