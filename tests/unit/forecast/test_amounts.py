"""How much a cohort holds: prepared files before the folder, the folder before what is published."""

import pytest
from PIL import Image

from sixgig.forecast.amounts import cohort_amount
from sixgig.runtime.atomic import write_json


@pytest.fixture
def plan(plan_of, tmp_path):
    """A study of a folder with two classes of six pictures each."""
    for label in ("benign", "malignant"):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (40, 30), (number * 40, 0, 0)).save(tmp_path / "pictures" / label / f"{number}.png")
    source = {"path": str(tmp_path / "pictures")}
    return plan_of(cohorts={"pictures": {"title": "Pictures", "adapter": "image_folder", "source": source}},
                   arms={"vit_pure": {"weights": "dinov2_vits14"}})  # fmt: skip


def test_files_in_a_folder_are_counted(plan):
    found = cohort_amount(plan, "pictures")
    assert (found.amount.subjects, found.amount.images, found.amount.volumes) == (12, 12, 0)
    assert (found.amount.classes, found.basis, found.note) == (2, "computed", "")
    assert 0 < found.raw_mb < 0.1


def test_what_was_prepared_counts_before_the_folder(plan, tmp_path):
    folder = tmp_path / "results" / plan.study / "cohorts" / "pictures"
    folder.mkdir(parents=True)
    facts = {"n_images": 10, "n_subjects": 5, "n_volumes": 0, "classes": {"benign": 3, "malignant": 2}}
    write_json(folder / "cohort.json", facts)
    found = cohort_amount(plan, "pictures")
    assert (found.amount.subjects, found.amount.images, found.basis) == (5, 10, "measured")
    assert cohort_amount(plan, "pictures", look=False).amount.subjects == 12
    other = {**plan.config["cohorts"]["pictures"], "limit": 3}
    write_json(tmp_path / "results" / plan.study / "study.json", {"config": {"cohorts": {"pictures": other}}})
    assert cohort_amount(plan, "pictures").amount.subjects == 12  # prepared by another stanza


def test_a_limit_holds_for_the_folder(plan):
    plan.config["cohorts"]["pictures"]["limit"] = 7
    assert cohort_amount(plan, "pictures").amount.images == 7


def test_a_folder_that_is_not_there_is_assumed_and_said(plan_of):
    stanza = {"title": "Pictures", "adapter": "image_folder", "source": {"path": "nowhere"}}
    plan = plan_of(cohorts={"pictures": stanza}, arms={"vit_pure": {"weights": "dinov2_vits14"}})
    found = cohort_amount(plan, "pictures")
    assert (found.amount.images, found.basis, found.note) == (1000, "assumed", "assumed: 1,000 images")


def test_named_public_data_have_their_published_size(plan_of):
    found = cohort_amount(plan_of("medmnist"), "breast")
    assert (found.amount.images, found.basis) == (780, "assumed")
    assert found.download_mb == pytest.approx(7.8)
    deep = cohort_amount(plan_of("medmnist"), "nodules").amount
    assert (deep.subjects, deep.volumes, deep.images) == (1633, 1633, 8 * 1633)
