# SPDX-License-Identifier: GPL-2.0-only
"""Servers for many clients at a time, each with a protocol of its own. They keep what went
over every connection, and hold their answers until they are told to give them."""
import socket
import ssl
import struct
import threading

SIZE = 100000


def noise(secret, n=SIZE):
    """Bytes that are no text, told by the secret."""
    return (secret.encode() + bytes(range(256))) * (n // 256 + 1)


class Conn:
    def __init__(self, tls, addr):
        self.tls, self.addr = tls, addr
        self.got, self.sent = b"", b""

    def recv(self):
        data = self.tls.recv(65536)
        self.got += data
        return data

    def until(self, n):
        """`n` bytes and maybe more."""
        data = b""
        while len(data) < n:
            piece = self.recv()
            if not piece:
                raise OSError("it ended early")
            data += piece
        return data

    def send(self, data):
        self.tls.sendall(data)
        self.sent += data

    def end(self):
        """The other end is told that nothing more comes, and ends as well."""
        self.tls.unwrap()


class Peer:
    """talk(peer, conn) speaks the protocol, before(plain socket) what comes before TLS."""

    def __init__(self, place, secret, talk, before=None, alpn=None):
        self.secret, self.talk, self.before = secret, talk, before
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(place.cert, place.key)
        self.keys = place / f"{secret}.keys"
        self.context.keylog_filename = self.keys
        if alpn:
            self.context.set_alpn_protocols([alpn])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.conns, self.asked, self.release = [], threading.Event(), threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                plain, addr = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(plain, addr), daemon=True).start()

    def serve(self, plain, addr):
        plain.settimeout(60)
        try:
            if self.before:
                self.before(plain)
            with self.context.wrap_socket(plain, server_side=True) as tls:
                conn = Conn(tls, addr)
                self.conns.append(conn)
                self.talk(self, conn)
                while conn.recv():
                    pass
        except OSError:
            pass

    def hold(self):
        self.asked.set()
        self.release.wait(60)

    def close(self):
        self.release.set()
        self.listener.close()


def http(peer, conn):
    """Requests with or without a body, until the client closes."""
    rest = b""
    while True:
        while b"\r\n\r\n" not in rest:
            piece = conn.recv()
            if not piece:
                return
            rest += piece
        head, rest = rest.split(b"\r\n\r\n", 1)
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, value = line.split(b":", 1)
            if name.lower() == b"content-length":
                length = int(value)
        if b"Expect: 100" in head:
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(rest) < length:
            rest += conn.until(1)
        rest = rest[length:]
        if peer.secret.encode() in head:
            peer.hold()
        closes = b"HTTP/1.0" in head or b"connection: close" in head.lower()
        body = page(peer.secret) if b"/page" in head else noise(peer.secret)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n%s\r\n"
                  % (len(body), b"Connection: close\r\n" if closes else b""))
        conn.send(body)
        if closes:
            conn.end()
            return


def page(secret):
    """A page that sends something itself."""
    return (f"<html><body>{secret}<script>"
            f"fetch('/{secret}', {{method: 'POST', body: '{secret}'.repeat(2000)}})"
            ".then(r => r.text()).then(t => { document.title = 'done'; })"
            "</script></body></html>").encode()


def header(name, value):
    """Of HTTP/2, without a table."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def grpc(peer, conn):
    """The one answer of a unary call, in HTTP/2 as little as will do."""
    def frame(kind, flags, stream, data=b""):
        return (struct.pack(">I", len(data))[1:] + bytes([kind, flags]) +
                struct.pack(">I", stream) + data)

    rest = conn.until(24)[24:]
    conn.send(frame(4, 0, 0) + frame(8, 0, 0, struct.pack(">I", 1 << 30)))
    while True:
        while len(rest) < 9 or len(rest) < 9 + int.from_bytes(rest[:3], "big"):
            piece = conn.recv()
            if not piece:
                return
            rest += piece
        n = int.from_bytes(rest[:3], "big")
        kind, flags, stream = rest[3], rest[4], int.from_bytes(rest[5:9], "big")
        data, rest = rest[9:9 + n], rest[9 + n:]
        if kind == 4 and not flags & 1:
            conn.send(frame(4, 1, 0))
        elif kind == 6 and not flags & 1:
            conn.send(frame(6, 1, 0, data))
        elif kind == 0:
            if data:
                conn.send(frame(8, 0, stream, struct.pack(">I", len(data))))
            if not flags & 1:
                continue
            peer.hold()
            body = noise(peer.secret, 16000)[:16000]
            conn.send(frame(1, 4, stream,
                            b"\x88" + header(b"content-type", b"application/grpc")))
            conn.send(frame(0, 0, stream, b"\0" + struct.pack(">I", len(body)) + body))
            conn.send(frame(1, 5, stream, header(b"grpc-status", b"0")))
            return  # what it would be told after this it would not read


def postgres_before(plain):
    if len(plain.recv(8, socket.MSG_WAITALL)) == 8:  # SSLRequest
        plain.sendall(b"S")


def postgres(peer, conn):
    """The user's name is in what comes first."""
    conn.until(4)
    peer.hold()
    error = b"SFATAL\0C28000\0M" + peer.secret.encode() + b"\0\0"
    conn.send(b"E" + struct.pack(">I", len(error) + 4) + error)


def mysql_before(plain):
    # long password, protocol 4.1, SSL, secure connection, plugins
    capabilities = 0x00000001 | 0x00000200 | 0x00000800 | 0x00008000 | 0x00080000
    greeting = (b"\x0a8.0.36\0" + struct.pack("<I", 7) + b"12345678\0" +
                struct.pack("<H", capabilities & 0xffff) + b"\x21\x02\0" +
                struct.pack("<H", capabilities >> 16) + b"\x15" + b"\0" * 10 +
                b"123456789012\0" + b"mysql_native_password\0")
    plain.sendall(struct.pack("<I", len(greeting))[:3] + b"\0" + greeting)
    plain.recv(36, socket.MSG_WAITALL)  # SSLRequest


def mysql(peer, conn):
    data = conn.until(4)
    peer.hold()
    error = b"\xff" + struct.pack("<H", 1045) + b"#28000" + peer.secret.encode()
    conn.send(struct.pack("<I", len(error))[:3] + bytes([data[3] + 1]) + error)


def kafka(peer, conn):
    """What it asks has its name; what it hears it cannot read. It does not wait for long."""
    data = conn.until(12)
    peer.asked.set()
    answer = data[8:12] + peer.secret.encode()
    conn.send(struct.pack(">I", len(answer)) + answer)


def tracker(peer, conn):
    """Of a torrent: its answer in bencoding."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += conn.until(1)
    peer.hold()
    secret = peer.secret.encode()
    body = b"d14:failure reason%d:%se" % (len(secret), secret)
    conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
    conn.send(body)
    conn.end()
