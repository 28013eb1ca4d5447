import re

import pytest

from sixgig.cohorts.adapters.medmnist import CLASSES
from sixgig.errors import ConfigError
from sixgig.sources.recipes import MEDMNIST_MD5, MSD_MD5, check_recipe, download_of


def test_checksums_are_checksums_and_differ():
    digests = [digest for sizes in MEDMNIST_MD5.values() for digest in sizes] + list(MSD_MD5.values())
    assert all(re.fullmatch(r"[0-9a-f]{32}", digest) for digest in digests)
    assert len(set(digests)) == len(digests) == 4 * 11 + 2 * 6 + 10
    assert set(MEDMNIST_MD5) == set(CLASSES)


def test_what_is_fetched():
    found = download_of({"name": "medmnist", "dataset": "pneumoniamnist", "size": 224}, "p")
    assert found.name == "pneumoniamnist_224.npz"
    assert found.url.endswith("/pneumoniamnist_224.npz?download=1")
    assert found.checksum.digest == "d6a3c71de1b945ea11211b03746c1fe1"
    assert download_of({"name": "medmnist", "dataset": "pneumoniamnist"}, "p").name == "pneumoniamnist.npz"
    assert download_of({"name": "msd", "dataset": "Task02_Heart"}, "p").name == "Task02_Heart.tar"
    assert download_of({"name": "brats"}, "p") is None


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"name": "medmnist", "dataset": "chestmnist"}, r"p\.dataset: is 'chestmnist'"),
        ({"name": "medmnist", "dataset": "organmnist3d", "size": 224}, r"p\.size: is 224\n.*comes in 28, 64"),
        ({"name": "msd", "dataset": "Task11"}, r"p\.dataset: is 'Task11'\n.*Task01_BrainTumour"),
    ],
)
def test_what_does_not_exist(recipe, message):
    with pytest.raises(ConfigError, match=message):
        download_of(recipe, "p")


def test_recipe_and_adapter_have_to_fit():
    recipe = {"name": "medmnist", "dataset": "nodulemnist3d"}
    with pytest.raises(ConfigError, match=r"c\.adapter: brats cannot read recipe medmnist"):
        check_recipe({"adapter": "brats", "source": {"recipe": recipe}}, "c")
    with pytest.raises(ConfigError, match=r"c\.dimensions: nodulemnist3d is 3D"):
        check_recipe({"adapter": "medmnist", "source": {"recipe": recipe}}, "c")
    with pytest.raises(ConfigError, match=r"c\.source\.recipe: acdc is given to registered users only\n.*register at"):
        check_recipe({"adapter": "acdc", "source": {"recipe": {"name": "acdc"}}}, "c")
    check_recipe({"adapter": "acdc", "source": {"recipe": {"name": "acdc", "folder": "/data"}}}, "c")
    check_recipe({"adapter": "medmnist", "dimensions": 3, "source": {"recipe": recipe}}, "c")
