"""A metric that is added as CONTRIBUTING.md says is in metrics and summary of a study."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCORE = """
import json
from pathlib import Path
import numpy as np
import pandas as pd
from sixgig.evaluation.scoring import ScoredFiles, score_study
from sixgig.tables.cohorts import SPLITS
from sixgig.tables.predictions import PREDICTIONS

subjects = [(f"s{i:02d}", "xy"[i % 2], i // 2 % 2) for i in range(20)]
rows = [(name, label, "evaluation", 0, fold) for name, label, fold in subjects]
SPLITS.write(pd.DataFrame(rows, columns=SPLITS.column_names), "splits.csv")
wrong = {"s00", "s02", "s04", "s01"}
rows = []
for name, label, fold in subjects:
    predicted = label if name not in wrong else "yx"["xy".index(label)]
    rows.append((name, 0, fold, label, predicted, float(predicted == "x"), float(predicted == "y")))
columns = [*PREDICTIONS.column_names, "score_x", "score_y"]
PREDICTIONS.write(pd.DataFrame(rows, columns=columns), "predictions.csv")
key = ("c", "arm", "svm")
files = ScoredFiles({key: Path("predictions.csv")}, {}, {("c",): Path("splits.csv")}, {})
scores = score_study(files, {"c": None}, 100, 0, 1)
summary = scores.summary.set_index("metric")["pooled"]
print(json.dumps({"metrics": scores.metrics["metric"].unique().tolist(), "summary": summary.to_dict()}))
"""


def test_a_metric_added_by_the_guide_is_scored(tmp_path):
    guide = (ROOT / "CONTRIBUTING.md").read_text().split("## Add a metric\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    assert "at the end of `METRICS` in `sixgig/evaluation/metrics.py`" in guide
    shutil.copytree(ROOT / "sixgig", tmp_path / "sixgig", ignore=shutil.ignore_patterns("__pycache__"))
    module = tmp_path / "sixgig/evaluation/metrics.py"
    text = module.read_text()
    end = text.index("    )\n}\n", text.index("METRICS: dict"))
    module.write_text(text[:end] + textwrap.indent(block.rstrip(), 8 * " ") + ",\n" + text[end:])
    run = subprocess.run([sys.executable, "-c", SCORE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["metrics"][-1] == "geometric_mean"
    assert abs(found["summary"]["geometric_mean"] - (0.7 * 0.9) ** 0.5) < 1e-12
