from sixgig.runtime.progress import TERMINAL_FD, Progress, terminal


def test_line_counts_only_what_this_run_did(monkeypatch):
    monkeypatch.delenv(TERMINAL_FD, raising=False)
    with Progress("encode", 100, "images", lambda: "RAM 10 MiB", done=40) as progress:
        progress.advance(20)
        assert progress.line(10.0) == "[encode] 60 of 100 images, 2.0/s, 20 s left, RAM 10 MiB"


def test_line_before_the_first_item():
    with Progress("encode", 5) as progress:
        assert progress.line(0.0) == "[encode] 0 of 5 images, 0.0/s, time left unknown"


def test_no_terminal_outside_a_job(monkeypatch):
    monkeypatch.delenv(TERMINAL_FD, raising=False)
    assert terminal() is None
    monkeypatch.setenv(TERMINAL_FD, "987")
    assert terminal() is None
