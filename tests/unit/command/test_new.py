"""Study files for data of every kind: they pass the plan, and say what was found and what to check."""

import json
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import yaml
from PIL import Image
from pydicom.data import get_testdata_file

from sixgig.command.new import new_study
from sixgig.errors import CohortError, ConfigError
from sixgig.phantoms.writing import write_phantom
from sixgig.plan.plan import Plan

RNG = np.random.default_rng(3)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory beside which data lie."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def write(source, labels=None):
    """Write a study file; returns it as read, its one cohort, and what is said."""
    said = new_study(str(source), Path("study.yaml"), labels)
    text = Path("study.yaml").read_text()
    config = yaml.safe_load(text)
    Plan(config)
    (cohort,) = config["cohorts"].values()
    words = text.replace("#", " ").split()
    for line in said.split("Check:")[0].splitlines():
        assert Counter(line.split()) <= Counter(words)  # the file says it too
    return config, cohort, said


def picture(path, size=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 255, size[::-1], dtype=np.uint8)).save(path)


def pictures(root, name="{label}/{subject}_{number}.png", subjects=8):
    for label in ("benign", "malignant"):
        for subject in range(subjects):
            for number in range(2):
                picture(root / name.format(label=label, subject=f"{label[0]}{subject}", number=number))
    return root


def volume(path, shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(RNG.integers(1, 99, shape).astype(np.int16), np.diag([2.0, 2.0, 3.0, 1.0])), path)


def grades(path, subjects):
    rows = [f"{subject},{'HGG' if number % 2 else 'LGG'}" for number, subject in enumerate(subjects)]
    path.write_text("\n".join(["patient,grade", *rows]))
    return path


def test_pictures_are_subjects_until_a_pattern_says_otherwise(here):
    config, cohort, said = write(pictures(here / "My Scans"))
    assert list(config["cohorts"]) == [config["study"]] == ["my_scans"]
    assert cohort == {"adapter": "image_folder", "source": {"path": str(here / "My Scans")}, "positive": "malignant"}
    assert "32 subjects, 32 images" in said
    assert "benign (16), malignant (16)" in said
    assert "12 x 10 pixels, grey" in said
    assert "would give 16 subjects, such as b0" in said


def test_pictures_of_more_than_8_bits(here):
    for path in pictures(here / "xrays").rglob("*.png"):
        Image.fromarray(RNG.integers(0, 4096, (10, 12), dtype=np.uint16)).save(path)
    _, cohort, said = write(here / "xrays")
    assert "The first image has 12 x 10 pixels, grey, of more than 8 bits" in said
    assert "between the 1st and the 99th percentile of their own pixels" in said
    assert "normalise" not in cohort


def test_folders_of_patients_are_subjects(here):
    _, cohort, said = write(pictures(here / "scans", "{label}/{subject}/{number}.png"))
    assert cohort["subject_pattern"] == "^([^/]+)/"
    assert "16 subjects, 32 images" in said


def test_columns_of_a_table_are_guessed(here):
    pictures(here / "scans")
    rows = ["Patient;Diagnosis;file;split"]
    for path in sorted((here / "scans").rglob("*.png")):
        part = "test" if path.name[1] < "4" else "train"
        rows.append(f"{path.name[:2]};{path.parent.name};scans/{path.parent.name}/{path.name};{part}")
    (here / "cohort.csv").write_text("\n".join(rows))
    config, cohort, said = write(here / "cohort.csv")
    assert cohort["columns"] == {"path": "file", "subject": "Patient", "label": "Diagnosis", "official": "split"}
    assert cohort["official_splits"] is True
    assert config["evaluation"]["folds"] == 3  # four training subjects a class, of which one is for pretraining
    assert "the smallest class has few subjects" in said


def test_table_of_volumes_without_names_for_its_columns(here):
    rows = ["t1,flair,result"]
    for number in range(12):
        for modality in ("t1", "flair"):
            volume(here / f"{modality}_{number}.nii.gz", (8, 9, 40))
        rows.append(f"t1_{number}.nii.gz,flair_{number}.nii.gz,{'ill' if number % 2 else 'well'}")
    (here / "cohort.csv").write_text("\n".join(rows))
    config, cohort, said = write(here / "cohort.csv")
    assert cohort["columns"] == {"paths": {"t1": "t1", "flair": "flair"}, "subject": "t1", "label": "result"}
    assert cohort["dimensions"] == 3
    assert cohort["volume"] == {"size": [64, 64, 64]}
    assert config["arms"]["vit_mim"]["patch"] == [8, 16, 16]
    assert "8 x 9 x 40 voxels of 2 x 2 x 3 mm" in said
    assert "every row is one" in said


@pytest.mark.parametrize(
    ("kind", "shape", "classes", "own"),
    [
        ("brats", (32, 32, 24), "HGG (10), LGG (8)", {"modalities": ["flair", "t1ce", "t2"]}),
        ("acdc", (40, 40, 10), "DCM (4), HCM (4)", {}),
    ],
)
def test_folders_of_challenges(here, kind, shape, classes, own):
    write_phantom(kind, here / "data", subjects=18 if kind == "brats" else 20, shape=shape, spacing=6.0, seed=1)
    _, cohort, said = write(here / "data")
    assert cohort["adapter"] == kind
    assert own.items() <= cohort.items()
    assert classes in said
    assert cohort["volume"] == {"size": [16, 64, 64]}


def test_decathlon_takes_classes_from_a_table(here):
    names = [f"case_{number:02d}" for number in range(12)]
    for name in names:
        volume(here / "Task01" / "imagesTr" / f"{name}.nii.gz", (6, 6, 8, 4))
    modality = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
    training = [{"image": f"./imagesTr/{name}.nii.gz"} for name in names]
    (here / "Task01" / "dataset.json").write_text(json.dumps({"modality": modality, "training": training, "test": []}))
    with pytest.raises(ConfigError, match=r"12 subjects of 0 classes.*\n.*--labels FILE"):
        write(here / "Task01")
    _, cohort, said = write(here / "Task01", grades(here / "grades.csv", names[:-1]))
    assert cohort["labels"] == {"file": str(here / "grades.csv"), "subject": "patient", "label": "grade"}
    assert cohort["modalities"] == ["FLAIR", "T1w", "t1gd"]
    assert "1 subjects have no class" in said


def test_dicom_series(here):
    for patient in range(12):
        for z in range(5):
            one = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
            one.PatientID, one.SeriesInstanceUID = f"p{patient}", f"1.2.{patient + 1}"
            one.ImagePositionPatient = [0, 0, 3.0 * z]
            (here / "series" / str(patient)).mkdir(parents=True, exist_ok=True)
            one.save_as(here / "series" / str(patient) / f"{z}.dcm")
    _, cohort, said = write(here / "series", grades(here / "grades.csv", [f"p{patient}" for patient in range(12)]))
    assert cohort["adapter"] == "dicom"
    assert "12 subjects, 12 volumes" in said


@pytest.mark.parametrize(("modality", "option"), [("PT", {"series": "best"}), ("CR", {"dimensions": 2})])
def test_dicom_of_several_kinds_and_radiographs(here, modality, option):
    for patient in range(12):
        for z in range(5 if modality == "PT" else 1):
            for series in (1, 2) if modality == "PT" else (1,):
                one = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
                one.PatientID, one.SeriesInstanceUID = f"p{patient}", f"1.2.{patient + 1}.{series}"
                one.ImagePositionPatient = [0, 0, 3.0 * z]
                one.Modality = modality if series == 1 else "CT"
                if modality == "CR":
                    del one.ImagePositionPatient
                (here / "series" / str(patient)).mkdir(parents=True, exist_ok=True)
                one.save_as(here / "series" / str(patient) / f"{series}_{z}.dcm")
    _, cohort, said = write(here / "series", grades(here / "grades.csv", [f"p{patient}" for patient in range(12)]))
    assert cohort["adapter"] == "dicom"
    assert {key: cohort[key] for key in option} == option
    assert "12 subjects" in said


@pytest.mark.parametrize(("shape", "more"), [((28, 28), {}), ((12, 12, 12), {"dimensions": 3, "crop": "none"})])
def test_medmnist_files(here, shape, more):
    arrays = {}
    for part in ("train", "val", "test"):
        arrays[f"{part}_images"] = RNG.integers(0, 255, (16, *shape), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(16)[:, None] % 2
    np.savez(here / "breastmnist.npz", **arrays)
    _, cohort, said = write(here / "breastmnist.npz")
    assert cohort["official_splits"] is True
    assert {"adapter": "medmnist", "positive": "normal or benign", **more}.items() <= cohort.items()
    assert "malignant (24), normal or benign (24)" in said


@pytest.mark.parametrize(
    ("source", "recipe"),
    [
        ("medmnist:pneumoniamnist", {"name": "medmnist", "dataset": "pneumoniamnist", "size": 128}),
        ("medmnist:nodulemnist3d:28", {"name": "medmnist", "dataset": "nodulemnist3d", "size": 28}),
    ],
)
def test_public_cohorts_by_name(here, source, recipe):
    _, cohort, said = write(source)
    assert cohort["source"] == {"recipe": recipe}
    assert "fetched from https://zenodo.org" in said
    assert "Classes: " in said


def test_decathlon_by_name(here):
    table = grades(here / "grades.csv", ["a", "b"])
    assert write("msd:Task04_Hippocampus", table)[1]["labels"]["label"] == "grade"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", r"nowhere: does not exist\n  Next step: name a folder, a file, or a public cohort"),
        ("empty", r"empty: is nothing that sixgig reads:\n    acdc: empty holds no folder"),
        ("..", r"\.\.: holds the folder that you are in, and results go below that"),
        ("words.csv", r"words.csv: has no column whose cells end in .png, .*; it has a, b"),
        ("bare.csv", r"bare.csv: has no column of classes; it has path, subject"),
        ("few", r"few: class 'benign' has 1 evaluation subjects .*\n  Next step: add subjects of this class"),
        ("medmnist:none", r"medmnist:none: is 'none'\n  Next step: use one of pathmnist"),
        ("medmnist:pneumoniamnist:x", r"medmnist:pneumoniamnist:x: ends in 'x'"),
        ("medmnist:pneumoniamnist:29", r"is 29\n  Next step: pneumoniamnist comes in 28, 64, 128, 224"),
        ("brats", r"brats: brats is given to registered users only\n.*synapse.*sixgig new FOLDER"),
        ("msd:Task04_Hippocampus", r"carries no classes\n  Next step: give a CSV"),
    ],
)
def test_mistakes_say_what_to_do(here, source, message):
    Path("empty").mkdir()
    Path("words.csv").write_text("a,b\n1,2\n")
    Path("bare.csv").write_text("path,subject\nx.png,1\ny.png,2\n")
    pictures(Path("few"), subjects=1)
    with pytest.raises((ConfigError, CohortError), match=message):
        write(source)
    assert not Path("study.yaml").exists()


def test_a_file_is_not_overwritten(here):
    write("medmnist:breastmnist")
    with pytest.raises(ConfigError, match="study.yaml: exists already\n  Next step: remove it, or name another"):
        write("medmnist:breastmnist")


def test_labels_are_refused_where_classes_are_known(here):
    with pytest.raises(ConfigError, match="--labels: is not used: Folder of images carries its classes itself"):
        write(pictures(here / "scans"), grades(here / "grades.csv", ["b0"]))


def test_a_table_of_patients_with_images_of_several_classes(here):
    lines = ["image,patient_id,target"]
    for patient in range(16):
        for number in range(3):
            picture(here / "isic" / f"ISIC_{patient}{number}.png")
            lines.append(f"ISIC_{patient}{number}.png,IP_{patient},{int(number == 0 and patient % 2 == 0)}")
    (here / "isic" / "train.csv").write_text("\n".join(lines))
    config, cohort, said = write(here / "isic")
    assert cohort["labels_of"] == "image"
    assert "Classes: 0 (40), 1 (8)" in said
    assert "8 subjects have images of several classes, so each image keeps its class" in said
    assert config["evaluation"]["folds"] == 5


def test_a_folder_of_patients_with_images_of_several_classes(here):
    root = pictures(here / "oct", "{label}/{subject}/{number}.png")
    for subject in range(6):
        picture(root / "malignant" / f"b{subject}" / "9.png")
    _, cohort, said = write(root)
    assert cohort["labels_of"] == "image"
    assert "Classes: benign (16), malignant (22)" in said


def test_masks_beside_pictures_are_passed_over(here):
    root = pictures(here / "busi", "{label}/{label} ({subject}{number}).png")
    for path in list(root.glob("*/*.png"))[:5]:
        picture(path.with_name(f"{path.stem}_mask.png"))
    _, cohort, said = write(root)
    assert cohort["adapter"] == "image_folder"
    assert "5 files are passed over: a mask by its name" in said
