"""What jobs take that hardly depends on the study: seconds of a core of the reference machine, and host memory.

Measured on the default study, see ``bench/forecast_accuracy.py``. Every job starts Python and imports numpy and pandas;
that is not in these seconds but in :attr:`sixgig.forecast.machine.Machine.start_s`.
"""

from __future__ import annotations

from typing import NamedTuple


class Small(NamedTuple):
    """A job without a network.

    Attributes:
        seconds: Whatever the study.
        per_cohort: For each cohort.
        per_method: For each method on each cohort.
        rss_mb: Peak host memory in MiB.
        disk_mb: What it leaves, in MiB.
    """

    seconds: float
    per_cohort: float = 0.0
    per_method: float = 0.0
    rss_mb: float = 135.0
    disk_mb: float = 0.1


#: By rule; those of rules that also read images or fit are in :mod:`sixgig.forecast.stages`.
SMALL = {
    "describe_study": Small(0.0, rss_mb=60),
    "check_environment": Small(0.9, rss_mb=260),
    "split_cohort": Small(0.05, rss_mb=135),
    "check_leakage": Small(0.2, rss_mb=190),
    "predict_majority": Small(1.05, rss_mb=214),
    "check_training": Small(0.1, rss_mb=140),
    "collect_costs": Small(0.1, per_method=0.002, rss_mb=132),
    "compare_methods": Small(0.7, per_method=0.01, rss_mb=197),
    "weigh_contrasts": Small(0.7, per_method=0.01, rss_mb=197),
    "compare_subjects": Small(0.9, per_method=0.01, rss_mb=197),
    "compare_test_sets": Small(0.9, per_method=0.01, rss_mb=197),
    "compare_cohorts": Small(0.9, rss_mb=205),
    "explain_variance": Small(0.05, rss_mb=134),
    "map_features": Small(1.5, per_cohort=0.4, rss_mb=300),
    "weigh_budget": Small(0.1, rss_mb=134),
    "weigh_clinical_use": Small(2.5, per_method=0.05, rss_mb=250),
    "draw_figures": Small(1.3, per_method=0.4, rss_mb=300, disk_mb=2.5),
    "draw_comparisons": Small(0.9, per_cohort=0.1, rss_mb=190, disk_mb=0.5),
    "write_report": Small(0.1, per_cohort=0.9, rss_mb=200, disk_mb=4),
    "export_tables": Small(0.2, per_cohort=0.1, rss_mb=145, disk_mb=0.6),
    "track_study": Small(3.4, per_cohort=0.4, rss_mb=250, disk_mb=12),
}
#: Host memory of Python with torch and timm, in MiB, and of CUDA's libraries on top of it (on an H200).
TORCH_MB, CUDA_MB = 820.0, 350.0
#: Pages of memory-mapped arrays that count as a job's memory, in MiB: the kernel takes back what it needs.
MAPPED_MB = 400.0
#: Host memory of scikit-learn's jobs before any data, in MiB.
SKLEARN_MB = 215.0
#: Seconds of a core: of scoring one resample of one method, for a hundred subjects.
BOOTSTRAP = 3.5e-5
#: Share of the block rate (see calibration) that encoding reaches, images read and normalised included.
ENCODING_SHARE = {"transformer": 0.9, "convolution": 1.2}
#: Seconds that a card waits for a core of the reference machine at every pass through a network: the start of its
#: kernels. Measured with an H200.
PASS_SECONDS = 0.008
#: Starting CUDA and loading its libraries, in seconds.
CUDA_START = 3.0
#: Bytes a second that a processor moves to and from memory in optimisers.
MEMORY_BYTES = 12e9
#: Numbers a second that a core of the reference machine reads, resamples and normalises; seconds of a picture of any
#: size (found, hashed, compared), and of one of 112 x 112 pixels beside.
VOXELS_PER_SECOND, PICTURE_SECONDS, RESIZE_SECONDS = 1.5e8, 0.8e-3, 0.4e-3
#: MiB a second that a core hashes.
HASHED_MB = 600.0
#: How much faster than the calibration's noise a medical volume is decompressed: much of it is background.
BACKGROUND = 3.0
