"""What the study has to fetch, and whether it can be reached."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sixgig.command.doctor.finding import ERROR, OK, Finding
from sixgig.plan.plan import Plan
from sixgig.sources.recipes import download_of
from sixgig.weights.entries import is_timms_download, repository_of

_SECONDS = 3.0
#: Seconds for all servers together; asking for the address of a name can hang for much longer.
_TOGETHER = 5.0
_OFFLINE = ("1", "ON", "YES", "TRUE")


def hub_folder(variables: Mapping[str, str] = os.environ) -> Path:
    """Return the hub's cache, by its environment variables."""
    home = variables.get("HF_HOME") or Path(variables.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    named = variables.get("HF_HUB_CACHE") or variables.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expandvars(named or Path(home) / "hub")).expanduser()


def is_cached(model: str, folder: Path) -> bool:
    """Whether the hub's cache holds the weights of one of timm's models; without its tag any tag counts."""
    names = [f"models--timm--{model}"] + ([] if "." in model else [f"models--timm--{model}.*"])
    files = ("model.safetensors", "pytorch_model.bin")
    return any(path.exists() for name in names for file in files for path in folder.glob(f"{name}/snapshots/*/{file}"))


def _is_fetched(wheel: Mapping[str, str]) -> bool:
    return any(Path("results/downloads").glob(f"{wheel['package'].replace('-', '_')}-{wheel['version']}-*"))


def _in_cache(entry: Mapping[str, Any], folder: Path) -> bool:
    """Whether the hub's cache holds what an entry wants of the hub; of a repository any revision counts."""
    if is_timms_download(entry["source"]):
        return is_cached(entry["model"], folder)
    name = "--".join(repository_of(entry["source"]).split("/"))
    files = folder.glob(f"models--{name}/snapshots/*/*")
    return any(path.suffix in (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".npz") for path in files)


def check_weights(plan: Plan, folder: Path) -> tuple[list[Finding], bool]:
    """Say of every entry of `weights` where it is, or that it will be fetched.

    Args:
        plan: The plan.
        folder: From :func:`hub_folder`.

    Returns:
        The lines, and whether something is to be fetched from the hub.
    """
    found, from_hub = [], False
    for name, entry in plan.config["weights"].items():
        kind, source = next(iter(entry["source"].items()))
        if Path(f"results/{plan.study}/weights/{name}.safetensors").is_file():
            text = "converted"
        elif kind == "file":
            text = f"file {source['path']}"
        elif kind in ("wheel", "wheels"):
            there = all(_is_fetched(wheel) for wheel in (source if kind == "wheels" else [source]))
            text = f"{kind}, there" if there else f"{kind}, to be fetched by pip"
        elif _in_cache(entry, folder):
            text = "in the hub's cache"
        else:
            text, from_hub = "to be fetched from the hub", True
        found.append(Finding("weights", OK, f"{name} ({entry['model']}): {text}"))
    return found, from_hub


def check_token(variables: Mapping[str, str] = os.environ) -> Finding | None:
    """Say that a token of the hub is set, and never which."""
    if variables.get("HF_TOKEN") or variables.get("HUGGING_FACE_HUB_TOKEN"):
        return Finding("token", OK, "HF_TOKEN is set; sixgig shows and keeps it nowhere")
    return None


def addresses(plan: Plan, from_hub: bool, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the addresses that something will be fetched from, and what.

    Args:
        plan: The plan.
        from_hub: Whether weights come from the hub.
        variables: Environment variables.
    """
    wanted: dict[str, str] = {}
    if from_hub:
        from huggingface_hub import constants

        wanted[variables.get("HF_ENDPOINT") or constants.ENDPOINT] = "weights"
    for name in plan.cohorts:
        source = plan.cohort_options(name)["source"]
        if Path(f"results/{plan.study}/cohorts/{name}/source.json").is_file():
            continue
        if "url" in source:
            wanted.setdefault(source["url"]["url"], f"cohort {name}")
        elif "recipe" in source and not source["recipe"].get("folder"):
            download = download_of(source["recipe"], f"cohorts.{name}.source.recipe")
            if download is not None:
                wanted.setdefault(download.url, f"cohort {name}")
    return wanted


def check_network(
    wanted: Mapping[str, str],
    head: Callable[..., Any] | None = None,
    variables: Mapping[str, str] = os.environ,
    seconds: float = _TOGETHER,
) -> Iterator[Finding]:
    """Ask every server once whether it answers; nothing is fetched.

    Args:
        wanted: From :func:`addresses`.
        head: ``requests.head``.
        variables: Environment variables.
        seconds: How long all of them are waited for.
    """
    if not wanted:
        return
    if head is None:
        import requests

        head = requests.head
    offline = (variables.get("HF_HUB_OFFLINE") or "").upper() in _OFFLINE

    problems: dict[str, str] = {}

    def ask(address: str) -> None:
        try:
            status = head(address, timeout=_SECONDS, allow_redirects=True).status_code
            problems[address] = f"answers with status {status}" if status >= 500 else ""
        except Exception as error:  # requests, urllib3 and ssl each have classes of their own
            problems[address] = f"does not answer ({type(error).__name__})"

    threads = [threading.Thread(target=ask, args=(address,), daemon=True) for address in wanted]
    until = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))
    for address, what in wanted.items():
        problem = problems.get(address, "does not answer in time")
        host = urlsplit(address).hostname or "the server"  # an address may hold a password
        step = "connect to the network, or see the proxy's settings (HTTPS_PROXY); what is finished is kept"
        if what == "weights" and offline:
            said = "HF_HUB_OFFLINE is set, and weights have to be fetched"
            yield Finding("network", ERROR, said, "unset it, or set HF_HOME to a folder that holds them")
        elif problem:
            more = "; HF_ENDPOINT names another hub" if what == "weights" else ""
            yield Finding("network", ERROR, f"{host} {problem}, and {what} come from there", step + more)
        else:
            yield Finding("network", OK, f"{host} answers ({what})")
