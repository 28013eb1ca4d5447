"""Cohorts that sixgig did not write, through the real DAG: a download, a folder of pictures, a CSV of volumes."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import nibabel
import numpy as np
import pytest
import yaml
from conftest import RUN, snakemake
from PIL import Image

from sixgig.tables.cohorts import MANIFEST, QUARANTINE, SPLITS
from sixgig.tables.scores import SUMMARY


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A web server that holds ``pneumoniamnist.npz``; gives its address and the file's md5."""
    folder = tmp_path_factory.mktemp("served")
    rng = np.random.default_rng(4)
    arrays = {}
    for part, n in (("train", 40), ("val", 8), ("test", 16)):
        labels = np.arange(n) % 2
        arrays[f"{part}_labels"] = labels[:, None].astype(np.uint8)
        arrays[f"{part}_images"] = (rng.integers(0, 120, (n, 28, 28)) + 100 * labels[:, None, None]).astype(np.uint8)
    np.savez(folder / "pneumoniamnist.npz", **arrays)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    md5 = hashlib.md5((folder / "pneumoniamnist.npz").read_bytes()).hexdigest()
    yield f"http://127.0.0.1:{httpd.server_port}/pneumoniamnist.npz", md5
    httpd.shutdown()


def write_pictures(folder):
    """Two classes of eight patients with two pictures each; one picture is broken."""
    rng = np.random.default_rng(5)
    for label, base in (("benigno", 40), ("maligno", 120)):
        for patient in range(8):
            for number in range(2):
                path = folder / label / f"paciente{patient:02d}_{label[0]}_{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 100, (30, 40), dtype=np.uint8) + np.uint8(base)).save(path)
    path.write_bytes(path.read_bytes()[:60])


def write_table(folder):
    """Volumes of twelve subjects in two modalities, listed in a CSV as Excel writes it in Brazil."""
    rng = np.random.default_rng(6)
    folder.mkdir()
    lines = ["sujeito;grau;flair;t2"]
    for subject in range(12):
        names = []
        for modality in ("flair", "t2"):
            array = rng.normal(100 + 40 * (subject % 2), 10, (20, 18, 12)).astype(np.int16)
            name = f"s{subject:02d}_{modality}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(array, np.diag([-2.0, 2.0, 3.0, 1.0])), folder / name)
            names.append(name)
        lines.append(";".join([f"sujeito {subject}", ("baixo", "alto")[subject % 2], *names]))
    (folder / "coorte.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_config, server):
    folder = tmp_path_factory.mktemp("cohorts_of_users")
    write_pictures(folder / "pictures")
    write_table(folder / "tabela")
    url, md5 = server
    config = {
        **tiny_config,
        "cohorts": {
            "pneumonia": {"adapter": "medmnist", "source": {"url": {"url": url, "md5": md5}}, "official_splits": True},
            "pictures": {
                "adapter": "image_folder",
                "source": {"path": str(folder / "pictures")},
                "subject_pattern": r"(?P<subject>paciente\d+_[bm])",
            },
            "tabela": {
                "adapter": "table",
                "dimensions": 3,
                "source": {"path": str(folder / "tabela/coorte.csv")},
                "columns": {"subject": "sujeito", "label": "grau", "paths": {"flair": "flair", "t2": "t2"}},
                "slices": {"count": 2},
                "volume": {"size": [8, 16, 16]},
            },
        },
        "arms": {"vit_pure": tiny_config["arms"]["vit_pure"]},
        "weights": {"vit": tiny_config["weights"]["vit"]},
        "controls": {"majority_class": True, "random_vit": False},
        "evaluation": {**tiny_config["evaluation"], "pretraining_fraction": 0.1},
        "quarantine": {"max_fraction": 0.1},
        "tracking": {"mlflow": False},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    snakemake(folder, *RUN)
    return folder


def test_the_official_test_set_is_held_out_and_scored_once(finished):
    root = finished / "results/tiny"
    splits = SPLITS.read(root / "cohorts/pneumonia/splits.csv")
    assert (splits["role"] == "test").sum() == 16
    manifest = MANIFEST.read(root / "cohorts/pneumonia/manifest.csv")
    official = set(manifest.loc[manifest["official"] == "test", "subject_id"])
    assert set(splits.loc[splits["role"] == "test", "subject_id"]) == official
    held_out = SUMMARY.read(root / "test_summary.csv")
    assert set(held_out["cohort"]) == {"pneumonia"}
    assert set(held_out["n_subjects"]) == {16}
    summary = SUMMARY.read(root / "summary.csv")
    # No arm learns, so all of the training and validation set are evaluated.
    assert set(summary.loc[summary["cohort"] == "pneumonia", "n_subjects"]) == {48}


def test_pictures_of_one_patient_stay_together_and_a_broken_one_is_left_out(finished):
    folder = finished / "results/tiny/cohorts/pictures"
    manifest = MANIFEST.read(folder / "manifest.csv")
    sizes = manifest.groupby("subject_id").size().to_dict()
    assert sizes == dict.fromkeys(manifest["subject_id"], 2) | {"paciente07_m": 1}
    assert len(sizes) == 16
    lost = QUARANTINE.read(folder / "quarantine.csv")
    assert lost["file"].tolist() == ["maligno/paciente07_m_1.png"]


def test_a_table_of_volumes_is_read_with_its_modalities(finished):
    folder = finished / "results/tiny/cohorts/tabela"
    manifest = MANIFEST.read(folder / "manifest.csv")
    assert set(manifest["label"]) == {"alto", "baixo"}
    assert np.load(folder / "volumes.npy", mmap_mode="r").shape == (12, 8, 16, 16, 2)


def test_the_report_names_them_all(finished):
    html = (finished / "results/tiny/report.html").read_text()
    for words in ("pneumonia", "pictures", "tabela", "paciente07_m_1.png"):
        assert words in html


def test_a_wrong_checksum_stops_before_anything_is_read(finished, server, tmp_path):
    config = yaml.safe_load((finished / "study.yaml").read_text())
    config["cohorts"] = {"pneumonia": config["cohorts"]["pneumonia"]}
    config["cohorts"]["pneumonia"]["source"]["url"]["md5"] = "0" * 32
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    result = snakemake(tmp_path, "--cores", "2", "cohorts", check=False)
    assert result.returncode != 0
    assert server[1] in result.stderr + result.stdout
    assert not list(tmp_path.rglob("manifest.csv"))
