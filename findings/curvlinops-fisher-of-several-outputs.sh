#!/usr/bin/env bash
# curvlinops 3.0.1, torch 2.13.0, CPU, float64. The empirical Fisher of a network with C outputs on N points,
# EFLinearOperator with MSELoss(), the mean over points and outputs.
#
# Guess: what its documentation says, 1/N Σ gₙgₙᵀ with gₙ the gradient of the loss at one point, as the
# Gauss–Newton operator is 1/N Σ JₙᵀHₙJₙ with Hₙ the Hessian of that loss.
# Seen: C times as much, 3 for 3 outputs, while Gauss–Newton is as documented. The loss at a point has a
# factor 1/C, which the square takes twice; the operator takes it once. With one output nothing is seen.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
  torch==2.13.0 numpy==2.4.6 scipy==1.17.1 einops==0.8.2 einconv==0.1.0 linear-operator==0.6.1 tqdm==4.70.1
# Without torchvision and BackPACK, which it doesn't need here.
"$folder/venv/bin/pip" install --quiet --no-deps curvlinops-for-pytorch==3.0.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from curvlinops import EFLinearOperator, GGNLinearOperator

torch.set_default_dtype(torch.float64)
loss, points = torch.nn.MSELoss(), 5
ratios = {}
for outputs in (1, 3):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, outputs))
    parameters = list(model.parameters())
    x, y = torch.randn(points, 4), torch.randn(points, outputs)
    fisher, newton = 0, 0
    for n in range(points):
        here = model(x[n : n + 1])

        def gradient(value):
            slopes = torch.autograd.grad(value, parameters, retain_graph=True)
            return torch.cat([each.flatten() for each in slopes])

        slope = gradient(loss(here, y[n : n + 1]))
        rows = torch.stack([gradient(value) for value in here[0]])
        fisher += torch.outer(slope, slope) / points
        newton += 2 / outputs * rows.T @ rows / points
    one = torch.eye(len(fisher))
    for operator, documented in ((EFLinearOperator, fisher), (GGNLinearOperator, newton)):
        found = (operator(model, loss, parameters, [(x, y)]) @ one).detach()
        ratio = float(found.trace() / documented.trace())
        torch.testing.assert_close(found, ratio * documented)
        ratios[operator, outputs] = ratio
        print(f"{operator.__name__}, {outputs} outputs: {ratio:.10g} times what is documented")
assert abs(ratios[EFLinearOperator, 1] - 1) < 1e-12
assert abs(ratios[EFLinearOperator, 3] - 3) < 1e-12
assert abs(ratios[GGNLinearOperator, 3] - 1) < 1e-12
PYTHON
