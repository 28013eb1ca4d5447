from sixgig.reporting import training
from sixgig.reporting.page import render
from sixgig.study import Study


def test_trained_arms_say_with_what_and_whether_they_learned(drawn_study):
    study = Study(drawn_study)
    rows = {row[0].text: [cell.text for cell in row] for row in training.training(study).rows}
    assert rows["acdc_phantom"][2:] == [
        "TensorFlow 1.15.5, cpu, float32, loss G^D",
        "40",
        "1 min 15 s",
        "2.610 to 1.900",
        "0.410 to 0.660",
        "0.250",
        "partition of a slice, by its nearest neighbour among other subjects",
    ]
    assert rows["elpv"][3] == "40 (stopped early)"
    assert rows["elpv"][5] == "2.610 to 1.900 (pretraining subjects)"
    assert rows["elpv"][8].startswith("second view")
    assert rows["brats_phantom"][2] == "failed"
    assert training.notes(study) == ["elpv, Contrastive ViT: the cohort has no volumes: G^R instead of G^D"]


def test_page_has_the_section_and_its_figure(drawn_study):
    page = render(Study(drawn_study))
    assert '<section id="training">' in page
    assert '<a href="#training">' in page
    assert "G^R instead of G^D" in page
    assert "acdc_phantom: loss while the arms learned" in page
    assert "Nothing to draw: no arm of this cohort was trained to its end" in page  # brats


def test_a_study_without_training_has_no_section(drawn_study, tmp_path):
    copy = tmp_path / "plain"
    copy.mkdir()
    for path in drawn_study.iterdir():
        if path.name != "pretraining":
            (copy / path.name).symlink_to(path)
    page = render(Study(copy))
    assert '<section id="training">' not in page
    assert "loss while the arms learned" not in page
