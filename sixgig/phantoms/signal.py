"""MR signal equations, coil bias and noise. Times in ms, angles in degrees, concentrations in mmol/L."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sixgig.phantoms.fields import FloatArray, SmoothField

#: Relaxivities of a gadolinium chelate at body temperature, L/(mmol s), rounded from Rohrer et al. 2005, Invest Radiol.
R1_PER_MMOL = 4.1
R2_PER_MMOL = 5.0


@dataclass(frozen=True)
class Tissue:
    """Relaxation times in ms and proton density relative to water."""

    t1: float
    t2: float
    pd: float

    def with_agent(self, concentration: float) -> Tissue:
        """Return the tissue after contrast agent has reached it.

        The rates add: 1/T1' = 1/T1 + r1 C, and 1/T2' = 1/T2 + r2 C (Solomon-Bloembergen; Rohrer et al. 2005).

        Args:
            concentration: Agent in the tissue, mmol/L.
        """
        return Tissue(
            t1=1.0 / (1.0 / self.t1 + R1_PER_MMOL * concentration / 1000.0),
            t2=1.0 / (1.0 / self.t2 + R2_PER_MMOL * concentration / 1000.0),
            pd=self.pd,
        )

    def varied(self, rng: np.random.Generator, spread: float) -> Tissue:
        """Return another subject's tissue: T1 and T2 scaled by log-normal factors of standard deviation ``spread``."""
        first, second = np.exp(spread * rng.standard_normal(2))
        return Tissue(self.t1 * float(first), self.t2 * float(second), self.pd)


#: Healthy brain. 1.5 T: the values BrainWeb uses (Collins et al. 1998, IEEE TMI 17). 3 T: Wansapura et al. 1999, JMRI
#: 9, with BrainWeb's proton densities. Deep grey nuclei hold iron, which shortens both times.
BRAIN: dict[float, dict[str, Tissue]] = {
    1.5: {
        "csf": Tissue(2569.0, 329.0, 1.0),
        "grey": Tissue(833.0, 83.0, 0.86),
        "deep": Tissue(740.0, 74.0, 0.84),
        "white": Tissue(500.0, 70.0, 0.77),
    },
    3.0: {
        "csf": Tissue(3600.0, 400.0, 1.0),
        "grey": Tissue(1331.0, 110.0, 0.86),
        "deep": Tissue(1180.0, 92.0, 0.84),
        "white": Tissue(832.0, 80.0, 0.77),
    },
}

#: Chest. Blood and myocardium from Stanisz et al. 2005, MRM 54; fat, liver and muscle from de Bazelaire et al. 2004,
#: Radiology 230; lung holds little water and dephases quickly.
CHEST: dict[float, dict[str, Tissue]] = {
    1.5: {
        "blood": Tissue(1441.0, 290.0, 0.95),
        "myocardium": Tissue(1030.0, 40.0, 0.80),
        "fat": Tissue(343.0, 58.0, 0.90),
        "liver": Tissue(586.0, 46.0, 0.75),
        "muscle": Tissue(1008.0, 44.0, 0.78),
        "lung": Tissue(1200.0, 35.0, 0.15),
    },
    3.0: {
        "blood": Tissue(1932.0, 275.0, 0.95),
        "myocardium": Tissue(1471.0, 47.0, 0.80),
        "fat": Tissue(382.0, 68.0, 0.90),
        "liver": Tissue(809.0, 34.0, 0.75),
        "muscle": Tissue(1412.0, 50.0, 0.78),
        "lung": Tissue(1300.0, 30.0, 0.15),
    },
}


def spin_echo(tissue: Tissue, tr: float, te: float) -> float:
    """Signal of a spin-echo sequence.

    S = PD (1 - 2 exp(-(TR - TE/2)/T1) + exp(-TR/T1)) exp(-TE/T2) (Bernstein, King and Zhou, Handbook of MRI Pulse
    Sequences, 2004, section 14.3).

    Args:
        tissue: Relaxation times and proton density.
        tr: Repetition time in ms.
        te: Echo time in ms.
    """
    recovery = 1.0 - 2.0 * np.exp(-(tr - te / 2.0) / tissue.t1) + np.exp(-tr / tissue.t1)
    return float(tissue.pd * recovery * np.exp(-te / tissue.t2))


def flair(tissue: Tissue, tr: float, te: float, ti: float) -> float:
    """Magnitude signal of an inversion-recovery spin-echo sequence.

    S = PD |1 - 2 exp(-TI/T1) + 2 exp(-(TR - TE/2)/T1) - exp(-TR/T1)| exp(-TE/T2) (Bernstein, King and Zhou 2004,
    section 14.2).

    Args:
        tissue: Relaxation times and proton density.
        tr: Repetition time in ms.
        te: Echo time in ms.
        ti: Inversion time in ms; :func:`nulling_time` of CSF makes it FLAIR.
    """
    recovery = (
        1.0 - 2.0 * np.exp(-ti / tissue.t1) + 2.0 * np.exp(-(tr - te / 2.0) / tissue.t1) - np.exp(-tr / tissue.t1)
    )
    return float(tissue.pd * abs(recovery) * np.exp(-te / tissue.t2))


def nulling_time(t1: float, tr: float, te: float) -> float:
    """Return the inversion time in ms at which :func:`flair` of a tissue with this T1 is zero."""
    return float(-t1 * np.log((1.0 + 2.0 * np.exp(-(tr - te / 2.0) / t1) - np.exp(-tr / t1)) / 2.0))


def balanced_ssfp(tissue: Tissue, tr: float, flip: float) -> float:
    """Steady-state signal of balanced SSFP at TE = TR/2, on resonance.

    S = PD sin(a) (1 - E1) exp(-TE/T2) / (1 - (E1 - E2) cos(a) - E1 E2), E1 = exp(-TR/T1), E2 = exp(-TR/T2) (Scheffler
    and Lehnhardt 2003, Eur Radiol 13, eq. 1).

    Args:
        tissue: Relaxation times and proton density.
        tr: Repetition time in ms.
        flip: Flip angle in degrees.
    """
    e1, e2, angle = np.exp(-tr / tissue.t1), np.exp(-tr / tissue.t2), np.deg2rad(flip)
    steady = np.sin(angle) * (1.0 - e1) / (1.0 - (e1 - e2) * np.cos(angle) - e1 * e2)
    return float(tissue.pd * steady * np.exp(-tr / 2.0 / tissue.t2))


class CoilBias:
    """Multiplicative receive-coil field exp(strength f), with f a smooth unit-variance field.

    The exponential keeps it positive (the log-additive model of Sled, Zijdenbos and Evans 1998, IEEE TMI 17).

    Args:
        rng: Source of the field.
        lengths: Extent of the volume along its axes in mm.
        strength: Standard deviation of the logarithm; 0.1 to 0.3 is usual.
        scale: Distance in mm over which the field changes.
    """

    def __init__(
        self, rng: np.random.Generator, lengths: tuple[float, ...], strength: float, scale: float = 90.0
    ) -> None:
        self._field = SmoothField(rng, lengths, [scale] * len(lengths))
        self._strength = strength

    def sample(self, *coordinates: FloatArray) -> FloatArray:
        """Return the factor on the grid that the coordinate vectors (mm) span."""
        values = self._field.sample(*coordinates)
        values *= np.float32(self._strength)
        return np.exp(values, out=values)


def add_rician_noise(
    signal: FloatArray, sigma: float, real: np.random.Generator, imaginary: np.random.Generator
) -> FloatArray:
    """Replace a noise-free magnitude by a noisy one, in place.

    M = sqrt((S + n1)^2 + n2^2) with n1, n2 normal of standard deviation sigma (Gudbjartsson and Patz 1995, MRM 34);
    where S = 0 the mean is sigma sqrt(pi/2).

    Args:
        signal: Noise-free magnitude, any shape.
        sigma: Standard deviation of each channel.
        real: Source of n1.
        imaginary: Source of n2; two sources make the result independent of how a volume is cut into slabs.

    Returns:
        ``signal``.
    """
    noise = real.standard_normal(signal.shape, dtype=np.float32)
    noise *= np.float32(sigma)
    signal += noise
    imaginary.standard_normal(dtype=np.float32, out=noise)
    noise *= np.float32(sigma)
    return np.hypot(signal, noise, out=signal)
