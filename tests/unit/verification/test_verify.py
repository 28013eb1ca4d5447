"""What was changed in a study is named; what was not is not."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sixgig.command.main import main
from sixgig.figures.catalogue import kinds_of
from sixgig.results.study import Study
from sixgig.tables.cohorts import SPLITS
from sixgig.verification import agreement, gates, hashes, versions
from sixgig.verification.findings import ERROR, NOTE, OK, Finding, as_json, as_text, is_sound
from sixgig.verification.verify import verify_study
from tests.unit.verification.conftest import COHORT, hashed

SPLITS_CSV = f"cohorts/{COHORT}/splits.csv"


def flip(path: Path, place: int = -2) -> None:
    """Change one bit of a file and nothing else: not its size, not its time."""
    import os

    status, content = path.stat(), bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def errors(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.place) for finding in findings if finding.level == ERROR]


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_nothing_is_wrong_with_files_that_did_not_change(finished: Path) -> None:
    (finding,) = hashes.check_hashes(finished)
    number = len(everything(finished)) - 1
    assert finding == Finding("hashes", OK, f"{number} of {number} files have the sha256 recorded in outputs.sha256")


def test_one_bit_in_any_output_is_named(finished: Path) -> None:
    names = [name for name in everything(finished) if name != "outputs.sha256"]
    for name in names:
        flip(finished / name)
        assert errors(list(hashes.check_hashes(finished))) == [("hashes", name)], name
        flip(finished / name)
    assert errors(list(hashes.check_hashes(finished))) == []


def test_a_file_that_is_gone_is_named_and_a_spare_array_is_no_fault(finished: Path) -> None:
    (finished / "summary.csv").unlink()
    (finished / "cohorts" / COHORT / "images.npy").unlink()
    found = list(hashes.check_hashes(finished))
    assert [(finding.level, finding.text) for finding in found[:2]] == [
        (ERROR, "summary.csv is not there"),
        (NOTE, f"1 arrays were deleted: cohorts/{COHORT}/images.npy"),
    ]


def test_a_file_that_nobody_recorded_is_told(finished: Path) -> None:
    (finished / "tables" / "more.csv").write_text("x")
    (finished / "logs").mkdir()
    (finished / "logs" / "a.log").write_text("x")
    (finished / "mlflow.db").write_text("x")
    assert list(hashes.check_hashes(finished))[-1].text == "1 files are not in outputs.sha256: tables/more.csv"


def test_a_study_from_before_the_list_is_checked_by_what_sidecars_say(finished: Path) -> None:
    (finished / "outputs.sha256").unlink()
    (finished / "weights").mkdir()
    (finished / "weights" / "vit.safetensors").write_bytes(b"weights")
    digest = "9b3d90bd21fc7dcc1cbcd7ff8b85ae0e61b2e6e7e4e60ff0b23e5d6ec1e6bb1c"
    (finished / "weights" / "vit.json").write_text(json.dumps({"sha256": digest}))
    wrong, note = hashes.check_hashes(finished)
    assert (wrong.level, wrong.place) == (ERROR, "weights/vit.safetensors")
    assert note.level == NOTE
    assert note.text.startswith("outputs.sha256 is not there, so ")


def test_splits_and_gate_of_a_sound_cohort(finished: Path) -> None:
    study = Study(finished)
    assert [finding.text for finding in gates.check_splits(study, COHORT)] == [
        f"{COHORT}: no subject is on two sides (48 evaluation)"
    ]
    assert [finding.text for finding in gates.check_gate(study, COHORT)][:1] == [
        f"{COHORT}: the gate tried again passes"
    ]


def changed_splits(folder: Path, change) -> None:  # type: ignore[no-untyped-def]
    path = folder / SPLITS_CSV
    splits = SPLITS.read(path).astype(object)
    SPLITS.write(pd.DataFrame(change(splits)), path)


def test_a_subject_on_two_sides_is_named(finished: Path) -> None:
    def change(splits: pd.DataFrame) -> pd.DataFrame:
        splits.loc[0, ["role", "repeat", "fold"]] = ["pretraining", None, None]
        return splits

    changed_splits(finished, change)
    found = list(verify_study(finished, quick=True))
    wrong = [finding.text for finding in found if finding.check in ("splits", "gate") and finding.level == ERROR]
    assert wrong == [f"cannot be checked: splits.csv: subjects have two roles: {COHORT}-001"] * 2


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        (lambda splits: splits[splits["subject_id"] != f"{COHORT}-001"], f"subject {COHORT}-001 has no role"),
        (lambda splits: splits.drop(index=0), f"subject {COHORT}-001 is not in every repeat"),
        (
            lambda splits: pd.concat([splits, splits.iloc[:3].assign(subject_id="stranger")]),
            "subject stranger is not in manifest.csv",
        ),
    ],
)
def test_a_subject_that_is_missing_or_new_in_the_splits_is_named(finished: Path, keep, text: str) -> None:  # type: ignore[no-untyped-def]
    changed_splits(finished, keep)
    (finding,) = gates.check_splits(Study(finished), COHORT)
    assert finding == Finding("splits", ERROR, f"{SPLITS_CSV}: {text}", SPLITS_CSV)


def test_a_gate_that_said_something_else_is_named(finished: Path) -> None:
    path = finished / "cohorts" / COHORT / "leakage.json"
    path.write_text(path.read_text().replace('"n_images": 144', '"n_images": 143'))
    found = next(gates.check_gate(Study(finished), COHORT))
    assert found.text == f"cohorts/{COHORT}/leakage.json: the gate now finds another n_images"


def tables(folder: Path) -> list[Finding]:
    """Findings on tables; the study has no files for costs.csv, and no features that its map could be drawn from."""
    apart = ("costs.csv", "statistics/feature_map.csv")
    return [f for f in agreement.check_tables(Study(folder), 1) if f.place not in apart]


def test_tables_follow_from_each_other(finished: Path) -> None:
    assert {finding.level for finding in tables(finished)} == {OK}
    assert {finding.level for finding in agreement.check_exports(Study(finished))} == {OK}


def test_a_changed_metric_is_shown_with_what_it_would_be(finished: Path) -> None:
    lines = (finished / "metrics.csv").read_text().splitlines()
    forged = lines[1].rpartition(",")[0] + ",0.123"
    (finished / "metrics.csv").write_text("\n".join([lines[0], forged, *lines[2:]]) + "\n")
    wrong = [finding for finding in tables(finished) if finding.level == ERROR]
    assert wrong[0].text == (
        f"metrics.csv does not follow from the predictions: line 2 is {forged!r}, and would be {lines[1]!r}"
    )


def test_a_forged_summary_is_seen_although_its_hash_was_recorded_anew(finished: Path) -> None:
    lines = (finished / "summary.csv").read_text().splitlines()
    cells = lines[1].split(",")
    cells[4] = "0.999"
    (finished / "summary.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    hashed(finished)
    assert errors(list(hashes.check_hashes(finished))) == []
    assert ("tables", "summary.csv") in errors(tables(finished))


def test_a_forged_prediction_makes_metrics_and_summary_wrong(finished: Path) -> None:
    path = finished / "predictions" / COHORT / "vit_pure.svm.csv"
    frame = pd.read_csv(path, dtype=str)
    frame["predicted"] = frame["label"]
    frame.to_csv(path, index=False)
    wrong = {place for _, place in errors(tables(finished))}
    assert {"metrics.csv", "summary.csv"} <= wrong


def test_an_exported_table_with_another_number_is_named(finished: Path) -> None:
    path = finished / "tables" / "results.md"
    path.write_text(path.read_text().replace("0.", "0.1", 1))
    assert errors(list(agreement.check_exports(Study(finished)))) == [("tables", "tables/results.md")]


def test_figures_that_are_missing_or_no_figures_are_named(finished: Path) -> None:
    wanted = [place for _, place in errors(list(agreement.check_figures(Study(finished))))]
    assert f"figures/{COHORT}/roc.svg" in wanted
    assert "figures/critical_difference.pdf" in wanted
    starts = {"svg": b"<?xml version", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-1.4"}
    for name in wanted:
        (finished / name).parent.mkdir(parents=True, exist_ok=True)
        (finished / name).write_bytes(starts[name.rpartition(".")[2]])
    (finding,) = agreement.check_figures(Study(finished))
    assert finding.text == f"{len(wanted) // 3} figures are there as svg, png, pdf"
    (finished / "figures" / COHORT / "roc.png").write_bytes(b"<html>")
    assert errors(list(agreement.check_figures(Study(finished)))) == [("figures", f"figures/{COHORT}/roc.png")]


def test_a_report_is_compared_section_by_section(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = '<html><section id="results"><td>0.81</td></section><section id="costs"><td>3 s</td></section>'
    info = json.loads((finished / "study.json").read_text())
    monkeypatch.setattr(agreement, "render", lambda study: page)
    (finished / "report.html").write_text(page)
    assert [finding.level for finding in agreement.check_report(Study(finished))] == [OK]
    (finished / "report.html").write_text(page.replace("0.81", "0.91"))
    (finding,) = agreement.check_report(Study(finished))
    assert finding.level == NOTE  # written by another version, which may say it otherwise
    (finished / "study.json").write_text(json.dumps(info | {"sixgig": agreement.__version__}))
    (finding,) = agreement.check_report(Study(finished))
    assert finding.level == ERROR
    assert finding.text.startswith("report.html, results: says ")
    assert "0.91" in finding.text.partition("would say")[0]
    assert "0.81" in finding.text.partition("would say")[2]


def test_what_shows_images_may_be_gone_when_the_images_are(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "kinds_of", lambda over_cohorts, *_: kinds_of(over_cohorts))
    wanted = [place for _, place in errors(list(agreement.check_figures(Study(finished))))]
    starts = {"svg": b"<?xml version", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-1.4"}
    for name in wanted:
        if "reconstruction" not in name:
            (finished / name).parent.mkdir(parents=True, exist_ok=True)
            (finished / name).write_bytes(starts[name.rpartition(".")[2]])
    shown = [name for name in wanted if "reconstruction" in name]
    assert errors(list(agreement.check_figures(Study(finished)))) == [("figures", name) for name in shown]
    (finished / "cohorts" / COHORT / "images.npy").unlink()
    note, found = agreement.check_figures(Study(finished))
    assert (note.level, note.text) == (NOTE, "3 files that show images are not there, as the images are not")
    assert (found.level, found.text) == (OK, f"{len(wanted) // 3 - 1} figures are there as svg, png, pdf")
    page = '<html><section id="cohorts"><img src="x"></section><section id="costs"><td>3 s</td></section>'
    (finished / "report.html").write_text(page)
    monkeypatch.setattr(agreement, "render", lambda study: page.replace('<img src="x">', ""))
    note, found = agreement.check_report(Study(finished))
    assert (note.level, note.text) == (NOTE, "report.html: cohorts cannot be compared without images")
    assert found.level == OK


def test_versions_that_differ_are_told_and_are_no_fault(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "study_versions", lambda: {"python": "3.11.7", "torch": "2.99.0"})
    monkeypatch.setattr(versions, "source_commit", lambda: {"commit": "f" * 40})
    found = list(versions.check_versions(Study(finished)))
    assert {finding.level for finding in found} == {NOTE}
    assert found[1].text == "torch 2.10.0 was used, 2.99.0 is here"
    assert found[2].text == "the study was written by commit 0123456789ab, and ffffffffffff is here"


def test_the_command_says_what_is_wrong_and_its_exit_code_too(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(finished / "costs.csv")
    assert main(["verify", str(finished), "--quick"]) == 1
    shown = capsys.readouterr().out
    assert "ERROR  hashes    costs.csv has changed: sha256 " in shown
    assert shown.splitlines()[-1].startswith(f"{finished}: ")
    assert main(["verify", str(finished), "--quick", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["passed"] is False
    assert "costs.csv" in [finding["place"] for finding in said["findings"] if finding["level"] == "error"]
    assert main(["verify", str(finished / "nowhere")]) == 2


def test_a_damaged_study_file_does_not_stop_the_other_checks(finished: Path) -> None:
    (finished / "study.json").write_text("{")
    found = list(verify_study(finished))
    assert ("hashes", "study.json") in errors(found)
    assert {finding.check for finding in found if finding.level == ERROR} >= {"hashes", "study", "tables", "versions"}


def test_findings_as_text_and_json() -> None:
    sound = [Finding("hashes", OK, "all agree"), Finding("gate", NOTE, "deleted")]
    assert as_text("s", sound) == "ok     hashes  all agree\nnote   gate    deleted\ns: everything agrees"
    assert is_sound(sound)
    wrong = [*sound, Finding("report", ERROR, "differs", "report.html")]
    assert as_text("s", wrong).endswith("ERROR  report  differs\ns: 1 error")
    assert as_json("s", wrong)["findings"][2] == {
        "check": "report", "level": "error", "text": "differs", "place": "report.html",
    }  # fmt: skip
