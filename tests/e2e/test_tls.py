#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Real clients and servers: what is captured is what they said, byte for byte."""
import hashlib
import shutil
import subprocess
import time

from harness import (PYTHON, Capture, Server, curl, final, free_port, main, nothing_lost,
                 payload, scaled, streams, sums, wait_for, ENV, LOOP, OLD_SHAPES,
                     PERF_AND_OWN, SLOW, SOCK_EVENTS)


def talk(data, pid, direction):
    return b"".join(payload(i) for i in data
                    if i["pid"] == pid and i["dir"] == direction)


def both_sides(place, host, shown):
    """curl and nginx: each side has the other's bytes and the addresses that curl says."""
    with place.nginx(host) as server, Capture("--format", "json") as cap:
        out = curl("-w", "\n%{local_ip} %{local_port} %{remote_ip} %{remote_port}",
                   f"https://{host}:{server.port}/hello.txt").decode()
        local, lport, remote, rport = out.splitlines()[-1].split()
        assert cap.stop() == 0, cap.log()
        data = cap.items("data")
        mine = [i for i in data if i.get("sport") in (int(lport), server.port)
                and i.get("dport") in (int(lport), server.port)]
        by = {(i["comm"], i["dir"]): b"" for i in mine}
        for i in mine:
            by[i["comm"], i["dir"]] += payload(i)
        request, response = by["curl", "sent"], by["curl", "received"]
        assert request.startswith(b"GET /hello.txt HTTP/1.1\r\n"), request
        assert response.endswith(b"\r\n\r\nhello from the server\n"), response
        assert by["nginx", "received"] == request
        assert by["nginx", "sent"] == response
        for i in mine:
            from_curl = (i["comm"] == "curl") == (i["dir"] == "sent")
            ends = ((local, int(lport)), (remote, int(rport)))
            src, dst = ends if from_curl else ends[::-1]
            assert (i["src"], i["sport"]) == src and (i["dst"], i["dport"]) == dst, i
            assert i["uid"] == 0 and i["tid"]
        assert remote == shown
        nothing_lost(cap)


def curl_nginx(place):
    both_sides(place, "127.0.0.1", "127.0.0.1")


def curl_nginx_ipv6(place):
    both_sides(place, "[::1]", "::1")


def python_clients(place):
    url = "https://127.0.0.1:%d/hello.txt"
    codes = {
        "urllib": "import sys,ssl,urllib.request as u\n"
                  "u.urlopen(sys.argv[1],context=ssl._create_unverified_context()).read()",
        "requests": "import sys,requests,urllib3\nurllib3.disable_warnings()\n"
                    "requests.get(sys.argv[1],verify=False)",
    }
    with place.nginx() as server:
        for name, code in codes.items():
            with Capture("--format", "json",
                         command=[PYTHON, "-c", code, url % server.port]) as cap:
                assert cap.wait() == 0, cap.log()
                data = cap.items("data")
                pid = data[0]["pid"]
                assert talk(data, pid, "sent").startswith(b"GET /hello.txt HTTP/1.1\r\n")
                assert talk(data, pid, "received").endswith(b"hello from the server\n")
                assert all(server.port in (i["sport"], i["dport"]) for i in data), name
                assert {i["pid"] for i in data} == {pid}, "somebody else is shown"


def python_server(place):
    port = free_port()
    code = ("import sys,ssl,socket\n"
            "c=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
            "c.load_cert_chain(sys.argv[2],sys.argv[3])\n"
            "l=socket.create_server(('127.0.0.1',int(sys.argv[1])))\n"
            "while 1:\n"
            "  try:\n"
            "    s=c.wrap_socket(l.accept()[0],server_side=True)\n"
            "    s.recv(9000);s.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\nfrom python')\n"
            "    s.unwrap()\n"
            "  except OSError: pass\n")
    with Server([PYTHON, "-c", code, str(port), place.cert, place.key], port) as server:
        with Capture("--format", "json", "--pid", str(server.pid)) as cap:
            curl(f"https://127.0.0.1:{port}/x")
            assert cap.stop() == 0
            data = cap.items("data")
            assert talk(data, server.pid, "received").startswith(b"GET /x HTTP/1.1")
            assert talk(data, server.pid, "sent").endswith(b"from python")
            assert {i["pid"] for i in data} == {server.pid}


def openssl_programs(place):
    """s_server answers through BIO_f_ssl: only the internal functions see that."""
    with place.s_server() as server, Capture("--format", "json") as cap:
        out = subprocess.run(["openssl", "s_client", "-quiet", "-connect",
                              f"127.0.0.1:{server.port}"], capture_output=True, env=ENV,
                             input=b"GET / HTTP/1.0\r\n\r\n", timeout=20 * SLOW).stdout
        assert cap.stop() == 0
        data = cap.items("data")
        sent = talk(data, server.pid, "sent")
        assert sent == out and b"Cipher is" in sent, (len(sent), len(out))
        assert talk(data, server.pid, "received") == b"GET / HTTP/1.0\r\n\r\n"
        client = [i["pid"] for i in data if i["pid"] != server.pid
                  and server.port in (i.get("sport"), i.get("dport"))]
        assert talk(data, client[0], "received") == out
        assert talk(data, client[0], "sent") == b"GET / HTTP/1.0\r\n\r\n"


def binary_body(place):
    with place.nginx() as server, Capture("--format", "json") as cap:
        got = curl(f"https://127.0.0.1:{server.port}/all.bin")
        assert cap.stop() == 0
        assert got == place.binary
        data = cap.items("data")
        for comm, d in (("curl", "received"), ("nginx", "sent")):
            all_bytes = b"".join(payload(i) for i in data
                                 if i["comm"] == comm and i["dir"] == d)
            body = all_bytes.split(b"\r\n\r\n", 1)[1]
            assert hashlib.sha256(body).digest() == hashlib.sha256(got).digest(), comm


def helper(place, args, *options, status=0):
    with Capture("--format", "json", *options, command=place.calls(*args)) as cap:
        assert cap.wait(60) == status, cap.log()
        want = sorted(line for line in cap.log().splitlines()
                      if line.startswith(("SENT ", "RECEIVED ")))
        assert want, cap.log()
        return cap, want


def every_call(place):
    """write, _ex, peek, retries, partial, zero length, BIO_f_ssl, early data."""
    cap, want = helper(place, ["calls"])
    assert sums(cap.items("data")) == want
    nothing_lost(cap)
    # memory BIOs: no addresses, and none made up
    assert not any("src" in i for i in cap.items("data"))


def every_call_perf(place):
    cap, want = helper(place, ["calls"], "--probe-kind", "perf")
    assert sums(cap.items("data")) == want


def big_writes(place):
    for size in (1000000, 1 << 20, *([8 << 20] if LOOP else [])):
        # both ends are traced: 16 MiB in milliseconds
        cap, want = helper(place, ["big", size], "--mapsize", "10240")
        assert sums(cap.items("data")) == want, size
        nothing_lost(cap)
        sent = [i for i in cap.items("data") if i["dir"] == "sent"]
        assert len(sent) == 1, "one call is one message"


def big_write_without_loop(place):
    """64 chunks where the kernel has no bpf_loop; what is over is counted, to the byte."""
    for shape in OLD_SHAPES:
        big_write_of(place, shape)


def big_write_of(place, shape):
    cap, want = helper(place, ["big", 1 << 20], "--shape", shape)
    assert sums(cap.items("data")) == want
    size = 8 << 20
    cap, want = helper(place, ["big", size], "--shape", shape)
    sent = [i for i in cap.items("data") if i["dir"] == "sent"]
    assert sum(i["len"] for i in sent) == 1 << 20
    assert final(cap)["lost"]["long"]["bytes"] == size - (1 << 20), final(cap)
    shown = sum(i["lost"] for i in sent) + sum(
        i["bytes"] for i in cap.items("loss") if i["dir"] == "sent")
    assert shown == size - (1 << 20)
    received = b"".join(payload(i) for i in cap.items("data") if i["dir"] == "received")
    assert f"RECEIVED {size} {hashlib.sha256(received).hexdigest()}" in want


def reused_objects(place):
    cap, want = helper(place, ["reuse"])
    assert sums(cap.items("data")) == want
    assert len({i["conn"] for i in cap.items("data")}) == 12
    assert all("src" in i for i in cap.items("data"))


def opened_before(place):
    with place.nginx() as server:
        code = ("import sys,ssl,http.client\n"
                "h=http.client.HTTPSConnection('127.0.0.1',int(sys.argv[1]),"
                "context=ssl._create_unverified_context())\n"
                "h.request('GET','/hello.txt');h.getresponse().read();print('open',flush=True)\n"
                "sys.stdin.readline()\n"
                "h.request('GET','/hello.txt?second');h.getresponse().read()\n")
        client = subprocess.Popen([PYTHON, "-c", code, str(server.port)], env=ENV,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert client.stdout.readline() == b"open\n"
        with Capture("--format", "json") as cap:
            client.communicate(b"\n", timeout=20 * SLOW)
            assert cap.stop() == 0
            data = cap.items("data")
            assert talk(data, client.pid, "sent").startswith(b"GET /hello.txt?second ")
            assert talk(data, server.pid, "sent").endswith(b"hello from the server\n")
            assert all(server.port in (i["sport"], i["dport"]) for i in data)


def many_curls(place):
    with place.nginx() as server, Capture("--format", "json") as cap:
        url = f"https://127.0.0.1:{server.port}/hello.txt?n=[1-1]&id="
        running = []
        curls = scaled(200)
        for n in range(curls):
            running.append(subprocess.Popen(["curl", "-sk", "--noproxy", "*", "-o",
                                             "/dev/null", url + str(n)], env=ENV))
            if len(running) >= 40:
                assert running.pop(0).wait(60 * SLOW) == 0
        for r in running:
            assert r.wait(60 * SLOW) == 0
        assert cap.stop() == 0
        nothing_lost(cap)
        requests, answers = {}, 0
        data = [i for i in cap.items("data")
                if server.port in (i.get("sport", server.port), i.get("dport"))]
        by_conn = streams([i for i in data if i["comm"] == "curl"])
        assert len({c for c, _ in by_conn}) == curls, len(by_conn)
        for (conn, d), b in by_conn.items():
            if d == "sent":
                n = int(b.split(b"id=")[1].split()[0])
                requests[n] = requests.get(n, 0) + 1
                assert b.endswith(b"\r\n\r\n") and b.count(b"GET ") == 1
            else:
                answers += 1
                assert b.endswith(b"hello from the server\n") and b.count(b"HTTP/1.1") == 1
        assert requests == {n: 1 for n in range(curls)} and answers == curls
        assert len(streams([i for i in data if i["comm"] == "nginx"])) == 2 * curls
        missing = [i for i in data if "src" not in i]
        assert not missing, f"{len(missing)} of {len(data)} without addresses"


def ways_to_addresses(place):
    with place.nginx() as server:
        get = ["curl", "-sk", "--noproxy", "*", f"https://127.0.0.1:{server.port}/hello.txt"]
        for way in ("sock", "syscall") if SOCK_EVENTS else ("syscall",):
            with Capture("--format", "json", "--ways", way, command=get) as cap:
                assert cap.wait() == 0
                data = cap.items("data")
                assert data and all(server.port in (i["sport"], i["dport"])
                                    for i in data), (way, data)
        # user space alone: answers come while the programs still have the descriptor
        for args in PERF_AND_OWN:
            with Capture("--format", "json", "--ways", "user", *args) as cap:
                subprocess.run(get + get[-1:] * 40, check=True, capture_output=True, env=ENV)
                assert cap.stop() == 0
                data = [i for i in cap.items("data") if i["comm"] == "curl"]
                with_addresses = [i for i in data if server.port in (i.get("sport"),
                                                                     i.get("dport"))]
                assert len(data) >= 82 and len(with_addresses) == len(data), (args, data)
        with Capture("--format", "json", "--ways", "fd", "--pid", str(server.pid)) as cap:
            subprocess.run(get, check=True, capture_output=True, env=ENV)
            assert cap.stop() == 0
            data = cap.items("data")
            assert data and all(i["sport"] and i["dport"] for i in data), data


def lookup_after_a_pause(place):
    """The host-wide look-up is off when nothing lacks addresses, and on in time."""
    own = place / "ec-curl"  # by its own name, so that no other program asks
    shutil.copy(shutil.which("curl"), own)
    lacking = []
    with place.nginx() as server:
        # a curl is over in milliseconds: on a busy machine it may be so before we have run
        for _ in range(3):
            with Capture("--format", "json", "-d", "--comm", "ec-curl") as cap:
                wait_for("look-up off", lambda: "look-up: off" in cap.log())
                for _ in range(3):
                    subprocess.run([own, "-sk", "--noproxy", "*",
                                    f"https://127.0.0.1:{server.port}/hello.txt"],
                                   check=True, capture_output=True, env=ENV)
                    time.sleep(0.1)
                assert cap.stop() == 0
                data = cap.items("data")
                assert len(data) >= 6 and "look-up: on" in cap.log(), data
                lacking = [i for i in data if "src" not in i]
                if not lacking:
                    return
    assert not lacking, lacking


def flat_out(place):
    """More than goes through: intact + counted lost = sent, to the byte."""
    for shape in PERF_AND_OWN:
        flat_out_in(place, *shape)


def flat_out_in(place, *options):
    n, size = 3000, 16384
    cap, want = helper(place, ["flat", n, size], "--mapsize", "64", "-o", "text:/dev/null",
                       *options)
    stats = final(cap)
    intact = {"sent": 0, "received": 0}
    for i in cap.items("data"):
        intact[i["dir"]] += i["len"]
    lost = sum(i["lost"] + i.get("lost_before", 0) for i in cap.items("data"))
    lost += sum(i["bytes"] for i in cap.items("loss"))
    assert stats["lost_bytes"] > 0, "nothing was lost: the test says nothing"
    assert stats["bytes"] + stats["lost_bytes"] == 2 * n * size, stats
    assert intact["sent"] + intact["received"] == stats["bytes"]
    assert lost == stats["lost_bytes"], (lost, stats)


main([curl_nginx, curl_nginx_ipv6, python_clients, python_server, openssl_programs,
      binary_body, every_call, every_call_perf, big_writes, big_write_without_loop,
      reused_objects, opened_before, many_curls, ways_to_addresses, lookup_after_a_pause,
      flat_out])
