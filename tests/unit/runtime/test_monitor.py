import numpy as np
import pandas as pd

from sixgig.runtime.monitor import CostMeter, peak_rss_mb, peak_vram_mb
from sixgig.tables.costs import COSTS


def test_cost_is_a_row_of_the_costs_table():
    with CostMeter("encode") as meter:
        sum(range(1000))
    row = meter.cost(n_images=10, batch_size=4).as_dict()
    assert row["images_per_second"] == 10 / meter.seconds
    COSTS.check(pd.DataFrame([{"cohort": "c", "arm": None, **row}]), "costs")


def test_peak_memory_sees_an_array():
    before = peak_rss_mb()
    block = np.ones(64 * 2**20 // 8)
    assert peak_rss_mb() >= before
    assert peak_rss_mb() >= block.nbytes / 2**20


def test_no_gpu_memory_without_a_gpu_job():
    assert CostMeter("encode").cost().peak_vram_mb == 0
    assert peak_vram_mb() >= 0
