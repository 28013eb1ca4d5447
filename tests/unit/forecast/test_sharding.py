"""A cohort with shards: jobs that take their share, and one that gathers."""

import pytest

from sixgig.forecast.base import JobKey
from sixgig.forecast.needs import needs_of
from sixgig.forecast.study import forecast_study


def test_shards_take_their_share_of_the_time_and_one_job_waits_for_them_all(plan_of, machine):
    one, four = plan_of(), plan_of(cohorts__elpv__shards=4)
    alone, shared, needs = forecast_study(one, machine), forecast_study(four, machine), needs_of(four)
    assert set(shared) == set(needs)
    assert len(shared) - len(alone) == 4 + 4 * len(one.image_arms)
    for rule, name, start in (
        ("prepare", "elpv", machine.start_s),
        ("encode", "elpv.vit_pure", machine.torch_start_s),
    ):
        whole = alone[JobKey("prepare_cohort" if rule == "prepare" else "encode_images", name)]
        shards = [JobKey(f"{rule}_shard", f"{name}.{number}") for number in (1, 2, 3, 4)]
        for shard in shards:
            assert shared[shard].seconds == pytest.approx(start + (whole.seconds - start) / 4)
        gathering = JobKey("prepare_cohort" if rule == "prepare" else "encode_images", name)
        assert needs[gathering] >= set(shards)
        assert shared[gathering].disk_mb == whole.disk_mb
        assert not shared[gathering].gpu
    other = JobKey("prepare_cohort", "brats_phantom")
    assert (shared[other], needs[other]) == (alone[other], {JobKey("obtain_cohort", "brats_phantom")})
