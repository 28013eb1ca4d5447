import numpy as np
import pytest
from sklearn.linear_model import Ridge

from sixgig.sparse_coding.crc import batch_crc_path, spectrum_of


@pytest.mark.parametrize(
    ("shape", "ridge"), [((20, 50), 0.001), ((20, 50), 10.0), ((50, 20), 0.001), ((50, 20), 0.1), ((30, 30), 0.1)]
)
def test_codes_equal_those_of_ridge_regression(shape, ridge):
    generator = np.random.default_rng(0)
    dictionary, vectors = generator.normal(size=shape), generator.normal(size=(5, shape[1]))
    expected = Ridge(ridge, fit_intercept=False, solver="svd").fit(dictionary.T, vectors.T).coef_
    (codes,) = batch_crc_path(dictionary, vectors, [ridge])
    np.testing.assert_allclose(codes, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6)])
def test_several_ridges_come_in_the_order_asked_for_from_one_spectrum(shape):
    generator = np.random.default_rng(1)
    dictionary, vectors = generator.normal(size=shape), generator.normal(size=(4, shape[1]))
    ridges = [0.1, 0.001, 1.0]
    together = batch_crc_path(dictionary, vectors, ridges, spectrum=spectrum_of(dictionary))
    for codes, ridge in zip(together, ridges, strict=True):
        np.testing.assert_allclose(codes, batch_crc_path(dictionary, vectors, [ridge])[0], rtol=1e-12)


def test_equal_and_zero_atoms_share_and_get_nothing():
    codes = batch_crc_path(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]), np.array([[1.0, 0.0]]), [1.0])[0]
    np.testing.assert_allclose(codes, [[1 / 3, 1 / 3, 0.0]], atol=1e-12)


def test_a_ridge_of_zero_is_refused():
    with pytest.raises(ValueError, match="ridge must be above zero"):
        batch_crc_path(np.eye(2), np.eye(2), [0.1, 0.0])
