"""The harness of the bench: turns, ratios, wrong results, missing packages, a busy machine, and the page."""

from __future__ import annotations

import importlib
import json
import pkgutil

import numpy as np
import pytest

import bench.rows
from bench import facts, harness, run
from bench.harness import BenchError, Limit, Row, Variant, measure, within
from bench.page import page


@pytest.fixture
def clock(monkeypatch):
    """A clock that only variants move."""
    now = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: now[0])
    return now


def taking(clock, seconds, calls, name, result=(1.0,)):
    """A call that takes these seconds, one after another, and says that it was called."""
    left = iter(seconds)

    def call():
        calls.append(name)
        clock[0] += next(left)
        return [result]

    return call


def test_variants_alternate_and_ratios_are_paired(clock):
    calls = []
    ours = Variant("sixgig", taking(clock, [9, 1, 2, 4], calls, "a"), work=2)
    other = Variant("plain", taking(clock, [9, 3, 4, 20], calls, "b"), work=2)
    own, theirs = measure(Row("row", ours, [other], within(0), aim=3, rounds=3))
    assert calls == ["a", "b"] * 4  # the first of each warms up, and is compared
    assert (own.time.median, own.time.lowest, own.time.highest, own.ratio) == (1.0, 0.5, 2.0, None)
    assert (theirs.ratio.median, theirs.ratio.lowest, theirs.ratio.highest) == (3.0, 2.0, 5.0)
    assert (theirs.aim, theirs.met, theirs.result) == (3, True, "equal")


def test_a_wrong_result_ends_the_bench_before_anything_is_timed(clock):
    calls = []
    ours = Variant("sixgig", taking(clock, [1], calls, "a"))
    other = Variant("plain", taking(clock, [1], calls, "b", result=(1.1,)))
    with pytest.raises(BenchError, match=r"row: plain: its result is 1\.0e-01 from sixgig's, more than 5e-02"):
        list(measure(Row("row", ours, [other], within(0.05))))
    assert calls == ["a", "b"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_result_that_is_no_number_is_wrong(value):
    with pytest.raises(BenchError, match="its result is"):
        within(1.0)(np.ones((1, 1)), np.array([[value]]))


def test_a_variant_that_fails_is_named(clock):
    def fail():
        raise ImportError("no module named spams")

    row = Row("row", Variant("sixgig", lambda: [[1.0]]), [Variant("SPAMS", fail)], within(0))
    with pytest.raises(BenchError, match="row: SPAMS: failed: ImportError: no module named spams"):
        list(measure(row))


def test_a_missing_package_is_named(monkeypatch):
    found = facts.importlib.util.find_spec
    monkeypatch.setattr(facts.importlib.util, "find_spec", lambda name: None if name == "openvino" else found("os"))
    with pytest.raises(BenchError, match="without openvino there is nothing to compare with"):
        facts.require_packages()


def test_a_busy_machine_is_refused_unless_asked_for(monkeypatch):
    monkeypatch.setattr(facts.psutil, "cpu_percent", lambda interval: 40.0)
    with pytest.raises(BenchError, match=r"other programs use 40% of the cores(.|\n)*BUSY=yes"):
        facts.quiet(busy=False)
    facts.quiet(busy=True)


def test_every_module_of_rows_is_a_section_with_a_title():
    modules = {module.name for module in pkgutil.iter_modules(bench.rows.__path__)}
    assert modules == set(run.SECTIONS) | set(run.GPU_SECTIONS)


def test_a_section_runs_and_the_page_says_what_was_measured(monkeypatch, tmp_path):
    class Module:
        __doc__ = "Title.\n\nWhat it\nis about."
        TITLE = "Tiny"

        @staticmethod
        def rows(quick):
            ours, other = Variant("sixgig", lambda: [[1.0]]), Variant("plain", lambda: [[1.0]], aim=1e9)
            yield Row("counting", ours, [other], within(0), unit="image")
            yield Limit("first call", [1.0, 2.0, 9.0], "s", 3.0)
            yield Limit("memory", [900.0], "MiB", 500.0)

    monkeypatch.setattr(importlib, "import_module", lambda name: Module)
    run.run_section("tiny", True, tmp_path / "tiny.json")
    section = json.loads((tmp_path / "tiny.json").read_text()) | {"others_share": 0.5, "seconds": 1.0}
    found = {"machine": facts.machine(), "quick": False, "sections": [section]}
    text = page(found)
    assert "## Tiny\n\nWhat it is about.\n" in text
    assert "**Other programs used up to 50% of the cores meanwhile" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[1].startswith("| counting | sixgig | ")
    assert rows[2].endswith("| >= 1,000,000,000 **missed** | equal |")
    assert "| first call | 2 (1 to 9) s, of 3 | <= 3 |" in rows
    assert "| memory | 900 MiB, of 1 | <= 500 **missed** |" in rows
    assert found["machine"]["versions"]["numpy"] == np.__version__
