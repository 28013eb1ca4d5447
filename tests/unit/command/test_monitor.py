"""`sixgig monitor`: what it finds, and what it shows at 80 and at 120 columns."""

import json
import time

import pytest
from rich.console import Console

from sixgig.command import monitor, monitor_state
from sixgig.command.main import MISTAKE, main
from sixgig.command.monitor_state import Cards, Frame, Host, StudyState, study_folders
from sixgig.command.monitor_view import render
from sixgig.gpu.card import Card
from sixgig.gpu.readers import NotReadableError, Sample
from sixgig.runtime.running import Running, recorded

NOW = 1_800_000_000.0
HOST = Host(35.0, 4096.0, 12288.0, 0.0, 2048.0, 51200.0, 102400.0)
TRAINING = Running(
    "pretrain_arm", "brats.vit_mim", 4711, "laptop", NOW - 3400,
    "pretrain brats vit_mim", 1412, 6000, "steps", 0.42, NOW,
)  # fmt: skip
CLASSIFYING = Running("classify_subjects", "acdc.vit_pure.svm", 4712, "laptop", NOW - 75, updated=NOW - 75)
KILLED = Running("encode_images", "acdc.vit_pure", 4, "laptop", NOW - 9000, "", 50, 200, "images", 1.0, NOW - 7500)
CARD = Sample(5312, 97, 84, 62.51, 6144, "NVIDIA GeForce RTX 3050 6GB Laptop GPU")


def shown(frame, width):
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(render(frame, width))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    return " ".join(text.replace("│", " ").split())


def frame(running=(), killed=(), report=None, cards=(), no_card="no GPU", studies=None):
    state = StudyState("night", "results/night", list(running), list(killed), report)
    return Frame(NOW, [state] if studies is None else studies, list(cards), no_card, HOST)


@pytest.mark.parametrize(("width", "more"), [(80, ()), (120, ("2.4 s each", "4711"))])
def test_running_jobs_have_progress_and_time_left(width, more):
    text = shown(frame([TRAINING, CLASSIFYING], cards=[CARD], no_card=""), width)
    assert "pretrain brats vit_mim" in text
    assert "1,412/6,000" in text
    assert "24%" in text
    assert "57 min 3 h 2 min" in text  # since it began, and until its end
    assert "GPU memory 5.2 of 6.0 GiB, load 97%, 84 C, 63 W" in text
    assert "CPU 35%, RAM 4.0 of 12.0 GiB, swap 0.0 of 2.0 GiB, disk 50 GiB free" in text
    assert all(word in text for word in more)


@pytest.mark.parametrize("width", [80, 120])
def test_killed_jobs_name_their_log(width):
    text = shown(frame(killed=[KILLED]), width)
    assert "failed or was killed: encode_images acdc.vit_pure at 25%, 2 h 5 min ago" in text
    assert "logs/encode_images/acdc.vit_pure.log" in text
    assert "GPU no GPU" in text


def test_a_silent_job_is_told():
    assert "(silent for 5 min)" in shown(
        frame([Running("r", "", 1, "h", NOW, "training", 1, 9, "steps", 1.0, NOW - 300)]), 120
    )


def test_finished_and_unfinished_studies_and_none():
    assert "the report was written 5 min ago: results/night/report.html" in shown(frame(report=NOW - 300), 80)
    assert "nothing runs, and there is no report yet" in shown(frame(), 80)
    assert "No study has run here" in shown(frame(studies=[]), 80)


def test_what_a_card_does_not_tell_is_not_shown():
    text = shown(frame(cards=[Sample(memory_mb=512, name="Tesla")]), 120)
    assert "GPU memory 0.5 GiB, Tesla" in text
    assert "GPU memory not told, 50 C" in shown(frame(cards=[Sample(temperature=50)]), 120)


def test_the_whole_study_is_told():
    whole = {"fraction": 0.412, "finish": NOW + 7800, "done": 33, "total": 49}
    state = StudyState("night", "results/night", [TRAINING], [], None, whole)
    text = shown(frame(studies=[state]), 80)
    assert "41% of the work, 33 of 49 jobs; finished about" in text
    assert "(in 2 h 10 min)" in text
    unknown = StudyState("night", "results/night", [], [], None, {**whole, "fraction": None, "finish": None})
    text = shown(frame(studies=[unknown]), 80)
    assert "33 of 49 jobs done" in text
    assert "nothing runs" not in text


# Where studies are found


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Two studies: `old`, which is finished, and `night`, in which a job runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(monitor_state, "all_cards", list)
    (tmp_path / "results/old/logs").mkdir(parents=True)
    (tmp_path / "results/old/report.html").write_text("done")
    with recorded(tmp_path / "results/night/logs/encode_images/acdc.vit_pure.log") as record:
        record.update(label="encode acdc vit_pure", done=30, total=120, unit="images", rate=3.0)
        yield tmp_path


def names(target):
    return [path.name if path.name != "logs" else path.parent.name for path in study_folders(target)()]


def test_studies_are_found_by_file_by_folder_and_by_what_runs(results):
    (results / "study.yaml").write_text("study: old\n")
    assert names(None) == ["night"]
    assert names(results) == ["night"]
    assert names(results / "results") == ["night"]
    assert names(results / "results" / "old") == ["old"]
    assert names(results / "study.yaml") == ["old"]


def test_where_nothing_runs_the_latest_study_is_shown(results):
    for file in (results / "results/night/.running").iterdir():
        file.unlink()
    assert names(None) == ["old"]


def test_once_shows_the_job_that_runs(results, capsys):
    assert main(["monitor", "--once"]) == 0
    shown = capsys.readouterr().out
    assert "encode acdc vit_pure" in shown
    assert "25%" in shown
    assert main(["monitor", "results/old"]) == 0  # the output is no terminal: one frame
    assert "the report was written" in capsys.readouterr().out


def test_json_tells_the_same(results, capsys):
    assert main(["monitor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (study,) = told["studies"]
    (job,) = study["running"]
    assert (study["name"], job["done"], job["total"], job["seconds_left"]) == ("night", 30, 120, 30.0)
    assert told["cards"] == []
    assert told["no_card"] == "no GPU, or no driver that shows one"
    assert told["host"]["ram_total_mb"] > 0


def test_a_study_that_is_not_there_has_a_next_step(results, capsys):
    assert main(["monitor", "nowhere.yaml"]) == MISTAKE
    assert "nowhere.yaml: does not exist\n  Next step: name a study file" in capsys.readouterr().err


# Cards


class Reader:
    """A card that can be read a few times."""

    def __init__(self, times):
        self.times, self.closed = times, False

    def read(self):
        self.times -= 1
        if self.times < 0:
            raise NotReadableError("GPU is lost")
        return Sample(memory_mb=100)

    def close(self):
        self.closed = True


def test_a_card_that_is_lost_is_told_and_looked_for_again(monkeypatch):
    readers = [Reader(1), Reader(9)]
    made = list(readers)
    monkeypatch.setattr(monitor_state, "all_cards", lambda: [Card("RTX 3050", "1234", 6144.0)])
    monkeypatch.setattr(monitor_state, "NvmlReader", lambda uuid: made.pop(0))
    cards = Cards()
    assert cards.read() == ([Sample(memory_mb=100, name="RTX 3050")], "")
    assert cards.read() == ([], "GPU is lost")
    assert readers[0].closed
    assert cards.read() == ([], "GPU is lost")  # not asked again at once
    monkeypatch.setattr(cards, "_next", time.monotonic())
    assert cards.read()[0] == [Sample(memory_mb=100, name="RTX 3050")]


def test_without_the_library_nvidia_smi_is_read(monkeypatch):
    def broken(uuid):
        raise NotReadableError("no library")

    monkeypatch.setattr(monitor_state, "all_cards", lambda: [Card("RTX 3050", "1234", 6144.0)])
    monkeypatch.setattr(monitor_state, "NvmlReader", broken)
    monkeypatch.setattr(monitor_state, "SmiReader", lambda uuid: Reader(5))
    assert Cards().read()[0] == [Sample(memory_mb=100, name="RTX 3050")]
    monkeypatch.setattr(monitor_state, "SmiReader", broken)
    assert Cards().read() == ([], "no library")


def test_it_is_shown_anew_until_it_is_interrupted(results, monkeypatch):
    class Live:
        """Stands in for the terminal, in which somebody presses Ctrl-C after three frames."""

        frames = 0

        def __init__(self, **options):
            assert options["screen"]

        def __enter__(self):
            return self

        def __exit__(self, *exc_info):
            pass

        def update(self, frame, refresh):
            Live.frames += 1
            if Live.frames == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(monitor, "Live", Live)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr(monitor, "_REFRESH_SECONDS", 0.0)
    assert main(["monitor"]) == 0
    assert Live.frames == 3
