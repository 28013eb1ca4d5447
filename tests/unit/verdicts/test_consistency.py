"""Over random tables: headline, level, sentences and tables of a verdict never contradict each other."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sixgig.verdicts.deciding import barriers
from sixgig.verdicts.judging import judge
from sixgig.verdicts.tables import CohortTables, is_control
from sixgig.words.titles import arm_title
from tests.unit.verdicts.by_hand import CNN, FAILED, MAJORITY, MIM, PURE, RANDOM, by_hand, by_scores

ARMS = ("handcrafted", CNN, PURE, MIM)
WORDS = ("a better", "b better", "equivalent", "undecided", "not testable: every fold shows the same difference")


def random_tables(seed: int) -> CohortTables:
    """Return tables of random estimates, failures, ties and contrasts, which need not agree with the estimates."""
    rng = np.random.default_rng(seed)
    arms = [*rng.permutation(ARMS)[: rng.integers(1, 5)]]
    estimates: dict[str, float | str] = {}
    for arm in [*arms, *(name for name in (RANDOM, MAJORITY) if rng.random() < 0.8)]:
        tied = [value for value in estimates.values() if not isinstance(value, str)]
        value = round(float(rng.uniform(0.3, 0.95)), 3)
        value = rng.choice(tied) if tied and rng.random() < 0.25 else value
        estimates[str(arm)] = rng.choice([FAILED, float("nan")]) if rng.random() < 0.15 else float(value)
        if estimates[str(arm)] == "nan":
            estimates[str(arm)] = float("nan")
    pairs = [("baseline", arm, arms[0]) for arm in arms[1:]] if rng.random() < 0.7 else []
    pairs += [("start", arms[2], arms[1])] if len(arms) > 2 and rng.random() < 0.6 else []
    pairs += [("named", arms[0], arms[1])] if len(arms) > 1 and not pairs else []
    pairs += [("control", arm, RANDOM) for arm in arms if rng.random() < 0.8]
    contrasts = []
    for question, a, b in pairs:
        absent = [arm for arm in (a, b) if not np.isfinite(_number(estimates.get(arm)))]
        word = f"not testable: {' and '.join(absent)} without scores" if absent else str(rng.choice(WORDS))
        contrasts.append(
            (question, a, b, word if absent or question != "control" or rng.random() < 0.4 else "a better")
        )
    places = [("site_b", arms[0], arms[-1], str(rng.choice(["a better", "b better", "within noise"])))]
    return by_hand(
        estimates,
        contrasts,
        half=float(rng.choice([0.02, 0.1, np.nan])),
        best=0.7 if rng.random() < 0.5 else None,
        test_pairs=places if len(arms) > 1 and rng.random() < 0.4 else None,
        seconds={arm: float(rng.uniform(1, 100)) for arm in arms if rng.random() < 0.7},
        learning=frozenset([MIM]),
    )


def _number(value: float | str | None) -> float:
    return float("nan") if value is None or isinstance(value, str) else float(value)


def consistent(tables: CohortTables) -> str:
    """Check one verdict against its tables, and return its level."""
    found = judge(tables)
    text, decision = " ".join(found.sentences), found.decision
    assert found.level in ("better", "equivalent", "undecided", "control", "failed")
    assert found.headline
    for words in (found.headline, *found.sentences):
        assert not re.search(r"\bnan\b|None|\{|\}", words), words
        assert words[-1] == ".", words
    # Sentences say exactly what the table says.
    rows = {(row["a"], row["b"]): row for _, row in tables.contrasts.iterrows()}
    known = {arm_title(arm): arm for arm in tables.arms}
    for sentence in found.sentences:
        for a, b in re.findall(r"^(.+?) is better than (.+?) \(difference", sentence):
            row, turned = rows.get((known[a], known[b])), rows.get((known[b], known[a]))
            assert (row is not None and row["verdict"] == "a better") or turned["verdict"] == "b better", sentence
            limits = [
                float(sign.replace("\N{MINUS SIGN}", "-"))
                for sign in re.findall(r"interval (\S+) to (\S+),", sentence)[0]
            ]
            assert limits[0] >= 0
            assert limits[1] > 0
        for a, b in re.findall(r"^(.+?) is as good as (.+?): ", sentence):
            assert rows[known[a], known[b]]["verdict"] == "equivalent"
        for a, b in re.findall(r"^Which of (.+?) and (.+?) is better is not shown", sentence):
            assert rows[known[a], known[b]]["verdict"] == "undecided"
    # Every arm without a result is named.
    for arm in tables.failed:
        if found.level != "failed":
            assert f"{arm_title(arm)} failed" in text or f"{arm_title(arm)} has no defined score" in text
    # Ties are all named.
    if decision.leaders and found.level != "failed":
        values = [tables.estimate(arm) for arm in tables.done]
        assert decision.leaders == [arm for arm in tables.done if tables.estimate(arm) == max(values)]
        assert all(arm_title(arm) in found.sentences[0] for arm in decision.leaders)
    if "every other arm" in found.headline:
        assert not tables.failed
        assert set(decision.beaten) | set(decision.chosen) == set(tables.rivals)
    if found.level == "better":
        for arm in decision.chosen:
            assert arm_title(arm) in found.headline
            assert decision.beaten
            assert barriers(tables, arm) == {}
            assert not is_control(arm)
            for loser in decision.beaten:
                row, turned = rows.get((arm, loser)), rows.get((loser, arm))
                assert (row is not None and row["verdict"] == "a better") or turned["verdict"] == "b better"
            losses = [b for (a, b), row in rows.items() if a == arm and row["verdict"] == "b better"]
            assert losses == []
            assert f"is better than {arm_title(arm)} (" not in text
            assert f"On site_b it is the other way round: {arm_title(decision.beaten[0])}" not in text
    if found.level == "equivalent":
        chosen = decision.chosen[0]
        for arm in decision.equal:
            assert (
                arm == chosen
                or f"{arm_title(arm)} is as good as {arm_title(chosen)}" in text
                or (f"{arm_title(chosen)} is as good as {arm_title(arm)}" in text)
            )
        assert "better" not in found.headline
    if found.level == "control":
        assert all(barriers(tables, arm) for arm in decision.chosen)
        assert "Use " not in found.headline
    if found.level == "failed":
        assert tables.done == []
    return found.level


@pytest.mark.parametrize("block", range(4))
def test_verdicts_on_random_tables_never_contradict_themselves(block):
    levels = [consistent(random_tables(seed)) for seed in range(75 * block, 75 * (block + 1))]
    assert set(levels) >= {"better", "undecided", "control"}


def test_verdicts_on_random_fold_scores_never_contradict_themselves():
    levels = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = int(rng.choice([3, 5, 15]))
        values = {
            (arm, classifier): list(rng.uniform(0.4, 0.9) + rng.uniform(0.001, 0.05) * rng.uniform(-1, 1, size=n))
            for arm in (CNN, PURE, MIM, RANDOM)
            for classifier in ("svm", "src")
        }
        planned = [("baseline", PURE, CNN), ("baseline", MIM, CNN), ("start", MIM, PURE)]
        planned += [("control", arm, RANDOM) for arm in (CNN, PURE, MIM)]
        levels.append(consistent(by_scores(values, planned, folds=3 if n == 3 else 5)))
    assert len(set(levels)) > 1


def test_a_verdict_is_a_function_of_its_tables():
    tables = random_tables(7)
    before = [frame.copy() for frame in (tables.summary, tables.arm_summary, tables.contrasts)]
    assert judge(tables) == judge(replace(tables))
    for old, now in zip(before, (tables.summary, tables.arm_summary, tables.contrasts), strict=True):
        pd.testing.assert_frame_equal(old, now)
