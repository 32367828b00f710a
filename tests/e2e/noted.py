# SPDX-License-Identifier: GPL-2.0-only
"""Imported by Python programs under test: every TLS socket notes what it sent and received
and appends lines like sslpair's to $NOTED when it is closed."""
import hashlib
import os
import ssl


class Noted(ssl.SSLSocket):
    def _notes(self):
        if "notes" not in self.__dict__:
            self.notes = {d: [0, hashlib.sha256()] for d in ("sent", "received")}
            a, b = self.getsockname(), self.getpeername()
            self.where = f"{a[0]} {a[1]} {b[0]} {b[1]}"
        return self.notes

    def _note(self, direction, data):
        if not data:
            return
        n = self._notes()[direction]
        n[0] += len(data)
        n[1].update(data)

    def send(self, data, flags=0):
        n = super().send(data, flags)
        self._note("sent", bytes(data[:n]))
        return n

    def recv(self, buflen=1024, flags=0):
        data = super().recv(buflen, flags)
        self._note("received", data)
        return data

    def recv_into(self, buffer, nbytes=None, flags=0):
        n = super().recv_into(buffer, nbytes, flags)
        self._note("received", bytes(memoryview(buffer).cast("B")[:n]))
        return n

    def _real_close(self):
        super()._real_close()
        if "notes" not in self.__dict__:
            return
        lines = "".join(
            f"STREAM {os.getpid()} {d} {n} {h.hexdigest()} {self.where}\n"
            for d, (n, h) in self.notes.items())
        fd = os.open(os.environ["NOTED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(fd, lines.encode())
        os.close(fd)


ssl.SSLContext.sslsocket_class = Noted
