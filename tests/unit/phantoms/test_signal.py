"""Signal equations against values worked out by hand, noise and fields against theory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sixgig.phantoms.fields import SmoothField, ramp
from sixgig.phantoms.signal import CoilBias, Tissue, add_rician_noise, balanced_ssfp, flair, nulling_time, spin_echo


def test_spin_echo_equals_hand_value() -> None:
    # TR = TE/2 + T1 ln 2 makes the first exponential 1/2: recovery = exp(-TR/T1) = exp(-TE/(2 T1)) / 2.
    tissue = Tissue(t1=1000.0, t2=100.0, pd=0.8)
    tr = 10.0 + 1000.0 * math.log(2.0)
    expected = 0.8 * 0.5 * math.exp(-10.0 / 1000.0) * math.exp(-20.0 / 100.0)
    assert spin_echo(tissue, tr=tr, te=20.0) == pytest.approx(expected, rel=1e-12)


def test_spin_echo_of_fully_relaxed_tissue_is_decay_only() -> None:
    assert spin_echo(Tissue(100.0, 80.0, 0.9), tr=1e5, te=80.0) == pytest.approx(0.9 / math.e, rel=1e-9)


def test_flair_with_long_tr_equals_hand_value() -> None:
    # With TR much longer than T1, recovery is 1 - 2 exp(-TI/T1); TI = T1 ln 4 leaves one half.
    tissue = Tissue(t1=500.0, t2=70.0, pd=0.77)
    assert flair(tissue, tr=1e5, te=70.0, ti=500.0 * math.log(4.0)) == pytest.approx(0.77 * 0.5 / math.e, rel=1e-9)


@pytest.mark.parametrize("t1", [2569.0, 3600.0])
def test_nulling_time_nulls(t1: float) -> None:
    ti = nulling_time(t1, tr=9000.0, te=120.0)
    assert flair(Tissue(t1, 400.0, 1.0), tr=9000.0, te=120.0, ti=ti) == pytest.approx(0.0, abs=1e-12)
    assert 0.5 * t1 < ti < t1 * math.log(2.0) + 1e-9


def test_balanced_ssfp_equals_hand_value() -> None:
    # At 90 degrees cos is 0: S = PD (1 - E1) / (1 - E1 E2) exp(-TR / 2 T2).
    e1, e2 = math.exp(-3.0 / 1000.0), math.exp(-3.0 / 50.0)
    expected = 0.9 * (1 - e1) / (1 - e1 * e2) * math.exp(-1.5 / 50.0)
    assert balanced_ssfp(Tissue(1000.0, 50.0, 0.9), tr=3.0, flip=90.0) == pytest.approx(expected, rel=1e-12)


def test_contrast_agent_shortens_t1_and_brightens_t1_weighted_signal() -> None:
    plain = Tissue(1000.0, 120.0, 0.9)
    enhanced = plain.with_agent(0.5)
    assert enhanced.t1 == pytest.approx(1.0 / (1e-3 + 4.1 * 0.5e-3))
    assert spin_echo(enhanced, 550.0, 12.0) > 1.5 * spin_echo(plain, 550.0, 12.0)


@pytest.mark.parametrize(("signal", "sigma"), [(0.0, 2.0), (3.0, 2.0), (40.0, 2.0)])
def test_rician_noise_has_theoretical_moments(signal: float, sigma: float) -> None:
    sources = np.random.default_rng(1), np.random.default_rng(2)
    values = add_rician_noise(np.full(200_000, signal, np.float32), sigma, *sources)
    half = signal**2 / (4 * sigma**2)
    bessel = float(np.i0(half)), _i1(half)
    laguerre = math.exp(-half) * ((1 + 2 * half) * bessel[0] + 2 * half * bessel[1])
    assert float(values.mean()) == pytest.approx(sigma * math.sqrt(math.pi / 2) * laguerre, rel=0.01)
    assert float((values**2).mean()) == pytest.approx(signal**2 + 2 * sigma**2, rel=0.01)


def _i1(x: float) -> float:
    angle = (np.arange(2000) + 0.5) * np.pi / 2000
    return float(np.mean(np.exp(x * np.cos(angle)) * np.cos(angle)))


def test_field_has_unit_variance_and_does_not_depend_on_slabs() -> None:
    field = SmoothField(np.random.default_rng(0), (200.0, 200.0, 200.0), (8.0, 8.0, 8.0))
    axis = np.arange(0.5, 200, 2.0, dtype=np.float32)
    whole = field.sample(axis, axis, axis)
    assert whole.dtype == np.float32
    assert float(whole.std()) == pytest.approx(1.0, abs=0.06)
    np.testing.assert_array_equal(whole[30:37], field.sample(axis[30:37], axis, axis))


def test_coil_bias_is_positive_and_smooth() -> None:
    axis = np.arange(0.5, 192, 2.0, dtype=np.float32)
    bias = CoilBias(np.random.default_rng(3), (192.0, 192.0), 0.3).sample(axis, axis)
    assert bias.min() > 0
    assert np.abs(np.diff(bias, axis=0)).max() < 0.05 < np.ptp(bias)


def test_ramp_is_half_on_the_surface() -> None:
    np.testing.assert_allclose(ramp(np.array([-2, -0.5, 0, 0.5, 2], np.float32), 2.0), [0, 0.25, 0.5, 0.75, 1])
