"""TensorFlow 1, imported once the variables are set that it reads then. Import ``tf`` from here."""

from __future__ import annotations

import logging
import os
import warnings

for _name, _value in (
    ("TF_CPP_MIN_LOG_LEVEL", "2"),  # errors only
    ("TF_DETERMINISTIC_OPS", "1"),  # equal seeds give equal weights on a card, too
    ("NVIDIA_TF32_OVERRIDE", "0"),  # float32 means float32; on cards since 2020 NVIDIA's build would round to 10 bits
):
    os.environ.setdefault(_name, _value)
logging.getLogger("tensorflow").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=r"Passing \(type, 1\)", category=FutureWarning)

import tensorflow.compat.v1 as tf  # noqa: E402

__all__ = ["tf"]
