r"""Eigenvalues and eigenfunctions of $T_K$: exact on spheres, Nyström for any measure."""

from ntklib.spectrum._degrees import fourier_eigenvalues, funk_hecke, multiplicity
from ntklib.spectrum._eigensystem import Eigensystem, extension, principal_angles, transfer
from ntklib.spectrum._operator import fisher_spectrum, matrix_free, nystrom
from ntklib.spectrum._power_series import power_series
from ntklib.spectrum._rank import carried_by, effective_rank
from ntklib.spectrum._rotation_invariant import circle, degree_norms, frequency_norms, sphere

__all__ = [
    "Eigensystem",
    "carried_by",
    "circle",
    "degree_norms",
    "effective_rank",
    "extension",
    "fisher_spectrum",
    "fourier_eigenvalues",
    "frequency_norms",
    "funk_hecke",
    "matrix_free",
    "multiplicity",
    "nystrom",
    "power_series",
    "principal_angles",
    "sphere",
    "transfer",
]
