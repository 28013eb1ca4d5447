"""A forecast knows every job that Snakemake would run, and what each waits for."""

import yaml

from sixgig.forecast.needed import Question, ask_snakemake
from sixgig.forecast.needs import needs_of
from sixgig.forecast.rates import REFERENCE
from sixgig.forecast.study import forecast_study
from sixgig.plan.plan import Plan
from sixgig.runtime.places import WORKFLOW


def everything_before(needs):
    """Return for every job all jobs that have to end before it, at whatever distance."""
    found = {}

    def before(job):
        if job not in found:
            found[job] = set().union(*({need} | before(need) for need in needs[job]))
        return found[job]

    return {job: before(job) for job in needs}


def test_jobs_and_their_order_are_those_of_snakemake(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = WORKFLOW / "config" / "config.yaml"
    plan = Plan(yaml.safe_load(file.read_text()), look=False)
    jobs = ask_snakemake(Question([file], [], 2, look=False), plan.study)
    assert {job.key for job in jobs} == set(forecast_study(plan, REFERENCE))
    assert everything_before({job.key: set(job.after) for job in jobs}) == everything_before(needs_of(plan))
    assert {(job.key, job.gpu, min(job.threads, 2)) for job in jobs} == {
        (key, cost.gpu, cost.threads) for key, cost in forecast_study(plan, REFERENCE).items()
    }
