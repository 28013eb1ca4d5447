"""MedMNIST v2 and MedMNIST+: the official ``.npz`` files, 2D and 3D, of every size.

Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image classification",
Scientific Data 2023. The files carry no patient ids, so that splits are by image.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from sixgig.cohorts.base import Adapter, Discovery, Image2D, Item, Record, Volume
from sixgig.errors import CohortError, ImageError

_SETS: dict[str, Literal["training", "test"]] = {"train": "training", "val": "training", "test": "test"}
_AGAIN = "download the file again"
_ORGANS = (
    "bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left", "lung-right",
    "pancreas", "spleen",
)  # fmt: skip
#: Published class names, by the stem of the file's name.
CLASSES: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
        "cancer-associated stroma", "colorectal adenocarcinoma epithelium",
    ),
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma", "benign keratosis-like lesions",
        "dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions",
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "retinamnist": ("grade 0", "grade 1", "grade 2", "grade 3", "grade 4"),
    "breastmnist": ("malignant", "normal or benign"),
    "bloodmnist": (
        "basophil", "eosinophil", "erythroblast", "immature granulocyte", "lymphocyte", "monocyte", "neutrophil",
        "platelet",
    ),
    "tissuemnist": (
        "collecting duct and connecting tubule", "distal convoluted tubule", "glomerular endothelial cells",
        "interstitial endothelial cells", "leukocytes", "podocytes", "proximal tubule segments",
        "thick ascending limb",
    ),
    "organamnist": _ORGANS,
    "organcmnist": _ORGANS,
    "organsmnist": _ORGANS,
    "organmnist3d": (
        "liver", "kidney-right", "kidney-left", "femur-right", "femur-left", "bladder", "heart", "lung-right",
        "lung-left", "spleen", "pancreas",
    ),
    "nodulemnist3d": ("benign", "malignant"),
    "adrenalmnist3d": ("normal", "hyperplasia"),
    "fracturemnist3d": ("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture"),
    "vesselmnist3d": ("vessel", "aneurysm"),
    "synapsemnist3d": ("inhibitory synapse", "excitatory synapse"),
}  # fmt: skip


class MedMnistAdapter(Adapter):
    """One data set of MedMNIST. Its test set is official; training and validation set count as training.

    ``dimensions`` of the stanza says whether the file holds images (2, the default) or volumes (3).
    """

    name = "medmnist"
    title = "MedMNIST"
    subject_note = "image-level split: MedMNIST carries no patient ids, and images of one patient may be in two folds"
    option_keys = ("dimensions",)
    layout = "an official .npz file of MedMNIST, such as pneumoniamnist_224.npz, or a folder that holds one"

    def __init__(self, modalities: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        self.dimensions = cast(Literal[2, 3], (options or {}).get("dimensions", 2))
        if self.dimensions == 3:
            self.known_modalities = ("image",)
        super().__init__(modalities, options)

    def missing(self, root: Path) -> list[str]:
        """Say, in sentences, what ``root`` lacks to be a MedMNIST file."""
        if not root.exists():
            return [f"{root} does not exist"]
        path = _npz(root)
        if path is None:
            return [f"{root} is not an .npz file and does not hold exactly one"]
        if not zipfile.is_zipfile(path):
            return [f"{path} is damaged: it is not an .npz (zip) file"]
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
        wanted = [f"{part}_{kind}.npy" for part in _SETS for kind in ("images", "labels")]
        lacking = [name for name in wanted if name not in names]
        return [f"{path} lacks {', '.join(lacking)}"] if lacking else []

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        path = _npz(root)
        assert path is not None  # require() looked for it
        names = class_names(path)
        found = Discovery()
        for part, official in _SETS.items():
            with _Rows(path, f"{part}_images.npy") as rows:
                shape, dtype = rows.shape, rows.dtype
            dimensions = 3 if len(shape) == 4 and shape[-1] not in (1, 3) else 2
            if dtype != np.uint8 or len(shape) not in (3, 4):
                raise CohortError(path, f"{part}_images is {dtype} {list(shape)}, not uint8 images", _AGAIN)
            if dimensions != self.dimensions:
                raise CohortError(path, f"holds {dimensions}D images", f"set `dimensions: {dimensions}` in its stanza")
            labels = _labels(path, part)
            if len(labels) != shape[0]:
                raise CohortError(path, f"has {shape[0]} {part} images and {len(labels)} labels", _AGAIN)
            for index, value in enumerate(labels):
                subject_id = f"{part}_{index:06d}"
                label = names[value] if value < len(names) else f"class {value}"
                item = Item(subject_id, {"image": f"{part}_images.npy/{index}"})
                found.records.append(Record(path, subject_id, label, (item,), official))
        return found

    def read_item(self, record: Record, item: Item) -> Image2D | Volume:
        """Read one item of a subject."""
        source = item.files["image"]
        member, _, index = source.partition("/")
        array = _row(record.root, member, int(index))
        if array.min() == array.max():
            raise ImageError(source, f"is constant: every pixel is {int(array.flat[0])}", "leave it out")
        if self.dimensions == 2:
            return Image2D(array[..., 0] if array.shape[-1] == 1 else array, item.item_id, source)
        # Depth, row, column to right, anterior, superior, so that a slice looks as it is stored in the file.
        volume = np.asfortranarray(array.transpose(2, 1, 0)[:, ::-1, :, None], dtype=np.float32)
        return Volume(volume, (1.0, 1.0, 1.0), item.item_id, None, (source,))


def class_names(path: Path) -> tuple[str, ...]:
    """Return the published names of the classes of a file; none for an unknown one."""
    return CLASSES.get(re.sub(r"_(28|64|128|224)$", "", path.stem.lower()), ())


def _npz(root: Path) -> Path | None:
    if root.is_file():
        return root if root.suffix == ".npz" else None
    files = sorted(root.glob("*.npz"))
    return files[0] if len(files) == 1 else None


def _labels(path: Path, part: str) -> list[int]:
    try:
        with zipfile.ZipFile(path) as archive:
            labels = np.lib.format.read_array(io.BytesIO(archive.read(f"{part}_labels.npy")), allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CohortError(path, f"{part}_labels cannot be read: {error}", _AGAIN) from error
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise CohortError(
            path,
            f"gives each image {labels.shape[1]} labels at once",
            "use a data set with one class per image (all of MedMNIST but chestmnist)",
        )
    if labels.dtype.kind not in "iu" or (labels.size and labels.min() < 0):
        raise CohortError(path, f"{part}_labels are {labels.dtype}, not class numbers", _AGAIN)
    return [int(value) for value in labels.ravel()]


class _Rows:
    """The rows of an array inside an ``.npz``, read one by one, so that no array is ever in memory as a whole."""

    def __init__(self, path: Path, member: str) -> None:
        self._path, self._member = path, member
        try:
            self._archive = zipfile.ZipFile(path)
            self._stream: IO[bytes] = self._archive.open(member)
            version = np.lib.format.read_magic(self._stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            self.shape, fortran, self.dtype = read(self._stream)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise CohortError(path, f"{member} cannot be read: {error}", _AGAIN) from error
        if fortran:
            raise CohortError(path, f"{member} is stored column by column", _AGAIN)
        self.next = 0

    def read(self, index: int) -> npt.NDArray[np.uint8]:
        """Return a row that is not before the last one."""
        length = int(np.prod(self.shape[1:]))
        try:
            for _ in range(self.next, index):
                self._take(length)
            data = self._take(length)
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ImageError(f"{self._member}/{index}", f"cannot be read: {error}", _AGAIN) from error
        self.next = index + 1
        return np.frombuffer(data, dtype=np.uint8).reshape(self.shape[1:])

    def _take(self, length: int) -> bytes:
        data = self._stream.read(length)
        if len(data) < length:
            raise EOFError("the file ends early")
        return data

    def __enter__(self) -> _Rows:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        self._archive.close()


@lru_cache(maxsize=3)
def _open_rows(path: Path, member: str, modified: int) -> list[_Rows]:
    """One open stream per process and set, in a list of one so that it can be replaced."""
    del modified  # part of the key, so that a replaced file is opened again
    return [_Rows(path, member)]


def _row(path: Path, member: str, index: int) -> npt.NDArray[np.uint8]:
    held = _open_rows(path, member, path.stat().st_mtime_ns)
    if index < held[0].next:
        held[0] = _Rows(path, member)
    return held[0].read(index)


ADAPTER = MedMnistAdapter
