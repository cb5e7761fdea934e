"""frank-authority as clients and operators meet it: every path, what it refuses, signatures that
another implementation checks, keys that rotate, a factor that changes, copies, restarts."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from authority_support import BASE, PATIENCE_S, Authority, openssl_verifies, unpad, verb
from harness import Skip, one_try_passes, program, run, wait_until

TYPES = {"factor": "application/json", "factor.jws": "application/jose",
         "keys": "application/jwk-set+json", "keys.jws": "application/jose",
         "history": "application/json"}


def raw(port, text):
    """The head and what comes with it, of the answer to a text that is sent as it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as peer:
        peer.sendall(text.encode())
        reply = b""
        while b"\r\n\r\n" not in reply:
            piece = peer.recv(65536)
            assert piece, (text, reply)
            reply += piece
        return reply.decode()


def every_path_answers():
    with Authority(["--factor", "16m", "--max-age", "120s"]) as authority:
        for name, kind in TYPES.items():
            status, headers, body = authority.ask(BASE + name)
            assert (status, headers["Content-Type"]) == (200, kind), (name, status, headers)
            assert headers["Cache-Control"] == "public, max-age=120", headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "script" not in headers["Content-Security-Policy"]
            # HEAD: the same, without the body.
            head = authority.ask(BASE + name, "HEAD")
            assert head[0] == 200 and head[2] == "" and body, head
            for header in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
                assert head[1][header] == headers[header], (name, header)
        document = authority.json("factor")
        assert document["issuer"] == "authority.example" and document["kind"] == "authority"
        assert (document["v"], document["epoch"], document["factor"]) == (1, 1, 16000000), document
        assert document["expires"] - document["issued"] == 86400 and "previous" not in document
        assert "mode" not in document
        history = authority.json("history")["epochs"]
        assert [(e["epoch"], e["factor"]) for e in history] == [(1, 16000000)], history
        status, headers, page = authority.ask("/")
        assert status == 200 and headers["Content-Type"].startswith("text/html"), headers
        assert "16" in page and "<script" not in page.lower()
        assert authority.ask("/healthz")[::2] == (200, "alive\n")


def unchanged_answers_cost_no_body():
    with Authority(["--factor", "1000"]) as authority:
        for path in [BASE + name for name in TYPES] + ["/"]:
            etag = authority.ask(path)[1]["ETag"]
            assert re.fullmatch(r'"[0-9a-f]{32}"', etag), etag
            for tags in (etag, "W/" + etag, f'"other", {etag}', f'W/"a",\t{etag} ', "*"):
                status, headers, body = authority.ask(path, headers={"If-None-Match": tags})
                assert (status, body, headers["ETag"]) == (304, "", etag), (tags, status, body)
                assert "max-age" in headers["Cache-Control"]
            for tags in ('"other"', etag[:-1], etag.strip('"'), "", ",,", 'W/""'):
                assert authority.ask(path, headers={"If-None-Match": tags})[0] == 200, tags
        etag = authority.ask(BASE + "factor")[1]["ETag"]
        verb(authority.state, "publish", "--factor", "2000")
        authority.wait_epoch(2)
        status, headers, _ = authority.ask(BASE + "factor", headers={"If-None-Match": etag})
        assert status == 200 and headers["ETag"] != etag


def what_is_not_served_is_refused():
    with Authority(["--factor", "1000"]) as authority:
        for path in ("/nothing", BASE, BASE + "factor/", BASE + "FACTOR", "//", "/.well-known",
                     BASE + "../factor", "/%2e%2e/", "/healthz/"):
            assert authority.ask(path)[0] == 404, path
            assert authority.ask(path, "POST", body="x")[0] == 404, path
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"):
            status, headers, _ = authority.ask(BASE + "factor", method)
            assert (status, headers["Allow"]) == (405, "GET, HEAD"), (method, status, headers)
        status, headers, _ = authority.ask(BASE + "report")
        assert (status, headers["Allow"]) == (405, "POST"), headers
        assert authority.ask(BASE + "factor", body="x=1")[0] == 400
        assert authority.ask(BASE + "factor", headers={"Transfer-Encoding": "chunked"})[0] == 400
        status, _, body = authority.ask(BASE + "report", "POST", body="x" * 65537)
        assert status == 413, (status, body)
        # Without a length, so that only counting tells.
        pieces = (b"y" * 9000 for _ in range(9))
        assert authority.ask(BASE + "report", "POST", body=pieces)[0] == 413
        assert authority.ask("/healthz", headers={"X": "y" * 100000})[0] == 431
        assert authority.ask(BASE + "factor?x=" + "y" * 100000)[0] in (404, 414, 431)
        assert authority.ask(BASE + "factor")[0] == 200


def openssl_verifies_what_it_signs():
    if shutil.which("openssl") is None:
        raise Skip("no openssl command")
    with Authority(["--factor", "1000", "--kind", "provider", "--testing"]) as authority:
        keys = authority.json("keys")
        assert [key["alg"] for key in keys["keys"]] == ["EdDSA"] and keys["issued"] > 0
        header, payload = openssl_verifies(authority.ask(BASE + "factor.jws")[2], keys)
        assert header["typ"] == "msmr-factor+jws" and payload == authority.json("factor"), payload
        assert payload["kind"] == "provider" and payload["mode"] == "testing"
        header, payload = openssl_verifies(authority.ask(BASE + "keys.jws")[2], keys)
        assert header["typ"] == "jwk-set+jws" and payload == keys
        # And the check can fail.
        jws = authority.ask(BASE + "factor.jws")[2]
        head, middle, signature = jws.split(".")
        forged = f"{head}.{middle[:-2]}{'A' if middle[-2] != 'A' else 'B'}{middle[-1]}.{signature}"
        try:
            openssl_verifies(forged, keys)
        except AssertionError:
            return
        raise AssertionError("openssl took a forged one")


def a_change_keeps_the_factor_before_it():
    with Authority(["--factor", "1000", "--grace", "1h"]) as authority:
        assert verb(authority.state, "publish", "--factor", "2k", "--reason", "spam r\u00f6se")[1] == [
            {"epoch": 2, "factor": 2000, "new": True, "final": True}]
        authority.wait_epoch(2)
        document = authority.json("factor")
        assert document["factor"] == 2000, document
        previous = document["previous"]
        assert (previous["epoch"], previous["factor"]) == (1, 1000), previous
        assert previous["until"] - document["issued"] == 3600
        # The same factor again is no change.
        assert verb(authority.state, "publish", "--factor", "2000")[1][0]["new"] is False
        # A change within the other's time: there is room for one, and the lowest refuses nobody.
        verb(authority.state, "publish", "--factor", "3000")
        authority.wait_epoch(3)
        previous = authority.json("factor")["previous"]
        assert (previous["epoch"], previous["factor"]) == (1, 1000), previous
        history = authority.json("history")["epochs"]
        assert [e["factor"] for e in history] == [1000, 2000, 3000], history
        assert [e["epoch"] for e in history] == [1, 2, 3]
        assert history[1]["reason"] == "spam r??se", "it is ASCII: " + history[1]["reason"]
        told = verb(authority.state, "history")[1]
        assert told[:-1] == history and told[-1]["epochs"] == 3


def a_key_file_that_is_no_file_is_named():
    with Authority(["--factor", "1000"]) as authority:
        [key] = [name for name in os.listdir(authority.state) if name.startswith("key-")]
        path = os.path.join(authority.state, key)
        os.rename(path, path + ".away")
        os.mkfifo(path) # a read would wait for a writer, with the store locked
        status, _, error = verb(authority.state, "publish", "--factor", "2000", check=False)
        assert status == 1 and path in error, error
        os.rename(path + ".away", path)
        verb(authority.state, "publish", "--factor", "3000")
        authority.wait_epoch(2)


def a_key_that_root_makes_is_its_servers():
    """sudo frank-authority rotate-key, beside a server that runs as another user."""
    if os.geteuid() != 0:
        raise Skip("needs root, to be another user's")
    with Authority(["--factor", "1000"]) as authority:
        authority.end()
        for name in ("", *os.listdir(authority.state)):
            os.chown(os.path.join(authority.state, name), 65534, 65534)
        verb(authority.state, "rotate-key")
        for name in os.listdir(authority.state):
            assert os.stat(os.path.join(authority.state, name)).st_uid == 65534, name


def documents_are_signed_anew_in_time():
    """At half their time: the other half is what a machine that stands still may take. The factor
    before counts for two seconds. They may be over before anybody looks: then there is another."""
    with Authority(["--factor", "1000", "--valid", "20s", "--max-age", "1s", "--grace",
                    "2s"]) as authority:
        for epoch in range(2, 12):
            verb(authority.state, "publish", "--factor", str(1000 * epoch))
            authority.wait_epoch(epoch)
            first = authority.json("factor")
            if "previous" in first:
                break
        assert first["previous"]["factor"] == 1000 * (epoch - 1), first

        def followed_by_another(_):
            first = document = authority.json("factor")
            until = time.monotonic() + 30
            while document["issued"] == first["issued"]:
                before = time.time()
                document = authority.json("factor")
                assert document["epoch"] == epoch and document["expires"] > before, document
                assert time.monotonic() < until, document
                time.sleep(0.2)
            assert document["expires"] - document["issued"] == 20, document
            assert first["issued"] < document["issued"] < first["expires"], (first, document)
        one_try_passes(3, followed_by_another)
        wait_until("its time is over", lambda: "previous" not in authority.json("factor"), 20)


def _names_the_next_key_first(authority, after_s):
    """A rotation, as it is before the new key is in force. Returns both keys, and the new one."""
    first = authority.json("keys")
    [key] = first["keys"]
    _, [made], _ = verb(authority.state, "rotate-key", "--after", f"{after_s}s")
    assert made["state"] == "next", made
    wait_until("the set names both", lambda: len(authority.json("keys")["keys"]) == 2)
    both = authority.json("keys")
    # Named and signed by the one that clients know already.
    header, payload = openssl_verifies(authority.ask(BASE + "keys.jws")[2], first)
    assert header["kid"] == key["kid"] and payload == both
    assert both["issued"] >= first["issued"]
    assert openssl_verifies(authority.ask(BASE + "factor.jws")[2], first)[0]["kid"] == key["kid"]
    # A second rotation meanwhile is refused by name.
    status, records, errors = verb(authority.state, "rotate-key", "--after", "1s", check=False)
    assert status == 1 and made["kid"] in errors and records[-1]["final"], (status, errors)
    return both, made


def keys_rotate_and_each_set_is_signed_by_one_known_before():
    if shutil.which("openssl") is None:
        raise Skip("no openssl command")
    with Authority(["--factor", "1000"]) as authority:
        after_s = 4
        while True:
            begin = time.monotonic()
            try:
                both, made = _names_the_next_key_first(authority, after_s)
                break
            except (AssertionError, KeyError, ValueError):
                if time.monotonic() - begin < after_s - 1 or after_s > 60:
                    raise
            # The new key was in force before all was looked at: once more, with more time.
            wait_until("one key is left", lambda: len(authority.json("keys")["keys"]) == 1,
                       3 * after_s + 30)
            after_s *= 3

        def signed_by(kid):
            head = authority.ask(BASE + "factor.jws")[2].split(".")[0]
            return kid in json.dumps(json.loads(unpad(head)))
        wait_until("the new key signs", lambda: signed_by(made["kid"]), after_s + 10)
        # The old one stays in the set, and what the new one signs verifies by the set of before.
        assert openssl_verifies(authority.ask(BASE + "factor.jws")[2], both)[1]["factor"] == 1000
        openssl_verifies(authority.ask(BASE + "keys.jws")[2], both)
        wait_until("the old key goes",
                   lambda: [k["kid"] for k in authority.json("keys")["keys"]] == [made["kid"]],
                   after_s + 10)

        def key_files():
            return [name for name in os.listdir(authority.state) if name.startswith("key-")]
        wait_until("its secret goes", lambda: key_files() == ["key-" + made["kid"]])
        secret = os.path.join(authority.state, key_files()[0])
        assert os.stat(secret).st_mode & 0o777 == 0o600
        _, records, _ = verb(authority.state, "keys")
        assert [r["kid"] for r in records[:-1]] == [made["kid"]] and records[0]["state"] == "current"


def a_restart_keeps_epoch_and_key():
    with Authority(["--factor", "1000"]) as authority:
        verb(authority.state, "publish", "--factor", "2000")
        authority.wait_epoch(2)
        before = authority.json("factor")
        keys = authority.json("keys")
        assert authority.end() == 0
        # A start that names the factor of before publishes it: 2000 is in force.
        authority.start()
        assert authority.json("factor")["epoch"] == 3 and authority.json("factor")["factor"] == 1000
        assert authority.end() == 0
        authority.args = ["--issuer", "authority.example"]
        authority.start()
        assert authority.json("factor")["epoch"] == 3 and authority.json("keys") == keys
        assert before["epoch"] == 2


def another_issuer_is_refused():
    with Authority(["--factor", "1000"]) as authority:
        assert authority.end() == 0
        authority.args = ["--issuer", "other.example"]
        authority.start(wait=False)
        assert authority.process.wait(PATIENCE_S) == 78
        authority.wait_log("its issuer is authority.example")
        authority.args = []
        authority.start()
        assert authority.json("factor")["issuer"] == "authority.example"


def values_and_verbs_that_are_wrong_are_named():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        state = os.path.join(folder, "none")
        pipe = os.path.join(folder, "pipe")
        os.mkfifo(pipe)
        serve = ["--listen", "127.0.0.1:0", "--issuer", "x", "--state", os.path.join(folder, "s")]
        for args, status, text in (
                (["publsh"], 2, "publish is the nearest"), (["--nothing"], 2, "--nothing"),
                (["publish", "--state", state], 2, "--factor"),
                (["publish", "--listen", "x"], 78, "--listen"),
                (["publish", "--factor", "5", "--reason", "a\nb"], 78, "--reason"),
                (["keys", "--factor", "1"], 2, "--factor does not go with keys"),
                (["--factor", "0x10"], 78, "--factor"), (["--factor", "9007199254740992"], 78, ""),
                (["--listen", "localhost:80"], 78, "ADDRESS:PORT"),
                (["--issuer", "a b"], 78, "--issuer"), (["--kind", "king"], 78, "--kind"),
                (["--valid", "1s"], 78, "--valid"), (["--max-age", "23h"], 78, "--max-age"),
                (["--read-only", "--factor", "5"], 78, "--factor"),
                (["--min-work", "5s", "--max-work", "4s"], 78, "--min-work"),
                (["--base-url", "ftp://x"], 78, "--base-url"),
                (["reporter"], 2, "add NAME"), (["reporter", "add"], 2, "add NAME"),
                (["reporter", "list", "x"], 2, "add NAME"), (["keys", "x"], 2, "\"x\""),
                (["reporter", "add", "a b", "--state", folder], 1, "a b"),
                (["--trusted-proxy", "proxy.example"], 78, "--trusted-proxy"),
                (["publish", "--factor", "5", "--state", "/dev/null/x"], 1, "/dev/null/x"),
                (["publish", "--factor", "5", "--state", os.path.join(folder, "a/b")], 1, "a/b"),
                (["publish", "--factor", "5", "--state", os.path.join(folder, "new")], 1,
                 "nothing was published yet"),
                (["history", "--state", state], 1, state), (["keys", "--state", state], 1, state),
                (["--read-only", "--listen", "127.0.0.1:0", "--state", state], 1, state),
                ([*serve, "--access-log", pipe], 1, pipe), # nobody reads it
                ([*serve, "--access-log", folder], 1, folder)):
            done = subprocess.run([program("frank-authority"), *args], capture_output=True,
                                  text=True, timeout=PATIENCE_S, check=False)
            assert done.returncode == status and text in done.stderr, (args, done)
        for flag in ("--help", "--version"):
            done = subprocess.run([program("frank-authority"), flag], capture_output=True,
                                  text=True, timeout=PATIENCE_S, check=True)
            assert "frank-authority" in done.stdout and done.stderr == "", done


def a_taken_port_publishes_nothing():
    with Authority(["--factor", "1000"]) as authority, \
            tempfile.TemporaryDirectory(prefix="frank-") as folder:
        done = subprocess.run([program("frank-authority"), "--state", os.path.join(folder, "s"),
                               "--listen", f"127.0.0.1:{authority.port}", "--factor", "5"],
                              capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 1 and "in use" in done.stderr, done
        status, records, _ = verb(os.path.join(folder, "s"), "history", check=False)
        assert status == 1 and "nothing was published yet" in records[-1]["message"], records


def a_copy_serves_the_same_and_follows():
    with Authority(["--factor", "1000"]) as authority, \
            tempfile.TemporaryDirectory(prefix="frank-") as folder:
        copy_dir = os.path.join(folder, "copy")
        os.mkdir(copy_dir)

        def copy():
            # As rsync does: another file, then renamed over the old one. No key goes along.
            target = os.path.join(copy_dir, "authority.db")
            shutil.copy(os.path.join(authority.state, "authority.db"), target + ".new")
            os.rename(target + ".new", target)

        copy()
        with Authority(["--read-only"], state=copy_dir, issuer=None) as copied, \
                Authority(["--read-only"], state=authority.state, issuer=None) as beside:
            for name in TYPES:
                texts = {server.ask(BASE + name)[2] for server in (authority, copied, beside)}
                assert len(texts) == 1, texts
                tags = {server.ask(BASE + name)[1]["ETag"] for server in (authority, copied, beside)}
                assert len(tags) == 1, "ETags are the same behind one name"
            verb(authority.state, "publish", "--factor", "2000")
            begin = time.monotonic()
            beside.wait_epoch(2)
            print(f"beside it after {time.monotonic() - begin:.2f} s")
            assert copied.json("factor")["epoch"] == 1
            copy()
            begin = time.monotonic()
            copied.wait_epoch(2)
            print(f"the copy after {time.monotonic() - begin:.2f} s")
            assert os.listdir(copy_dir) == ["authority.db"], os.listdir(copy_dir)
            status, _, body = copied.ask(BASE + "report", "POST", body="{}")
            assert status == 503 and "takes no reports" in body
            # A damaged copy is named, and what was served before stays.
            with open(os.path.join(copy_dir, "authority.db"), "r+b") as file:
                file.truncate(5000)
            wait_until("it says so", lambda: "event=state-refused" in copied.log() or
                       "frank_authority_load_errors_total 0" not in copied.ask("/metrics")[2])
            assert copied.json("factor")["epoch"] == 2
            copy()
            verb(authority.state, "publish", "--factor", "3000")
            older = os.path.join(folder, "older.db")
            shutil.copy(os.path.join(copy_dir, "authority.db"), older)
            copy()
            copied.wait_epoch(3)
            # Copies that come in the wrong order do not take it back.
            os.rename(older, os.path.join(copy_dir, "authority.db"))
            copied.wait_log("is older than 3")
            assert copied.json("factor")["epoch"] == 3
            verb(authority.state, "publish", "--factor", "4000")
            copy()
            copied.wait_epoch(4)


def a_read_only_copy_of_nothing_and_expiry_are_told():
    with Authority(["--factor", "1000", "--valid", "4s", "--max-age", "1s"]) as authority:
        assert authority.end() == 0
        with Authority(["--read-only"], state=authority.state, issuer=None) as copied:
            wait_until("/healthz tells that it expired",
                       lambda: copied.ask("/healthz")[::2] == (503, "the document has expired\n"),
                       10)


def a_killed_child_comes_back_and_no_connection_is_refused():
    with Authority(["--factor", "1000"]) as authority:
        pid = authority.http_pid()
        os.kill(pid, signal.SIGKILL)
        # The listening socket is the keeper's: this one waits in its queue.
        assert authority.ask(BASE + "factor")[0] == 200
        assert authority.http_pid() not in (None, pid)
        assert authority.process.poll() is None
        # One that hangs is noticed, too.
        os.kill(authority.http_pid(), signal.SIGSTOP)
        assert authority.ask(BASE + "factor", timeout_s=2 * PATIENCE_S)[0] == 200


def killed_in_the_middle_of_publications_no_epoch_is_lost():
    with Authority(["--factor", "1000"]) as authority:
        told = 1
        for round_number in range(8):
            publisher = subprocess.Popen(
                ["/bin/sh", "-c", 'i=0; while :; do i=$((i + 1)); "$0" publish --json --state "$1" '
                 "--factor $(($2 + i)) || exit 1; done", program("frank-authority"),
                 authority.state, str(10000 * (round_number + 1))],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                start_new_session=True)
            out = [publisher.stdout.readline() for _ in range(4)]
            time.sleep(0.007 * round_number)  # somewhere in the next one
            os.killpg(publisher.pid, signal.SIGKILL)
            authority.kill()
            out += publisher.communicate(timeout=PATIENCE_S)[0].splitlines()
            assert all(out[:4]), out
            for line in out:
                if line.rstrip().endswith("}"):
                    told = max(told, json.loads(line)["epoch"])
            authority.args = ["--issuer", "authority.example"]
            authority.start()
            epoch = authority.json("factor")["epoch"]
            assert epoch >= told, f"epoch {epoch} after {told} was told"
            told = epoch
            history = authority.json("history")["epochs"]
            assert [e["epoch"] for e in history][-1] == epoch
        assert told > 32, told
        print(f"{told} epochs, none lost")


def metrics_pass_promtool():
    if shutil.which("promtool") is None:
        raise Skip("promtool is not installed")
    with Authority(["--factor", "1000"]) as authority:
        authority.ask("/nothing")
        authority.ask(BASE + "factor")
        status, headers, text = authority.ask("/metrics")
        assert status == 200 and "version=0.0.4" in headers["Content-Type"]
        assert 'frank_authority_answers_total{path="/.well-known/msmr/factor",code="200"} 1' in text
        assert 'frank_authority_answers_total{path="other",code="404"} 1' in text
        assert "frank_authority_factor 1000" in text and "frank_authority_epoch 1" in text
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                              text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done


def odd_forms_of_requests_are_understood_or_refused():
    get = "GET {} HTTP/1.1\r\nHost: x\r\n\r\n"
    post = f"POST {BASE}report HTTP/1.1\r\nHost: x\r\n{{}}\r\n"
    length, coding = "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"
    with Authority(["--factor", "1000"]) as authority:
        for text, status in (
                (get.format(f"http://x{BASE}factor"), 200),
                (get.format(f"HTTPS://x:1{BASE}factor?a"), 200),
                (get.format("http://x"), 200),
                (get.format("http://"), 200),
                (get.format("http:/"), 404),
                (get.format("/%2ewell-known/msmr/factor"), 200),
                (get.format(f"{BASE}factor%00x"), 404),
                (get.format("/?range=%00"), 400),
                (post.format(length + "Content-Length: 2\r\n") + "hello", 400),
                (post.format(length + coding) + "0\r\n\r\n", 400),
                (post.format(length) + "hello", 401)):
            reply = raw(authority.port, text)
            assert reply.startswith(f"HTTP/1.1 {status} "), (text, reply)
            # Where the lengths are not clear, nothing after them is read as a request.
            assert status != 400 or "range" in text or "Connection: close" in reply, (text, reply)


def the_access_log_has_a_line_for_each_answer():
    with tempfile.TemporaryDirectory(prefix="frank-") as folder:
        path = os.path.join(folder, "access.log")
        with Authority(["--factor", "1000", "--access-log", path]) as authority:
            authority.ask(BASE + "factor", headers={"User-Agent": 'x"\x1b[31m', "Referer": "r",
                                                    "X-Forwarded-For": "10.0.0.1, 192.0.2.7"})
            authority.ask("/nothing")
            def lines():
                with open(path, encoding="ascii") as file:
                    return file.read().splitlines()
            wait_until("two lines", lambda: len(lines()) == 2)
            first, second = lines()
            assert re.fullmatch(r'192\.0\.2\.7 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                                r'"GET /\.well-known/msmr/factor HTTP/1\.1" 200 \d+ "r" '
                                r'"x\\x22\\x1b\[31m"', first), first
            assert second.startswith("127.0.0.1 - - [") and '" 404 ' in second, second
            os.rename(path, path + ".1")
            authority.process.send_signal(signal.SIGHUP)
            wait_until("the log is opened again", lambda: os.path.exists(path))
            authority.ask("/healthz")
            wait_until("its line is in the new file", lambda: len(lines()) == 1)
            # A proxy that adds a line of its own; spaces at the end; what is no address.
            for number, forwarded in enumerate((("192.0.2.1", "192.0.2.8"),
                                                ("192.0.2.1, 192.0.2.9 \t",), ("x",))):
                wait_until("those before it are in the file", lambda: len(lines()) > number)
                head = "".join(f"X-Forwarded-For: {value}\r\n" for value in forwarded)
                raw(authority.port, f"GET /healthz HTTP/1.1\r\nHost: x\r\n{head}\r\n")
            # What was answered last is not lost at the end.
            assert authority.end() == 0
            assert [line.split()[0] for line in lines()] == [
                "127.0.0.1", "192.0.2.8", "192.0.2.9", "127.0.0.1"], lines()


if __name__ == "__main__":
    run(every_path_answers, unchanged_answers_cost_no_body, what_is_not_served_is_refused,
        openssl_verifies_what_it_signs, a_change_keeps_the_factor_before_it,
        documents_are_signed_anew_in_time, keys_rotate_and_each_set_is_signed_by_one_known_before,
        a_restart_keeps_epoch_and_key, another_issuer_is_refused,
        values_and_verbs_that_are_wrong_are_named, a_taken_port_publishes_nothing,
        a_copy_serves_the_same_and_follows, a_read_only_copy_of_nothing_and_expiry_are_told,
        a_killed_child_comes_back_and_no_connection_is_refused,
        killed_in_the_middle_of_publications_no_epoch_is_lost, metrics_pass_promtool,
        a_key_file_that_is_no_file_is_named, a_key_that_root_makes_is_its_servers,
        odd_forms_of_requests_are_understood_or_refused,
        the_access_log_has_a_line_for_each_answer)
