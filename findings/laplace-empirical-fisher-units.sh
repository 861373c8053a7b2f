#!/usr/bin/env bash
# laplace-torch 0.3, torch 2.13.0, CPU, float64. The posterior precision of a linear regression's weights by
# the Gauss–Newton matrix and by the empirical Fisher, Laplace(…, backend=CurvlinopsGGN or CurvlinopsEF).
#
# Guess: Σ sₙsₙᵀ with the score sₙ, the gradient of log N(yₙ; f(xₙ), σ²): of the residuals' squares over
# σ⁴. So labels in other units, with σ and the weights in these units, give the same posterior.
# Seen: twice the residuals' squares over σ², for the loss's ½ and the likelihood's 1/σ² are taken once
# where the square takes them twice. With σ = 1 the precision is twice as large as it should be, and with
# labels in units 10 times smaller it is 200 times too large; that of Gauss–Newton is right in both.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
  torch==2.13.0 numpy==2.4.6 scipy==1.17.1 einops==0.8.2 einconv==0.1.0 linear-operator==0.6.1 \
  lightning-utilities==0.15.3 opt-einsum==3.4.0 setuptools==80.9.0 tqdm==4.70.1 unfoldnd==0.2.3
# Without torchvision, which none of them needs here.
"$folder/venv/bin/pip" install --quiet --no-deps laplace-torch==0.3 curvlinops-for-pytorch==3.0.1 \
  backpack-for-pytorch==1.7.1 asdfghjkl==0.1a4 torchmetrics==1.9.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from laplace import Laplace
from laplace.curvature import CurvlinopsEF, CurvlinopsGGN
from torch.utils.data import DataLoader, TensorDataset

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
x, y, weights = torch.randn(20, 3), torch.randn(20, 1), torch.randn(1, 3)
ratios = {}
for unit in (1.0, 10.0):  # how many of the units make one
    model = torch.nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(unit * weights)
    residuals = (model(x) - unit * y).detach()
    right = {"GGN": x.T @ x / unit**2, "EF": (residuals * x).T @ (residuals * x) / unit**4}
    for name, backend in (("GGN", CurvlinopsGGN), ("EF", CurvlinopsEF)):
        fit = Laplace(
            model, "regression", subset_of_weights="all", hessian_structure="full",
            sigma_noise=unit, prior_precision=0.0, backend=backend,
        )
        fit.fit(DataLoader(TensorDataset(x, unit * y), batch_size=20))
        ratios[name, unit] = fit.posterior_precision / right[name]
        found = ratios[name, unit].mean().item()
        print(f"{name}, sigma = {unit:g}: {found:.6g} times the right precision")
one = torch.ones(3, 3)
torch.testing.assert_close(ratios["GGN", 1.0], one)
torch.testing.assert_close(ratios["GGN", 10.0], one)
torch.testing.assert_close(ratios["EF", 1.0], 2 * one)
torch.testing.assert_close(ratios["EF", 10.0], 200 * one)
PYTHON
