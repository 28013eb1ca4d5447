"""Public cohorts by name: addresses and published checksums, or, where registration is needed, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sixgig.errors import ConfigError
from sixgig.sources.http import Checksum

_MEDMNIST = "https://zenodo.org/records/10519652/files/{name}.npz?download=1"
_MSD = "https://msd-for-monai.s3-us-west-2.amazonaws.com/{name}.tar"
#: md5 of MedMNIST+ (version 3.0), for sides of 28, 64, 128 and 224 (3D: 28 and 64), as its authors publish them.
MEDMNIST_MD5: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        "a8b06965200029087d5bd730944a56c1", "55aa9c1e0525abe5a6b9d8343a507616",
        "ac42d08fb904d92c244187169d1fd1d9", "2c51a510bcdc9cf8ddb2af93af1eadec",
    ),
    "dermamnist": (
        "0744692d530f8e62ec473284d019b0c7", "b70a2f5635c6199aeaa28c31d7202e1f",
        "2defd784463fa5243564e855ed717de1", "8974907d8e169bef5f5b96bc506ae45d",
    ),
    "octmnist": (
        "c68d92d5b585d8d81f7112f81e2d0842", "e229e9440236b774d9f0dfef9d07bdaf",
        "0a97e76651ace45c5d943ee3f65b63ae", "abc493b6d529d5de7569faaef2773ba3",
    ),
    "pneumoniamnist": (
        "28209eda62fecd6e6a2d98b1501bb15f", "8f4eceb4ccffa70c672198ea285246c6",
        "05b46931834c231683c68f40c47b2971", "d6a3c71de1b945ea11211b03746c1fe1",
    ),
    "retinamnist": (
        "bd4c0672f1bba3e3a89f0e4e876791e4", "afda852cc34dcda56f86ad2b2457dbcc",
        "e48e916a24454daf90583d4e6efb1a18", "eae7e3b6f3fcbda4ae613ebdcbe35348",
    ),
    "breastmnist": (
        "750601b1f35ba3300ea97c75c52ff8f6", "742edef2a1fd1524b2efff4bd7ba9364",
        "363e4b3f8d712e9b5de15470a2aaadf1", "b56378a6eefa9fed602bb16d192d4c8b",
    ),
    "bloodmnist": (
        "7053d0359d879ad8a5505303e11de1dc", "2b94928a2ae4916078ca51e05b6b800b",
        "adace1e0ed228fccda1f39692059dd4c", "b718ff6835fcbdb22ba9eacccd7b2601",
    ),
    "tissuemnist": (
        "ebe78ee8b05294063de985d821c1c34b", "123ece2eba09d0aa5d698fda57103344",
        "61b955355d7425a89687b06cca3ce0c2", "b077128c4a949f0a4eb01517f9037b9c",
    ),
    "organamnist": (
        "68e3f8846a6bd62f0c9bf841c0d9eacc", "2dcccc29b88e6da5a01161ef20cda288",
        "eeae80d0a227a8d099027e1b3cfd3b60", "50747347e05c87dd3aaf92c49f9f3170",
    ),
    "organcmnist": (
        "b9ceb9546e10131b32923c5bbeaea2b1", "3ce34a8724ea6f548e6db4744d03b6a9",
        "773c1f009daa3fe5d9a2a201b2a7ed94", "050f5e875dc056f6768abf94ec9995d1",
    ),
    "organsmnist": (
        "9ab87b696fb54e2a387ebe992d6ed5f1", "53a6d115339d874c25e309a994ff46d3",
        "ded0c5fa01a95dc4978b956f613e9b8e", "b354719e553fbbb2513d5533f52a4cb1",
    ),
    "organmnist3d": ("a0c5a1ff56af4f155c46d46fbb45a2fe", "58a2205adf14a9d0a189cb06dc78bf10"),
    "nodulemnist3d": ("8755a7e9e05a4d9ce80a24c3e7a256f3", "c47c5b7d457bf6332200d2ea6d64ecd8"),
    "adrenalmnist3d": ("bbd3c5a5576322bc4cdfea780653b1ce", "17721accfe9fb005146a47d33bc54b2f"),
    "fracturemnist3d": ("6aa7b0143a6b42da40027a9dda61302f", "f01d7e6316aedf4210da0da5b7437b42"),
    "vesselmnist3d": ("b41fd4f7e7e2feedddb201585ecafa1b", "6bb274a8846e1097066dcd64e2c4520f"),
    "synapsemnist3d": ("1235b78a3cd6280881dd7850a78eadb6", "43bd14ebf3af9d3dd072446fedc14d5e"),
}  # fmt: skip
_SIZES = (28, 64, 128, 224)
#: md5 of the tasks of the Medical Segmentation Decathlon, as MONAI publishes them.
MSD_MD5 = {
    "Task01_BrainTumour": "240a19d752f0d9e9101544901065d872",
    "Task02_Heart": "06ee59366e1e5124267b774dbd654057",
    "Task03_Liver": "a90ec6c4aa7f6a3d087205e23d4e6397",
    "Task04_Hippocampus": "9d24dba78a72977dbd1d2e110310f31b",
    "Task05_Prostate": "35138f08b1efaef89d7424d2bcc928db",
    "Task06_Lung": "8afd997733c7fc0432f71255ba4e52dc",
    "Task07_Pancreas": "4f7080cfca169fa8066d17ce6eb061e4",
    "Task08_HepaticVessel": "641d79e80ec66453921d997fbf12a29c",
    "Task09_Spleen": "410d4a301da4e5b2f6f86ec3ddba524e",
    "Task10_Colon": "bad7a188931dc2f6acf72b08eb6202d0",
}
#: What a user has to do where a cohort is only given to registered users.
BY_HAND = {
    "brats": (
        "register at https://www.synapse.org (BraTS challenge of your year), fetch the training data "
        "(for 2020 MICCAI_BraTS2020_TrainingData), unpack it, and set source.recipe.folder to the folder that holds "
        "the subjects' folders"
    ),
    "acdc": (
        "register at https://humanheart-project.creatis.insa-lyon.fr/database, fetch the folders training and testing "
        "of the ACDC collection, put both into one folder, and set source.recipe.folder to it"
    ),
}


@dataclass(frozen=True)
class Download:
    """One file to fetch."""

    url: str
    name: str
    checksum: Checksum


def download_of(recipe: Mapping[str, Any], place: str) -> Download | None:
    """Return what a recipe fetches; None for cohorts that the user has to fetch.

    Args:
        recipe: The stanza ``source.recipe``.
        place: Its config key, for the error message.

    Raises:
        ConfigError: There is no such data set or size.
    """
    name, dataset = recipe["name"], str(recipe.get("dataset"))
    if name in BY_HAND:
        return None
    known = MEDMNIST_MD5 if name == "medmnist" else MSD_MD5
    if dataset not in known:
        raise ConfigError(f"{place}.dataset", f"is {dataset!r}", f"use one of {', '.join(known)}")
    if name == "msd":
        return Download(_MSD.format(name=dataset), f"{dataset}.tar", Checksum("md5", MSD_MD5[dataset]))
    sizes = dict(zip(_SIZES, MEDMNIST_MD5[dataset], strict=False))
    size = recipe.get("size", _SIZES[0])
    if size not in sizes:
        raise ConfigError(f"{place}.size", f"is {size}", f"{dataset} comes in {', '.join(map(str, sizes))}")
    file = dataset if size == _SIZES[0] else f"{dataset}_{size}"
    return Download(_MEDMNIST.format(name=file), f"{file}.npz", Checksum("md5", sizes[size]))


def check_recipe(stanza: Mapping[str, Any], place: str) -> None:
    """Check the recipe of a cohort's stanza, if it has one.

    Raises:
        ConfigError: There is no such recipe, it is not for the cohort's adapter, or needs files that the user fetches.
    """
    recipe = stanza["source"].get("recipe")
    if recipe is None:
        return
    if stanza["adapter"] != recipe["name"]:
        raise ConfigError(
            f"{place}.adapter", f"{stanza['adapter']} cannot read recipe {recipe['name']}", f"use {recipe['name']}"
        )
    download = download_of(recipe, f"{place}.source.recipe")
    if download is None and not recipe.get("folder"):
        reason = f"{recipe['name']} is given to registered users only"
        raise ConfigError(f"{place}.source.recipe", reason, BY_HAND[recipe["name"]])
    if download is not None and recipe["name"] == "medmnist":
        dimensions = 3 if recipe["dataset"].endswith("3d") else 2
        if stanza.get("dimensions", 2) != dimensions:
            raise ConfigError(f"{place}.dimensions", f"{recipe['dataset']} is {dimensions}D", f"set it to {dimensions}")
