"""Run images through a network: prefetch, mixed precision, checkpoints, and the out-of-memory ladder."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sixgig.arms.base import Encoder, ImageArm
from sixgig.errors import ArmError
from sixgig.gpu.ladder import Rung
from sixgig.runtime.atomic import reserve, write_json
from sixgig.runtime.stopping import asked, leave_if_asked
from sixgig.training.reading import read_ahead

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)
_SAVE_SECONDS = 60.0
_HASHED_ROWS = 4096


def prefetched_batches(
    images: np.ndarray, first: int, batch_size: int, pin: bool
) -> Iterator[tuple[int, int, torch.Tensor]]:
    """Yield ``(start, stop, uint8 tensor [n, 3, H, W])``, reading one batch ahead in a thread.

    Args:
        images: uint8 [n_images, H, W, 3], usually memory-mapped.
        first: Row to begin with.
        batch_size: Images per batch; the last one may be smaller.
        pin: Copy into page-locked memory, from which a GPU reads without waiting.
    """
    import torch

    def read(start: int) -> tuple[int, int, torch.Tensor]:
        stop = min(start + batch_size, len(images))
        batch = torch.from_numpy(np.array(images[start:stop])).permute(0, 3, 1, 2)
        return start, stop, batch.pin_memory() if pin else batch

    for batch, _ in read_ahead(read, range(first, len(images), batch_size)):
        yield batch


class PartialFeatures:
    """Image features computed so far, kept on disk so that a killed job can continue.

    Beside the features stands how many there are and their sha256, so that damaged ones are computed again.

    Args:
        folder: From :func:`sixgig.runtime.checkpoints.checkpoint_folder`.
        n_images: Number of images in all.
    """

    def __init__(self, folder: Path, n_images: int) -> None:
        self._data, self._state, self._n_images = folder / "features.npy", folder / "state.json", n_images
        self._array: np.ndarray | None = None
        self.done = 0
        self._digest = hashlib.sha256()
        self._saved = time.monotonic()
        try:
            state = json.loads(self._state.read_text())
            self._restore(np.load(self._data, mmap_mode="r+"), int(state["done"]), str(state["sha256"]))
        except FileNotFoundError:
            pass  # no checkpoint, or one that was never finished
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            _LOG.warning("the checkpoint in %s is damaged (%s): encoding begins again", folder, error)

    def _restore(self, array: np.ndarray, done: int, sha256: str) -> None:
        """Take over the first ``done`` rows.

        Raises:
            ValueError: They are not what was saved.
        """
        if array.ndim != 2 or array.dtype != np.float32 or len(array) != self._n_images:
            raise ValueError(f"it holds {array.dtype} {array.shape}, not {self._n_images} rows of float32")
        if not 0 <= done <= self._n_images:
            raise ValueError(f"it speaks of {done} of {self._n_images} rows")
        digest = hashlib.sha256()
        for start in range(0, done, _HASHED_ROWS):
            digest.update(array[start : min(start + _HASHED_ROWS, done)].tobytes())
        if digest.hexdigest() != sha256:
            raise ValueError(f"its {done} rows have changed since they were written")
        self._array, self.done, self._digest = array, done, digest

    def put(self, start: int, stop: int, features: np.ndarray) -> None:
        """Keep the features of images ``start`` to ``stop``, where ``start`` is ``done``.

        They are saved about once a minute, and when the job is told to end.
        """
        if self._array is None:
            shape = (self._n_images, features.shape[1])
            self._array = np.lib.format.open_memmap(self._data, mode="w+", dtype=np.float32, shape=shape)
            reserve(self._data, self._data.stat().st_size)
        self._array[start:stop] = features
        self._digest.update(self._array[start:stop].tobytes())
        self.done = stop
        if asked() or time.monotonic() - self._saved >= _SAVE_SECONDS:
            self.save()
            leave_if_asked()

    def save(self) -> None:
        """Write what is computed: first the features, then how many there are, and their sha256."""
        if self._array is None:
            return
        self._array.flush()  # type: ignore[attr-defined]
        write_json(self._state, {"done": self.done, "sha256": self._digest.hexdigest()})
        self._saved = time.monotonic()

    def array(self) -> np.ndarray:
        """Return all features, float32 [n_images, d]."""
        if self._array is None or self.done < self._n_images:
            raise ArmError("features", f"only {self.done} of {self._n_images} images are encoded", "run the job again")
        return np.array(self._array)


def encode(
    arm: ImageArm,
    encoder: Encoder,
    images: np.ndarray,
    options: Mapping[str, Any],
    rung: Rung,
    dtype: str,
    partial: PartialFeatures,
    advance: Callable[[int], None],
) -> np.ndarray:
    """Encode all images that ``partial`` does not hold yet.

    Args:
        arm: Says how features are read from the network.
        encoder: The network and its normalisation.
        images: uint8 [n_images, H, W, 3].
        options: The arm's stanza in the config.
        rung: Batch size and device.
        dtype: ``float32``, or the type of mixed precision.
        partial: Where features are kept.
        advance: Called with the number of images after each batch.

    Returns:
        float32 [n_images, d].

    Raises:
        ArmError: A feature is not finite.
    """
    import torch

    cuda = rung.device == "cuda"
    mixed = dtype != "float32"
    memory_format = torch.channels_last if arm.channels_last else torch.contiguous_format
    network = encoder.network.to(rung.device).to(memory_format=memory_format).eval()  # type: ignore[call-overload]
    mean = torch.tensor(encoder.mean, device=rung.device).view(1, -1, 1, 1)
    std = torch.tensor(encoder.std, device=rung.device).view(1, -1, 1, 1)
    # bfloat16 and float16 lose nothing in the 8-bit images; normalisation happens in float32 on the device.
    with torch.inference_mode(), torch.autocast(rung.device, dtype=getattr(torch, dtype), enabled=mixed):
        for start, stop, raw in prefetched_batches(images, partial.done, rung.batch_size, pin=cuda):
            batch = raw.to(rung.device, non_blocking=True).to(torch.float32).div_(255).sub_(mean).div_(std)
            batch = batch.contiguous(memory_format=memory_format)
            features = arm.features_of(network, batch, options).float().cpu().numpy()
            if not np.isfinite(features).all():
                row = start + int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
                raise ArmError(
                    f"arms.{arm.name}",
                    f"the features of image {row} are not finite in {dtype}",
                    "set `precision: float32` for this arm; if it stays, the weights are damaged",
                )
            partial.put(start, stop, features)
            advance(stop - start)
    return partial.array()
