# SPDX-License-Identifier: GPL-2.0-only
"""A TLS server for one client, which keeps what went each way."""
import hashlib
import socket
import ssl
import tempfile
import threading


def line(direction, data):
    return f"{direction} {len(data)} {hashlib.sha256(data).hexdigest()}"


class Peer(threading.Thread):
    """A TLS server for one client, not captured. talk(socket) returns nothing; what went
    each way is kept. `before` speaks on the plain socket."""

    def __init__(self, place, talk=None, before=None):
        super().__init__(daemon=True)
        self.talk, self.before = talk or self.echo, before
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(place.cert, place.key)
        self.keys = tempfile.mktemp(prefix="peer-keys-", dir=place.dir)
        self.context.keylog_filename = self.keys
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.port = self.listener.getsockname()[1]
        self.got, self.sent = b"", b""
        self.start()

    def run(self):
        try:
            plain, _ = self.listener.accept()
            plain.settimeout(30)
            if self.before:
                self.before(plain)
            with self.context.wrap_socket(plain, server_side=True) as s:
                self.talk(s)
        except OSError:
            pass
        self.listener.close()

    def recv(self, s):
        data = s.recv(65536)
        self.got += data
        return data

    def send(self, s, data):
        s.sendall(data)
        self.sent += data

    def echo(self, s):
        while data := self.recv(s):
            self.send(s, data)

    def client_lines(self):
        self.join(30)
        assert self.got, "nobody said anything"
        return sorted([line("SENT", self.got), line("RECEIVED", self.sent)])
