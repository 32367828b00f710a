# SPDX-License-Identifier: GPL-2.0-only
"""A client by one of many modules. Usage: talk.py MODULE PORT SECRET: says "ready" when the
module is loaded, waits for a line, says the secret and reads the answer to its end."""
import socket
import sys

how, port, secret = sys.argv[1], int(sys.argv[2]), sys.argv[3]
URL = f"https://127.0.0.1:{port}/{secret}"
BODY = (secret.encode() + bytes(range(255, -1, -1))) * 300
REQUEST = (f"POST /{secret} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
           f"Content-Length: {len(BODY)}\r\n\r\n").encode()


def go():
    print("ready", flush=True)
    sys.stdin.readline()


def plain():
    return socket.create_connection(("127.0.0.1", port))


def ssl():
    from ssl import _create_unverified_context
    go()
    with _create_unverified_context().wrap_socket(plain()) as s:
        s.sendall(REQUEST)
        s.sendall(BODY)
        while s.recv(65536):
            pass


def asyncio():
    import asyncio
    from ssl import _create_unverified_context

    async def talk():
        r, w = await asyncio.open_connection("127.0.0.1", port,
                                             ssl=_create_unverified_context())
        w.write(REQUEST)
        w.write(BODY)
        await w.drain()
        while await r.read(65536):
            pass
        w.close()
    go()
    asyncio.run(talk())


def pyopenssl():
    from OpenSSL import SSL
    go()
    c = SSL.Connection(SSL.Context(SSL.TLS_METHOD if hasattr(SSL, "TLS_METHOD") else
                                   SSL.SSLv23_METHOD), plain())
    c.set_connect_state()
    c.do_handshake()
    c.sendall(REQUEST)
    c.sendall(BODY)
    try:
        while c.recv(65536):
            pass
    except SSL.ZeroReturnError:
        pass
    c.shutdown()


def pycurl():
    import pycurl
    c = pycurl.Curl()
    for option, value in ((c.URL, URL), (c.SSL_VERIFYPEER, 0), (c.SSL_VERIFYHOST, 0),
                          (c.PROXY, ""), (c.POST, 1), (c.POSTFIELDS, BODY),
                          (c.HTTPHEADER, ["Connection: close"]),
                          (c.WRITEFUNCTION, lambda b: None)):
        c.setopt(option, value)
    go()
    c.perform()


def curl_cffi():
    from curl_cffi import requests
    go()
    requests.post(URL, data=BODY, verify=False, impersonate="chrome",
                  headers={"Connection": "close"}, http_version="v1")


def grpc():
    import grpc
    import ssl as s
    cert = s.get_server_certificate(("127.0.0.1", port)).encode()
    go()
    with grpc.secure_channel(
            f"127.0.0.1:{port}", grpc.ssl_channel_credentials(cert),
            [("grpc.ssl_target_name_override", "localhost")]) as channel:
        channel.unary_unary("/secret/talk")(BODY[:20000], timeout=50,
                                            metadata=(("secret", secret),))


def psycopg2():
    import psycopg2
    go()
    try:
        psycopg2.connect(host="127.0.0.1", port=port, user=secret, password="p",
                         sslmode="require", gssencmode="disable", dbname="d")
    except psycopg2.OperationalError:
        pass


def mysql():
    import _mysql_connector  # first, or the libssl of this Python is taken
    import mysql.connector as m
    go()
    try:
        m.connect(host="127.0.0.1", port=port, user=secret, password="p", use_pure=False,
                  ssl_verify_cert=False)
    except m.Error:
        pass


def kafka():
    import time
    from confluent_kafka import Producer
    go()
    p = Producer({"bootstrap.servers": f"127.0.0.1:{port}", "security.protocol": "ssl",
                  "client.id": secret, "enable.ssl.certificate.verification": False,
                  "log_level": 0, "api.version.request.timeout.ms": 60000,
                  "socket.connection.setup.timeout.ms": 60000, "reconnect.backoff.ms": 60000,
                  "reconnect.backoff.max.ms": 60000})
    sys.stdin.readline()  # until it is told to end
    p.poll(1)
    time.sleep(1)


def libtorrent():
    import libtorrent as lt
    s = lt.session({"validate_https_trackers": False, "ssrf_mitigation": False,
                    "enable_dht": False, "enable_lsd": False, "listen_interfaces":
                    "127.0.0.1:0", "announce_to_all_trackers": True})
    go()
    p = lt.parse_magnet_uri("magnet:?xt=urn:btih:" + "5" * 40)
    p.trackers, p.save_path = [URL], "."
    s.add_torrent(p)
    sys.stdin.readline()


globals()[how]()
