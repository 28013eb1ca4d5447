"""The series of the GPU in MLflow, in a store of its own."""

from types import SimpleNamespace

from sixgig.reporting import tracked_card
from sixgig.reporting.card import Watched
from sixgig.reporting.tracked_card import track_card

SERIES = {"seconds": [0.4, 60.0], "memory_mb": [400.0, 2400.0], "temperature": [None, 81.0]}


class Client:
    """Keeps what MLflow is given."""

    def __init__(self):
        self.points, self.tags = [], {}

    def log_batch(self, run_id, metrics):
        assert run_id == "run"
        self.points += [(metric.key, metric.value, metric.step) for metric in metrics]

    def set_tag(self, run_id, key, value):
        self.tags[key] = value

    @property
    def run(self):
        return SimpleNamespace(info=SimpleNamespace(run_id="run"), data=SimpleNamespace(tags=self.tags))


def test_each_quantity_of_a_job_is_a_series_and_is_written_once(monkeypatch):
    jobs = [
        Watched("acdc", "vit_pure", "encode", {"series": SERIES}),
        Watched("acdc", "vit_mim", "pretrain", {"problem": "not watched"}),
    ]
    monkeypatch.setattr(tracked_card, "watched", lambda study: jobs)
    client = Client()
    wanted = [
        ("gpu.acdc.vit_pure.encode.memory_mb", 400.0, 0),
        ("gpu.acdc.vit_pure.encode.memory_mb", 2400.0, 60),
        ("gpu.acdc.vit_pure.encode.temperature", 81.0, 60),
    ]
    for _ in range(2):
        track_card(client, client.run, None)
        assert client.points == wanted
    jobs[0].gpu["series"] = {**SERIES, "memory_mb": [400.0, 2500.0]}
    track_card(client, client.run, None)
    assert len(client.points) == 6
