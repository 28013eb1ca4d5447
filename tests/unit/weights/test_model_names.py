"""Names of networks in timm's source are those that timm has."""

import pytest

from sixgig.errors import WeightsError
from sixgig.weights import model_names
from sixgig.weights.loading import check_model
from sixgig.weights.model_names import is_surely_known


def test_the_names_in_the_source_are_timms():
    import timm

    models, tagged = model_names._names()
    assert len(models) > 1000
    assert models <= set(timm.list_models())
    assert len(tagged) > 1000
    assert all(timm.is_model(name) and timm.get_pretrained_cfg(name) is not None for name in sorted(tagged)[::50])


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("resnet50", True),
        ("resnet50.a1_in1k", True),
        ("vit_small_patch14_dinov2", True),
        ("resnet5O", False),
        ("resnet50.a1", False),
        ("create_model", False),
    ],
)
def test_names_are_looked_up_without_timm(model, known):
    assert is_surely_known(model) is known


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("resnet5O", r"^here: timm does not know the model resnet5O\n.*resnet50"),
        ("timm/resnet50.a1_in1k", r"does not know the model timm/resnet50.a1_in1k\n.*resnet50"),
        ("resnet50.a1", r"^here: timm has no weights 'a1' of resnet50\n.*example resnet50.a1_in1k"),
        ("test_vit.x", r"timm has no weights 'x' of test_vit\n.*test_vit.r160_in1k"),
    ],
)
def test_timm_says_what_it_does_not_have(model, message):
    with pytest.raises(WeightsError, match=message):
        check_model(model, "here")


def test_without_timm_nothing_is_surely_known(monkeypatch):
    monkeypatch.setattr(model_names, "find_spec", lambda name: None)
    model_names._names.cache_clear()
    assert not is_surely_known("resnet50")
    model_names._names.cache_clear()
