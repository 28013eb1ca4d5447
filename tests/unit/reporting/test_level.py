"""What the page says of the level of intervals follows evaluation.alpha."""

from sixgig.reporting import comparisons, results
from sixgig.results.study import Study
from sixgig.runtime.atomic import read_json, write_json
from tests.unit.reporting.fake_study import write_fake_study


def test_captions_name_the_level_of_the_study(tmp_path):
    folder = write_fake_study(tmp_path, cohorts=("elpv",))
    info = read_json(folder / "study.json")
    info["config"].setdefault("evaluation", {})["alpha"] = 0.1
    write_json(folder / "study.json", info)
    study = Study(folder)
    held_out = results.held_out(study).caption
    assert "The 90% interval is about new subjects for these fitted models" in held_out
    assert "bootstrap" not in held_out
    assert "its interval of 90% is for that pair alone" in comparisons.pairs(study, "elpv").caption
