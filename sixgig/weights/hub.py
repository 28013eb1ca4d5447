"""Weights from the Hugging Face hub: any repository, pinned; or timm's own download.

``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and ``HF_TOKEN`` are those of the hub's library, which also goes on
where a download was cut off. The token is handed to nothing else, and is in no message.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sixgig.errors import WeightsError
from sixgig.runtime.atomic import read_json
from sixgig.weights.entries import repository_of
from sixgig.weights.hub_records import Record
from sixgig.weights.obtained import Obtained
from sixgig.weights.shards import INDEX, is_index, join_shards, require_shards

if TYPE_CHECKING:
    from torch import Tensor

#: Names of weights files, the preferred first; none of them holds code.
_PREFERRED = (
    "model.safetensors",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "open_clip_pytorch_model.bin",
    f"model{INDEX}",
)
_WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".npz")
_CONFIGS = ("config.json", "preprocessor_config.json", "open_clip_config.json")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def download_file(place: str, source: Mapping[str, Any], downloads: Path) -> Obtained:
    """Return a weights file of a repository, and what stands beside it.

    The commit that a branch or tag means, the file and its sha256 are written down at the first download, below
    ``downloads``, and count from then on: another content is an error, and a branch that moves changes nothing.

    Args:
        place: Where the entry stands in the study file.
        source: ``{hub: {repository, revision, file, sha256}}``; the last three may be absent.
        downloads: Folder in which fetched files are kept; the files themselves are in the hub's cache.

    Raises:
        WeightsError: The repository, revision or file does not exist, is gated, cannot be reached, or is another file
            than the one that is pinned or written down.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    given, repository = source["hub"], repository_of(source)
    revision = given.get("revision") or "main"
    where = f"{place} (hf-hub:{repository}, revision {revision})"
    with Record(downloads, repository, revision) as record:
        commit = record.commit or (revision if _COMMIT.fullmatch(revision) else "")
        file = given.get("file") or record.file
        if not commit or not file:
            found = _asked(where, repository, lambda: _look(repository, commit or revision))
            commit, file = commit or found[0], file or _choose_file(where, found[1])
        path = Path(_asked(where, repository, lambda: hf_hub_download(repository, file, revision=commit)))
        data, digest = path.read_bytes(), ""
        shards: dict[str, str] = {}
        if is_index(file):
            digest = hashlib.sha256(data).hexdigest()
            data, shards = _joined(where, repository, commit, file, data)
        configs = record.configs
        if configs is None:
            configs = {}
            for name in _CONFIGS:
                try:
                    config = _asked(where, repository, lambda: hf_hub_download(repository, name, revision=commit))  # noqa: B023
                except _AbsentError as absent:
                    if not isinstance(absent.__cause__, EntryNotFoundError):
                        raise
                    continue
                configs[name] = _json(Path(config))
        origin = {"repository": repository, "revision": commit, "asked": revision, "file": file}
        if shards:
            origin["shards"] = shards
        obtained = Obtained(data, origin, f"{repository}/{file}", configs, digest)
        _check_sha256(where, obtained.sha256, given.get("sha256"), record.sha256(file))
        require_shards(shards, given.get("shards"), f"{place}.source.hub")
        for name, found_sha256 in shards.items():
            at = _beside(file, name)
            _check_sha256(f"{where}, shard {name}", found_sha256, None, record.sha256(at))
            record.write(commit, file, found_sha256, configs, of=at)
        record.write(commit, file, obtained.sha256, configs)
    return obtained


def _joined(where: str, repository: str, commit: str, file: str, index: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the shards that an index names as one file, and their sha256."""
    from huggingface_hub import hf_hub_download

    def fetch(name: str) -> bytes:
        at = _beside(file, name)
        asked = f"{where}, shard {name}"
        return Path(_asked(asked, repository, lambda: hf_hub_download(repository, at, revision=commit))).read_bytes()

    return join_shards(index, f"{where}, {file}", fetch)


def _beside(file: str, name: str) -> str:
    """Return the path in the repository of a file that lies beside another."""
    return str(PurePosixPath(file).with_name(name))


class _AbsentError(WeightsError):
    """The repository has no such file."""


def _look(repository: str, revision: str) -> tuple[str, list[str]]:
    """Return the commit of a revision, and the names of its files."""
    from huggingface_hub import HfApi

    found = HfApi().model_info(repository, revision=revision)
    return str(found.sha), [file.rfilename for file in found.siblings or []]


def _choose_file(where: str, names: list[str]) -> str:
    chosen = next((name for name in _PREFERRED if name in names), None)
    files = [name for name in names if name.endswith(_WEIGHTS)]
    if chosen is None and len(files) == 1:
        return files[0]
    if files and chosen is None:
        raise WeightsError(
            where,
            f"holds {len(files)} weights files: {', '.join(files[:8])}",
            "set `file` in source.hub to the one that is meant; of a file in parts that is the one that ends in "
            f"{INDEX}",
        )
    if chosen is None:
        reason = f"holds no weights file ({', '.join(_WEIGHTS)}) but {', '.join(names[:8]) or 'nothing'}"
        raise WeightsError(where, reason, "choose another repository")
    return chosen


def _check_sha256(where: str, found: str, pinned: str | None, written: str | None) -> None:
    if pinned and found != pinned.lower():
        raise WeightsError(
            where,
            f"the file has sha256 {found}, but the study file pins {pinned.lower()}",
            "get the right file; or, if you trust this one, write its sha256 into source.hub",
        )
    if written and found != written:
        raise WeightsError(
            where,
            f"the file has sha256 {found}, but at its first download it had {written}",
            "delete it from the hub's cache, and run again; if it is this one again, the repository has changed: find "
            "out why before you delete what was written down in results/downloads/hub",
        )


def _asked(where: str, repository: str, ask: Callable[[], Any]) -> Any:
    """Return what the hub's library returns, its errors in plain words."""
    from huggingface_hub import errors

    try:
        return ask()
    except errors.LocalEntryNotFoundError as error:  # a kind of EntryNotFoundError, but nobody was asked
        raise _unreachable(where, repository, error) from error
    except errors.EntryNotFoundError as error:
        raise _AbsentError(where, "the repository has no such file", "correct `file` in source.hub") from error
    except errors.GatedRepoError as error:
        raise WeightsError(
            where,
            "the repository is gated: only who has accepted its terms may download it"
            + (", and the token in HF_TOKEN has not" if os.environ.get("HF_TOKEN") else ""),
            "accept the terms on the repository's page, make a token that may read it, set HF_TOKEN to it in the "
            "environment (never in the study file), and run again",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(where, "the repository has no such revision", "correct `revision`") from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            where,
            "the hub has no such repository, or it is private",
            "correct `repository`; for a private one set HF_TOKEN in the environment",
        ) from error
    except Exception as error:  # the libraries below raise a dozen unrelated types when a download fails
        raise _unreachable(where, repository, error) from error


def _unreachable(where: str, repository: str, error: Exception) -> WeightsError:
    reason = (str(error).splitlines() or [""])[0]
    return WeightsError(
        where,
        f"the weights cannot be downloaded: {type(error).__name__}: {reason}",
        "connect to the network and run again (they are then kept in HF_HOME, and what has arrived is kept); or "
        f"download the weights file of {repository} on another computer and set `source: {{file: {{path: ..., "
        f"sha256: ...}}}}`; or set HF_HOME to a folder that holds them (now {os.environ.get('HF_HOME', 'not set')})",
    )


def _json(path: Path) -> Any:
    try:
        return read_json(path)
    except ValueError:
        return {}


def download_state_dict(model: str, name: str, downloads: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the pretrained tensors of a timm model, from the hub's cache or from the hub.

    Args:
        model: timm model name, best with the tag of its weights.
        name: Name of the weights in the study file, for the error message.
        downloads: Folder in which is written down what was fetched.

    Returns:
        The state dict without classifier head, at the model's own image size; and where it came from: ``repository``,
        and ``revision`` and ``sha256`` of the cached file where the cache records them.

    Raises:
        WeightsError: timm does not know the model, it has no pretrained weights, they cannot be downloaded, or they are
            not those of the first download.
    """
    import timm
    import torch

    from sixgig.weights.loading import create_network

    place = f"weights.{name} (timm model {model})"
    config: Any = getattr(create_network(model), "pretrained_cfg", {})
    repository = config.get("hf_hub_id") or config.get("url") or ""
    if not repository:
        raise WeightsError(place, "timm has no pretrained weights for this model", "choose another `model` or `source`")
    try:
        with torch.random.fork_rng(devices=[]):
            network = timm.create_model(model, pretrained=True, num_classes=0)
    except Exception as error:  # the libraries below raise a dozen unrelated types when a download fails
        reason = (str(error).splitlines() or [""])[0]
        raise WeightsError(
            place,
            f"the pretrained weights cannot be downloaded: {type(error).__name__}: {reason}",
            f"connect to the network and run again (they are then kept in HF_HOME); or download the weights file of "
            f"{repository} on another computer and set `source: {{file: {{path: ..., sha256: ...}}}}` and "
            f"`converter: timm` for weights.{name} in the study file; or set HF_HOME to a folder that holds them "
            f"(now {os.environ.get('HF_HOME', 'not set')})",
        ) from error
    origin = _cached_file(repository)
    if origin:
        file = origin.pop("file")
        identity, _, revision = repository.partition("@")
        with Record(downloads, identity, revision or "timm") as record:
            _check_sha256(place, origin["sha256"], None, record.sha256(file))
            record.write(origin["revision"], file, origin["sha256"], None)
    return dict(network.state_dict()), {"repository": repository, **origin}


def _cached_file(repository: str) -> dict[str, str]:
    """Return name, revision and sha256 of the file in the hub's cache that timm has just read."""
    from huggingface_hub import try_to_load_from_cache

    from sixgig.runtime.digests import file_sha256

    identity, _, revision = repository.partition("@")
    for filename in ("model.safetensors", "pytorch_model.bin"):  # timm's order of preference
        try:
            path = try_to_load_from_cache(identity, filename, revision=revision or None)
        except ValueError:  # not a repository name: the weights came from a plain web address
            return {}
        if isinstance(path, str):
            return {"file": filename, "revision": os.path.basename(os.path.dirname(path)), "sha256": file_sha256(path)}
    return {}
