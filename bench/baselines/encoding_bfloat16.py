"""sixgig with ``precision: bfloat16``, on processors with units for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.encoding_case import Case
from bench.harness import Variant, say, within


def variants(case: Case) -> list[Variant]:
    """Return sixgig's own loop in bfloat16; nothing where a processor would only emulate it."""
    from sixgig.arms.base import Encoder
    from sixgig.arms.encoding import PartialFeatures, encode
    from sixgig.gpu.ladder import Rung
    from sixgig.gpu.processor import bfloat16_units

    if bfloat16_units() is None:
        say("no bfloat16: this processor has no units for it")
        return []
    encoder = Encoder(case.network, case.mean, case.std, case.model, {})

    def run() -> Any:
        with tempfile.TemporaryDirectory(dir=case.folder) as folder:
            kept, rung = PartialFeatures(Path(folder), len(case.images)), Rung(case.batch, "cpu")
            return encode(case.arm, encoder, case.images, case.options, rung, "bfloat16", kept, lambda _: None)

    return [Variant("sixgig, precision: bfloat16", run, len(case.images), within(0.1), 0.0)]
