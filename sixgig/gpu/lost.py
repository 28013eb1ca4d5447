"""A card that is gone: it fell off the bus, hangs, or came back from a suspended laptop in a state CUDA refuses."""

from __future__ import annotations

from sixgig.errors import PassingError, SixgigError

#: Parts of messages of CUDA, torch, TensorFlow and NVIDIA's management library, in lower case. After each of them every
#: later call of the same process fails, while a new process may find the card again.
_MESSAGES = (
    "gpu is lost",
    "fallen off the bus",
    "unspecified launch failure",
    "cuda error: unknown error",
    "cuda unknown error",
    "uncorrectable ecc error",
    "no cuda-capable device is detected",
    "cuda-capable device(s) is/are busy or unavailable",
    "hardware stack error",
    "launch timed out and was terminated",
    "cuda_error_launch_failed",
    "cuda_error_launch_timeout",
    "cuda_error_unknown",
    "cuda_error_no_device",
    "cuda_error_ecc_uncorrectable",
    "cuda_error_hardware_stack_error",
)


def is_lost(error: BaseException) -> bool:
    """Whether an exception means that the card is gone for this process, and may be there for the next."""
    text = str(error).lower()
    return isinstance(error, RuntimeError | SixgigError) and any(message in text for message in _MESSAGES)


def card_lost(reason: object) -> PassingError:
    """Return the error of a job whose card is gone."""
    first = (str(reason).splitlines() or ["no reason given"])[0]
    return PassingError(
        "the GPU",
        f"does not answer any longer: {first}",
        "run nvidia-smi; when it does not show the card, restart the machine (after a suspended laptop, reload the "
        "driver). Then run again: the job goes on from its last checkpoint",
    )
