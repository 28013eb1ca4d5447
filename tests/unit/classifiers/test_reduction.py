import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sixgig.classifiers.reduction import Reduction


@pytest.mark.parametrize("shape", [(40, 15), (15, 40)])
@pytest.mark.parametrize("keep", [0.5, 0.95, 6])
def test_equals_pca_up_to_sign_and_one_common_factor(shape, keep):
    X = np.random.default_rng(0).normal(size=shape) * np.linspace(3, 0.1, shape[1])
    ours = Reduction(keep).fit(X)
    reduced = ours.transform(X)
    expected = PCA(keep, svd_solver="full").fit_transform(X)
    assert reduced.shape == expected.shape
    assert (reduced**2).sum(axis=1).mean() == pytest.approx(1.0)
    expected /= np.sqrt((expected**2).sum(axis=1).mean())
    np.testing.assert_allclose(np.abs(reduced), np.abs(expected), atol=1e-8)


def test_never_keeps_more_components_than_the_data_have():
    X = np.random.default_rng(0).normal(size=(30, 3)) @ np.random.default_rng(1).normal(size=(3, 20))
    for keep in (1.0, 64):
        assert Reduction(keep).fit(X).n_components_ == 3


def test_data_without_variance_give_zeros_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not Reduction().fit(np.ones((5, 4))).transform(np.ones((2, 4))).any()


def test_the_constant_is_one_more_component():
    X = np.random.default_rng(0).normal(size=(20, 6))
    plain, extended = Reduction().fit_transform(X), Reduction(constant=2.0).fit_transform(X)
    np.testing.assert_allclose(extended[:, :-1], plain)
    assert (extended[:, -1] == 2.0).all()
