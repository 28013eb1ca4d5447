"""MedMNIST v2 and MedMNIST+: the official ``.npz`` files, 2D and 3D, of every size, and files made like them.

Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image classification",
Scientific Data 2023. The files carry no patient ids, so that splits are by image.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from sixgig.cohorts import labels as tables
from sixgig.cohorts.base import Adapter, Discovery, Image2D, Item, Record, Remark, Volume
from sixgig.cohorts.npz_rows import AGAIN, Rows, array_names, read_array, read_row
from sixgig.errors import CohortError, ImageError

_SETS: dict[str, Literal["training", "test"]] = {"train": "training", "val": "training", "test": "test"}
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

    ``dimensions`` of the stanza says whether the file holds images (2, the default) or volumes (3). A file of one's own
    may lack the validation or the test set, may hold an axis of length 1 for the grey channel, and its labels may be
    floating-point numbers or names.
    """

    name = "medmnist"
    title = "MedMNIST"
    subject_note = "image-level split: MedMNIST carries no patient ids, and images of one patient may be in two folds"
    option_keys = ("dimensions", *tables.KEYS)
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
        try:
            names = set(array_names(path))
        except CohortError as error:
            return [f"{path} {error.reason}"]
        wanted = [f"{part}_{kind}" for part in _sets(names) for kind in ("images", "labels")]
        lacking = [f"{name}.npy" for name in wanted if name not in names]
        return [f"{path} lacks {', '.join(lacking)}"] if lacking else []

    def discover(self, root: Path) -> Discovery:
        """List the subjects below ``root`` without reading images."""
        self.require(root)
        path = _npz(root)
        assert path is not None  # require() looked for it
        names = array_names(path)
        found = Discovery()
        numbers = {part: _labels(path, part) for part in _sets(names)}
        classes = self._classes(path, numbers, found)
        for part, official in _sets(names).items():
            with Rows(path, f"{part}_images") as rows:
                shape, dtype = rows.shape, rows.dtype
            dimensions = _dimensions(path, f"{part}_images", shape, dtype)
            if dimensions != self.dimensions:
                raise CohortError(path, f"holds {dimensions}D images", f"set `dimensions: {dimensions}` in its stanza")
            if len(numbers[part]) != shape[0]:
                raise CohortError(path, f"has {shape[0]} {part} images and {len(numbers[part])} labels", AGAIN)
            for index, value in enumerate(numbers[part]):
                subject_id = f"{part}_{index:06d}"
                item = Item(subject_id, {"image": f"{part}_images.npy/{index}"})
                found.records.append(Record(path, subject_id, classes[value], (item,), official))
        read = {f"{part}_{kind}" for part in numbers for kind in ("images", "labels")}
        found.remarks.extend(
            Remark("not read", f"{path.name}:{name}", None, "an array that is not read")
            for name in names
            if name not in read
        )
        return found

    def read_item(self, record: Record, item: Item) -> Image2D | Volume:
        """Read one image or volume."""
        source = item.files["image"]
        member, _, index = source.partition("/")
        array = _without_channel(read_row(record.root, member.removesuffix(".npy"), int(index)))
        if array.min() == array.max():
            raise ImageError(source, f"is constant: every pixel is {int(array.flat[0])}", "leave it out")
        if self.dimensions == 2:
            return Image2D(array, item.item_id, source)
        # Depth, row, column to right, anterior, superior, so that a slice looks as it is stored in the file.
        volume = np.asfortranarray(array.transpose(2, 1, 0)[:, ::-1, :, None], dtype=np.float32)
        return Volume(volume, (1.0, 1.0, 1.0), item.item_id, None, (source,))

    def _classes(
        self, path: Path, labels: Mapping[str, list[int | str | None]], found: Discovery
    ) -> dict[int | str | None, str | None]:
        """Return value in the file -> class.

        Raises:
            CohortError: Some labels are numbers and others text, or two names look alike.
        """
        values = {value for own in labels.values() for value in own if value is not None}
        numbers = sorted(value for value in values if isinstance(value, int))
        texts = sorted(value for value in values if isinstance(value, str))
        if numbers and texts:
            raise CohortError(
                path, f"has labels that are numbers ({numbers[0]}) and text ({texts[0]!r})", "use one of them"
            )
        cells = tables.ClassCells.of(self.options)
        cells.check(path, ((text, "labels") for text in texts if cells.read(text) is not None))
        classes: dict[int | str | None, str | None] = {None: None, **{text: cells.read(text) for text in texts}}
        published = class_names(path)
        if numbers and published and numbers[-1] >= len(published):
            text = (
                f"has a class {numbers[-1]}, which the data set of that name does not have: classes are named by number"
            )
            found.remarks.append(Remark("label", path.name, None, text))
            published = ()
        return classes | {number: published[number] if published else f"class {number}" for number in numbers}


def class_names(path: Path) -> tuple[str, ...]:
    """Return the published names of the classes of a file; none for an unknown one."""
    return CLASSES.get(re.sub(r"_(28|64|128|224)$", "", path.stem.lower()), ())


def _npz(root: Path) -> Path | None:
    if root.is_file():
        return root if root.suffix == ".npz" else None
    files = sorted(root.glob("*.npz"))
    return files[0] if len(files) == 1 else None


def _sets(names: Sequence[str] | set[str]) -> dict[str, Literal["training", "test"]]:
    """Return the sets of a file: the training set always, the others where one of their arrays is there."""
    there = {name.rpartition("_")[0] for name in names if name.endswith(("_images", "_labels"))}
    return {part: official for part, official in _SETS.items() if part == "train" or part in there}


def _dimensions(path: Path, name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> int:
    """Return whether rows are images (2) or volumes (3).

    Raises:
        CohortError: They are neither.
    """

    def refuse(what: str, next_step: str) -> CohortError:
        return CohortError(path, f"{name} is {dtype} {list(shape)}, {what}", next_step)

    row = shape[1:]
    if dtype != np.uint8 or len(row) not in (2, 3, 4) or 0 in row:
        raise refuse("not uint8 images", "store images as uint8 [N, H, W] or [N, H, W, 3], volumes as [N, D, H, W]")
    if len(row) == 4:
        if 1 not in (row[0], row[-1]):
            raise refuse("volumes of several channels", "store volumes of one channel, uint8 [N, D, H, W]")
        return 3
    if len(row) == 3 and row[0] == 3 and row[-1] != 3:
        raise refuse("images with the channels first", "move them: array.transpose(0, 2, 3, 1)")
    if len(row) == 3 and row[-1] in (2, 4) and row[0] != row[-1]:
        raise refuse(f"images of {row[-1]} channels", "store grey [N, H, W] or RGB [N, H, W, 3]")
    return 2 if len(row) == 2 or row[-1] in (1, 3) or row[0] == 1 else 3


def _without_channel(row: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Drop an axis of length 1 that stands for the grey channel."""
    if row.ndim > 2 and row.shape[-1] == 1:
        return row[..., 0]
    return row[0] if row.ndim > 2 and row.shape[0] == 1 else row


def _labels(path: Path, part: str) -> list[int | str | None]:
    """Return the label of each image: a number of a class, a name, or None.

    Raises:
        CohortError: An image has several labels, or labels are neither.
    """
    labels = read_array(path, f"{part}_labels")
    several = labels.shape[1:] if labels.ndim > 1 else ()
    if any(length != 1 for length in several):
        one_hot = labels.ndim == 2 and labels.dtype.kind in "iufb" and (labels.astype(float).sum(axis=1) == 1).all()
        next_step = "use a data set with one class per image (all of MedMNIST but chestmnist)"
        if one_hot:
            next_step = "store the number of the class in place of its one-hot row: labels.argmax(axis=1)"
        raise CohortError(path, f"gives each image {np.prod(several)} labels at once in {part}_labels", next_step)
    labels = np.atleast_1d(labels).ravel()
    kind = labels.dtype.kind
    if kind == "U":
        return [str(value).strip() or None for value in labels]
    if kind == "S":
        return [value.decode("utf-8", errors="replace").strip() or None for value in labels]
    if kind not in "iufb":
        raise CohortError(path, f"{part}_labels are {labels.dtype}, not class numbers", AGAIN)
    known = labels[~np.isnan(labels)] if kind == "f" else labels
    bad = known[(known < 0) | (known != np.floor(known)) | ~np.isfinite(known)] if kind in "if" else known[:0]
    if len(bad):
        reason = f"{part}_labels are {labels.dtype}, not class numbers: one is {bad[0]}"
        raise CohortError(path, reason, "store the numbers of the classes, from 0 on, and NaN where there is none")
    return [None if kind == "f" and np.isnan(value) else int(value) for value in labels]


ADAPTER = MedMnistAdapter
