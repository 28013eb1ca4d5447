"""The table of the bench that runs the whole default study by several checkouts."""

import re

from bench.default_study import Run, differences, measured, table

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def benchmark(results, name, seconds, cpu):
    file = results / "benchmarks" / f"{name}.tsv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{HEADER}{seconds}\t0:00:01\t1\t1\t1\t1\t0\t0\t50\t{cpu}\n")


def test_jobs_are_summed_by_rule_and_the_longest_chain_is_the_critical_path(tmp_path, plan_of):
    benchmark(tmp_path, "obtain_cohort/elpv", 2.0, 1.0)
    benchmark(tmp_path, "obtain_cohort/brats_phantom", 9.0, "NA")
    benchmark(tmp_path, "prepare_cohort/elpv", 10.0, 8.0)
    benchmark(tmp_path, "score_predictions", 1.0, 0.5)
    jobs = measured(tmp_path)
    assert jobs["obtain_cohort brats_phantom"] == (9.0, 0.0)
    run = Run("new", 20.0, 30.0, 0.0, jobs, {})
    lines = table([run], plan_of().config, 2).splitlines()
    rows = {found[1]: found[2].split() for line in lines if (found := re.match(r"  (\w+) +(\d.*)", line))}
    assert rows["obtain_cohort"] == ["2", "11.0", "1.0"]
    assert rows["prepare_cohort"] == ["1", "10.0", "8.0"]
    chain = [found[1] for line in lines if (found := re.match(r" +[\d.]+ s  (.*)", line))]
    assert chain[:2] == ["obtain_cohort elpv", "prepare_cohort elpv"]
    assert lines[-1] == "  new: 20 s, 30 s of CPU, 4 jobs, 75% of 2 cores"


def test_a_file_that_differs_or_lacks_in_one_run_is_named():
    runs = [Run("a", 1.0, 1.0, 0.0, {}, {"metrics.csv": "1", "x.npz": "2", "same": "0"})]
    runs += [Run("b", 1.0, 1.0, 0.5, {}, {"metrics.csv": "9", "same": "0"})]
    assert differences(runs) == ["metrics.csv", "x.npz"]
