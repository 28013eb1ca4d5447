from sixgig.reporting import training
from sixgig.reporting.page import render
from sixgig.results.study import Study


def test_trained_arms_say_with_what_and_whether_they_learned(drawn_study):
    study = Study(drawn_study)
    shown = [[cell.text for cell in row] for row in training.training(study).rows]
    rows = {row[0]: row for row in shown if row[1] == "Contrastive ViT"}
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


def test_masked_modelling_is_compared_with_what_needs_no_learning(drawn_study):
    study = Study(drawn_study)
    shown = [[cell.text for cell in row] for row in training.reconstruction(study).rows]
    assert ["acdc_phantom", "MIM ViT", "volume, mae, inflate", "0.400", "0.100", "0.200", "0.180"] in shown
    assert {row[0] for row in shown} == {"elpv", "acdc_phantom"}  # brats failed
    learned = [[cell.text for cell in row] for row in training.training(study).rows if row[1].text == "MIM ViT"]
    assert learned[0][2] == "PyTorch 2.10.0, cpu, loss MAE"
    assert learned[0][6] == "n/a"


def test_page_has_the_section_and_its_figure(drawn_study):
    page = render(Study(drawn_study))
    assert '<details class="fold" id="training">' in page
    assert '<a href="#training">' in page
    assert "G^R instead of G^D" in page
    assert "ACDC phantom (simulated): loss while the arms learned" in page
    assert "ACDC phantom (simulated): masked patches filled in by MIM ViT" in page
    assert page.count("Nothing to draw: ") >= 2  # brats, whose trainings failed


def test_a_study_without_training_has_no_section(drawn_study, tmp_path):
    copy = tmp_path / "plain"
    copy.mkdir()
    for path in drawn_study.iterdir():
        if path.name != "pretraining":
            (copy / path.name).symlink_to(path)
    page = render(Study(copy))
    assert 'id="training"' not in page
    assert "loss while the arms learned" not in page
