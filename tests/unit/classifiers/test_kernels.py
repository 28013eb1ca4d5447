import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from sixgig.classifiers import kernels
from sixgig.classifiers.kernels import Products, width


def rows(n=50, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 7))


@pytest.mark.parametrize("block", [1, 70, 10**6])
@pytest.mark.parametrize("gamma", [0.01, 2.0])
def test_rbf_equals_scikit_learn_whatever_the_block(monkeypatch, block, gamma):
    monkeypatch.setattr(kernels, "_BLOCK", block)
    a, b = rows(), rows(20, 1)
    for left, right in ((a, a), (b, a)):
        products = Products(left, right)
        np.testing.assert_allclose(products.kernel("linear", gamma), left @ right.T)
        expected = rbf_kernel(left, right, gamma)
        np.testing.assert_allclose(products.kernel("rbf", gamma), expected, atol=1e-13)
        np.testing.assert_allclose(products.kernel("rbf", 3 * gamma), expected**3, atol=1e-13)
        last = products.kernel("rbf", gamma, last=True)
        assert last is products.values
        np.testing.assert_allclose(last, expected, atol=1e-13)


def test_the_training_kernel_is_symmetric_with_a_diagonal_of_ones():
    a = 1e3 * rows()
    kernel = Products(a, a).kernel("rbf", 1e-7)
    assert np.array_equal(kernel, kernel.T)
    assert (np.diagonal(kernel) == 1).all()
    assert kernel.max() == 1


@pytest.mark.parametrize("gamma", ["scale", "auto", 0.3])
def test_width_means_what_it_means_for_svc(gamma):
    X = rows() + 3
    machine = SVC(gamma=gamma).fit(X, np.arange(50) % 2)
    assert width(gamma, X) == pytest.approx(machine._gamma)
    assert width("scale", np.ones((4, 2))) == 1.0


def test_wrong_kernels_and_widths_are_refused():
    with pytest.raises(ValueError, match="kernel 'poly' is neither linear nor rbf"):
        Products(rows(), rows()).kernel("poly", 1.0)
    for gamma in ("wide", 0.0, -1.0):
        with pytest.raises(ValueError, match="is neither a number above zero, scale nor auto"):
            width(gamma, rows())
