"""Every arm of the tiny study on one cohort, killed six times; `make chaos` kills the whole study more often."""

import itertools

import chaos

JOBS = 26


def test_a_study_that_is_killed_six_times_ends_like_one_that_was_not(finished, study, tiny_config):
    folder = study(chaos.smaller(tiny_config))
    kinds = ["SIGHUP", "main", "job", "group", "SIGINT", "SIGTERM"]
    killed = chaos.Chaos(folder, chaos.SMALL, JOBS, kinds, seed=4)
    killed.run()
    print(killed.table())
    ours, theirs = chaos.results(folder / "results/tiny"), chaos.results(finished / "results/tiny")
    assert {name.split("/")[0] for name in ours} == {pattern.split("/")[0] for pattern in chaos.RESULTS}
    tables = ("metrics.csv", "summary.csv")
    assert [name for name in ours if name not in tables and ours[name] != theirs.get(name)] == []
    for name in tables:  # those of the finished study have the other cohort and classifier too
        lines = theirs[name].decode().splitlines()
        assert ours[name].decode().splitlines() == lines[:1] + [line for line in lines[1:] if _shared(line)]
    assert killed.leftovers(finished / "results/tiny") == []
    assert max(kill.lost for kill in killed.kills) < 90
    assert {kill.kind: kill.code for kill in killed.kills if kill.code is not None} == {
        "SIGHUP": 129, "main": 137, "group": 137, "SIGINT": 130, "SIGTERM": 143,
    }  # fmt: skip


def _shared(line):
    cohort, arm, classifier = itertools.islice(line.split(","), 3)
    return cohort == chaos.COHORT and (classifier == chaos.CLASSIFIER or arm == "control_majority_class")
