import threading
import time

import pytest

from sixgig.errors import PassingError
from sixgig.gpu.readers import CardLostError, NotReadableError, Reader, Sample
from sixgig.gpu.settings import WatchSettings, watch_settings, watch_variables
from sixgig.gpu.watch import GpuWatch


class Played(Reader):
    """Plays samples one after the other, and the last for ever; an exception is raised."""

    def __init__(self, *samples, slowdown=None):
        self.samples, self.slowdown = list(samples), slowdown
        self.closed, self.reads = False, 0

    def read(self):
        self.reads += 1
        sample = self.samples.pop(0) if len(self.samples) > 1 else self.samples[0]
        if isinstance(sample, Exception):
            raise sample
        return sample

    def slowdown_temperature(self):
        return self.slowdown

    def close(self):
        self.closed = True


def watching(reader, told=None, settings=None, **options):
    readers, tell = {"nvml": lambda card: reader}, ([] if told is None else told).append
    return GpuWatch("card", settings or WatchSettings(), seconds=0.001, readers=readers, tell=tell, **options)


def wait_until(condition):
    while not condition():
        time.sleep(0.001)


def test_watch_samples_until_the_block_ends(tmp_path):
    reader = Played(Sample(100, 40, 70, 20), Sample(300, 60, 71, 30), Sample(200, 50, 69, 25))
    file = tmp_path / "benchmarks" / "encode.gpu.csv"
    with watching(reader, series=file) as watch:
        wait_until(lambda: reader.reads >= 4)
    assert reader.closed
    summary, n = watch.summary(), len(watch.series.samples)
    assert summary["monitor"] == "nvml"
    assert summary["card_memory_peak_mb"] == 300
    assert summary["temperature_peak_celsius"] == 71
    assert summary["utilisation_mean_percent"] == pytest.approx((40 + 60 + 50 * (n - 2)) / n)
    assert summary["power_mean_watt"] == pytest.approx((20 + 30 + 25 * (n - 2)) / n)
    assert summary["series"]["memory_mb"][:3] == [100, 300, 200]
    assert not {"problem", "seconds_paused"} & set(summary)
    lines = file.read_text().splitlines()
    assert lines[0] == "seconds,memory_mb,utilisation,temperature,power_watt"
    assert len(lines) == n + 1
    assert lines[2].split(",")[1:] == ["300", "60", "71", "30"]


def test_what_the_card_does_not_tell_is_missing_and_divides_nothing(tmp_path):
    reader = Played(Sample(memory_mb=100))
    with watching(reader, series=tmp_path / "x.csv") as watch:
        wait_until(lambda: reader.reads >= 3)
    summary = watch.summary()
    assert set(summary) == {"monitor", "card_memory_peak_mb", "series"}
    assert set(summary["series"]) == {"seconds", "memory_mb"}
    assert (tmp_path / "x.csv").read_text().splitlines()[1].endswith(",100,,,")


def test_a_series_is_thinned_to_a_few_points():
    watch = GpuWatch(None)
    for second in range(1000):
        watch.series.add(float(second), Sample(second, 100 if second % 2 else 0, None, None))
    thin = watch.series.thinned(10)
    assert thin["seconds"] == [99, 199, 299, 399, 499, 599, 699, 799, 899, 999]
    assert thin["memory_mb"] == [99, 199, 299, 399, 499, 599, 699, 799, 899, 999]
    assert thin["utilisation"] == [50.0] * 10
    assert set(thin) == {"seconds", "memory_mb", "utilisation"}


def test_a_card_that_cannot_be_watched_does_not_stop_the_job():
    def broken(card):
        raise NotReadableError("driver not loaded")

    told = []
    with GpuWatch("card", WatchSettings("nvidia_smi"), readers={"nvidia_smi": broken}, tell=told.append) as watch:
        watch.cool_down()
    assert watch.summary() == {"monitor": "nvidia_smi", "problem": "not watched by nvidia_smi: driver not loaded"}
    assert told == ["the GPU is not watched by nvidia_smi: driver not loaded"]


def test_a_reader_that_fails_now_and_then_is_asked_again():
    reader = Played(Sample(1), *[NotReadableError("slow")] * 4, Sample(2), *[NotReadableError("gone")] * 9)
    with watching(reader) as watch:
        wait_until(lambda: watch.problem)
    assert watch.series.of("memory_mb") == [1, 2]
    assert watch.summary()["problem"] == "no longer watched by nvml: gone"
    assert reader.reads == 1 + 4 + 1 + 5


def test_nothing_is_watched_on_a_cpu():
    with GpuWatch(None) as watch:
        watch.cool_down()
    assert watch.summary() == {}


# Heat


def in_thread(watch, **hooks):
    thread = threading.Thread(target=watch.cool_down, kwargs=hooks)
    thread.start()
    return thread


def test_a_hot_card_pauses_the_job_until_it_is_five_degrees_cooler():
    reader, told, order = Played(Sample(temperature=81)), [], []
    with watching(reader, told, WatchSettings(max_temperature=80)) as watch:
        wait_until(lambda: watch._hot)
        thread = in_thread(watch, pause=lambda: order.append("pause"), go_on=lambda: order.append("go on"))
        wait_until(lambda: order)
        reader.samples = [Sample(temperature=76)]  # below the limit, and not cool enough
        reads = reader.reads
        wait_until(lambda: reader.reads > reads + 3)
        assert thread.is_alive()
        reader.samples = [Sample(temperature=75)]
        thread.join()
        assert order == ["pause", "go on"]
        watch.cool_down()  # at once
    assert watch.seconds_paused > 0
    assert watch.summary()["seconds_paused"] == pytest.approx(watch.seconds_paused, abs=0.06)
    assert told[0] == "the GPU has 81 C, the limit is 80 C: pausing"
    assert told[1].startswith("going on after a pause of 0 s: the GPU has 75 C")


@pytest.mark.parametrize(
    ("own", "slowdown", "temperature", "hot"),
    [
        (None, 100, 95, False),
        (None, 100, 96, True),
        (None, None, 87, False),
        (None, None, 88, True),
        (90, 60, 89, False),  # the study file decides
        (90, 60, 91, True),
    ],
)
def test_the_limit_is_the_study_files_or_the_cards(own, slowdown, temperature, hot):
    reader = Played(Sample(temperature=temperature), slowdown=slowdown)
    with watching(reader, settings=WatchSettings(max_temperature=own)) as watch:
        wait_until(lambda: reader.reads >= 2)
        assert watch._hot is hot


def test_a_pause_that_does_not_cool_the_card_ends(monkeypatch):
    monkeypatch.setattr("sixgig.gpu.watch._LONGEST_PAUSE", 0.05)
    reader = Played(Sample(temperature=99))
    with watching(reader) as watch:
        wait_until(lambda: watch._hot)
        watch.cool_down()
        reads = reader.reads
        wait_until(lambda: reader.reads > reads + 1)
        assert not watch._hot
    assert "still too hot after a pause of 0 s: no further pauses" in watch.summary()["problem"]


def test_a_sensor_that_falls_silent_does_not_keep_the_job_waiting():
    reader = Played(Sample(temperature=99))
    with watching(reader) as watch:
        wait_until(lambda: watch._hot)
        thread = in_thread(watch)
        reader.samples = [NotReadableError("silent")]
        thread.join()
    assert watch.problem == "no longer watched by nvml: silent"


# A card that is gone


def test_a_lost_card_ends_the_job_between_two_batches():
    reader = Played(Sample(1), CardLostError("GPU is lost"))
    with watching(reader) as watch:
        wait_until(lambda: watch._lost)
        with pytest.raises(PassingError, match="the GPU: does not answer any longer: GPU is lost") as caught:
            watch.cool_down()
    assert "goes on from its last checkpoint" in caught.value.next_step


def test_a_card_lost_while_the_job_pauses_ends_it_too():
    reader, errors = Played(Sample(temperature=99)), []

    def cool_down():
        try:
            watch.cool_down()
        except PassingError as error:
            errors.append(error)

    with watching(reader) as watch:
        wait_until(lambda: watch._hot)
        thread = threading.Thread(target=cool_down)
        thread.start()
        reader.samples = [CardLostError("GPU is lost")]
        thread.join()
    assert len(errors) == 1


# Settings


def test_settings_reach_the_jobs_in_the_environment():
    assert watch_settings({}) == WatchSettings("nvml", None)
    assert watch_settings(watch_variables({"monitor": "gputil", "max_temperature": 80})) == WatchSettings("gputil", 80)
    assert watch_settings(watch_variables({"monitor": "nvml"})) == WatchSettings("nvml", None)
