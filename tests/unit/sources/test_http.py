"""Downloads from a real server that breaks connections, lies, stalls and sends wrong bytes."""

import hashlib
import signal
import subprocess
import sys
import time
import traceback
from types import SimpleNamespace

import pytest

from sixgig.errors import CohortError
from sixgig.sources import http
from sixgig.sources.http import Checksum, Patience, fetch
from tests.unit.sources.unkind_server import Behaviour, serving

CONTENT = bytes(range(256)) * 4000  # 1 MB, four blocks
QUICK = Patience(attempts=3, delay=0.01, longest=0.05, timeout=0.5, window=0.2)


def sha256(content=CONTENT):
    return Checksum("sha256", hashlib.sha256(content).hexdigest())


def get(behaviour, tmp_path, checksum=None, patience=QUICK):
    with serving(behaviour) as url:
        return fetch(url, tmp_path / "d" / "cohort.tar", checksum or sha256(), patience=patience)


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "d").iterdir())


def test_whole_at_once_and_not_again(tmp_path):
    server = Behaviour(CONTENT)
    assert get(server, tmp_path).read_bytes() == CONTENT
    get(server, tmp_path)
    assert server.requests == [None]
    assert names(tmp_path) == [".cohort.tar.lock", "cohort.tar"]


def test_md5_will_do(tmp_path):
    assert get(Behaviour(CONTENT), tmp_path, Checksum("md5", hashlib.md5(CONTENT).hexdigest())).exists()


def test_broken_connections_are_continued(tmp_path):
    server = Behaviour(CONTENT, breaks_after=[300_000, 300_000])
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=300000-", "bytes=600000-"]
    assert server.sent == len(CONTENT)


def test_many_breaks_are_borne_as_long_as_something_arrives(tmp_path):
    server = Behaviour(CONTENT, breaks_after=[100_000] * 9)
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 10


def test_a_server_without_ranges_starts_over(tmp_path):
    server = Behaviour(CONTENT, breaks_after=[300_000], ranges=False)
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.sent == 300_000 + len(CONTENT)


def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path):
    server = Behaviour(CONTENT, breaks_after=[300_000], etags=['"old"', '"new"'])
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.sent == 300_000 + len(CONTENT)


def test_a_lie_about_the_range_is_seen(tmp_path):
    lie = {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"}
    once = Behaviour(CONTENT, breaks_after=[300_000], headers=lie)
    assert get(once, tmp_path).read_bytes() == CONTENT
    assert once.requests == [None, "bytes=300000-", None]
    with pytest.raises(CohortError, match="in 3 attempts: the server sends another range than it was asked for"):
        get(Behaviour(CONTENT, breaks_after=[300_000] * 9, headers=lie), tmp_path / "again")


def test_wrong_bytes_never_get_the_name(tmp_path):
    wrong = CONTENT[:-1] + b"x"
    with pytest.raises(CohortError) as caught:
        get(Behaviour(wrong), tmp_path)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert sha256().digest in str(caught.value)
    assert names(tmp_path) == [".cohort.tar.lock"]


def test_a_file_of_that_name_with_other_content_is_replaced(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "cohort.tar").write_bytes(b"something else")
    assert get(Behaviour(CONTENT), tmp_path).read_bytes() == CONTENT


def test_silence_counts_as_a_break(tmp_path):
    server = Behaviour(CONTENT, stall=1.5)
    started = time.monotonic()
    with pytest.raises(CohortError, match="could not be fetched in"):
        get(server, tmp_path, patience=Patience(attempts=2, delay=0.01, longest=0.01, timeout=0.2))
    assert time.monotonic() - started < 10
    assert (tmp_path / "d" / "cohort.tar.part").stat().st_size >= 1000  # kept for the next run


def test_busy_servers_are_asked_again_as_they_wish(tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    server = Behaviour(CONTENT, statuses=[503, 429], headers={"Retry-After": "7"})
    with serving(server) as url:
        fetch(url, tmp_path / "d" / "cohort.tar", sha256(), patience=Patience(attempts=3, longest=5.0))
    assert [wait for wait in waits if wait] == [5.0, 5.0]


@pytest.mark.parametrize(("status", "words"), [(404, "has no such file"), (403, "refuses"), (401, "wants a password")])
def test_a_refusal_is_final(tmp_path, status, words):
    server = Behaviour(CONTENT, statuses=[status])
    with pytest.raises(CohortError, match=words):
        get(server, tmp_path)
    assert len(server.requests) == 1


def test_nothing_listens(tmp_path):
    with pytest.raises(CohortError, match=r"could not be fetched in 2 attempts: .*refused"):
        fetch("http://127.0.0.1:9/x.tar", tmp_path / "x", sha256(), patience=Patience(2, 0.01, 0.01))


def test_shorter_than_announced_is_a_break_and_longer_is_refused(tmp_path):
    with pytest.raises(CohortError, match="could not be fetched"):
        get(Behaviour(CONTENT[:1000], announced=2000, ranges=False), tmp_path)


def test_packed_answers_are_refused(tmp_path):
    with pytest.raises(CohortError, match="packs what it sends"):
        get(Behaviour(CONTENT, headers={"Content-Encoding": "gzip"}), tmp_path)


def test_a_full_disk_is_seen_before_the_first_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(http.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    server = Behaviour(CONTENT)
    with pytest.raises(CohortError, match=r"needs 0\.0 GiB, and 0\.0 GiB are free"):
        get(server, tmp_path)
    assert not (tmp_path / "d" / "cohort.tar.part").exists()


def test_room_for_what_is_made_of_it_is_asked_for_too(tmp_path, monkeypatch):
    monkeypatch.setattr(http.shutil, "disk_usage", lambda folder: SimpleNamespace(free=3 * len(CONTENT)))
    with serving(Behaviour(CONTENT)) as url:
        with pytest.raises(CohortError, match="the download and what is made of it needs"):
            fetch(url, tmp_path / "d" / "cohort.tar", sha256(), patience=QUICK, room=3.5)
        assert fetch(url, tmp_path / "d" / "cohort.tar", sha256(), patience=QUICK, room=2.5).exists()


def test_a_complete_part_needs_no_byte_more(tmp_path):
    server = Behaviour(CONTENT)
    with serving(server) as url:
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "cohort.tar.part").write_bytes(CONTENT)
        http.write_json(tmp_path / "d" / "cohort.tar.part.json", {"url": url, "validator": '"one"', "total": None})
        fetch(url, tmp_path / "d" / "cohort.tar", sha256(), patience=QUICK)
    assert server.sent == 0


def test_a_killed_download_goes_on_in_the_next_run(tmp_path):
    server = Behaviour(CONTENT, breaks_after=[400_000])
    script = (
        "import sys; from pathlib import Path; from sixgig.sources.http import *\n"
        "fetch(sys.argv[1], Path(sys.argv[2]), Checksum('sha256', sys.argv[3]), patience=Patience(delay=60))"
    )
    target = tmp_path / "d" / "cohort.tar"
    with serving(server) as url:
        process = subprocess.Popen([sys.executable, "-c", script, url, str(target), sha256().digest])
        deadline = time.monotonic() + 30
        part = target.with_name("cohort.tar.part")
        while not (part.exists() and part.stat().st_size == 400_000) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not target.exists()
        assert fetch(url, target, sha256(), patience=QUICK).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=400000-"]


@pytest.mark.parametrize("status", [404, 503, None])
def test_a_password_in_the_address_is_used_and_never_shown(tmp_path, caplog, status):
    server = Behaviour(CONTENT, statuses=[status] * 3 if status else [], breaks_after=[0] * 3)
    with serving(server) as url, pytest.raises(CohortError) as caught:
        secret = url.replace("://", "://ana:s3cr3t@")
        fetch(secret, tmp_path / "d" / "cohort.tar", sha256(), patience=QUICK)
    left = "".join(path.read_text(errors="replace") for path in (tmp_path / "d").iterdir())
    said = "".join(traceback.format_exception(caught.value))
    assert "://***@" in str(caught.value)
    assert "s3cr3t" not in str(caught.value) + caplog.text + left + said


def test_a_download_with_a_password_goes_on_where_it_was_cut_off(tmp_path):
    server = Behaviour(CONTENT, breaks_after=[300_000])
    with serving(server) as url:
        secret = url.replace("://", "://ana:s3cr3t@")
        fetch(secret, tmp_path / "d" / "cohort.tar", sha256(), patience=QUICK)
    assert server.requests == [None, "bytes=300000-"]
