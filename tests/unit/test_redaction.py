"""Passwords and tokens are in no message, whatever way they take."""

import io
import pickle

import pytest

from sixgig.errors import CohortError, failure
from sixgig.redaction import RedactedStream, redacted, redacted_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ana:s3cr3t@host/a.zip is gone", "https://***@host/a.zip is gone"),
        ("https://ana:p@ss@host:8080/a", "https://***@host:8080/a"),
        ("https://tok3n@host/a", "https://***@host/a"),
        ("postgresql+psycopg://ana:s3cr3t@db/x", "postgresql+psycopg://***@db/x"),
        ("https://host/a?token=s3cr3t&part=2", "https://host/a?token=***&part=2"),
        ("https://host/a?part=2&X-Amz-Signature=s3cr3t#end", "https://host/a?part=2&X-Amz-Signature=***#end"),
        ("https://host/a?sig=s3cr3t' (x)", "https://host/a?sig=***' (x)"),
        ("Authorization: Bearer s3cr3t.abc", "Authorization: Bearer ***"),
        ("hf_abcdefghijklmnopqrstuv was refused", "*** was refused"),
        ("https://host/a@b/c.zip?download=1", "https://host/a@b/c.zip?download=1"),
        ("write to ana@host.org, 12 of 40 done", "write to ana@host.org, 12 of 40 done"),
    ],
)
def test_what_is_a_secret_is_masked_and_nothing_else(text, shown):
    assert redacted(text) == shown


@pytest.mark.parametrize("name", ["HF_TOKEN", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MY_API_KEY"])
def test_values_of_secret_variables_are_masked_wherever_they_stand(monkeypatch, name):
    monkeypatch.setenv(name, "correct horse")
    assert redacted("said 'correct horse', twice: correct horse") == "said '***', twice: ***"


def test_short_values_and_other_variables_stay(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "yes")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "parallel")
    assert redacted("yes, in parallel") == "yes, in parallel"


def test_every_part_of_an_error_is_masked_also_after_it_crossed_to_another_process(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "s3cr3t-token")
    error = CohortError("https://a:b@host/x", "refused s3cr3t-token", "try https://c:d@host/x")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "https://***@host/x: refused ***\n  Next step: try https://***@host/x"
    assert error.args == ("https://***@host/x", "refused ***", "try https://***@host/x")
    assert failure(ValueError("no s3cr3t-token")) == "failed: ValueError: no ***"


def test_values_of_a_config_are_masked_at_every_depth():
    config = {"cohorts": {"a": {"source": {"url": {"url": "https://a:b@host/x"}}}}, "n": [1, "https://c@host", None]}
    assert redacted_values(config) == {
        "cohorts": {"a": {"source": {"url": {"url": "https://***@host/x"}}}},
        "n": [1, "https://***@host", None],
    }


def test_a_stream_masks_what_is_written():
    below = io.StringIO()
    stream = RedactedStream(below)
    print("see https://a:b@host/x", file=stream, flush=True)
    assert below.getvalue() == "see https://***@host/x\n"
