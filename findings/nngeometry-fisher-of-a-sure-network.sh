#!/usr/bin/env bash
# nngeometry 0.4, torch 2.13.0, CPU, float32. The exact Fisher matrix of a linear classifier with 3 classes,
# FIM(variant="classif_logits"), at one point where a class leads the two others by a margin.
#
# Guess: JᵀHJ with H = diag(p) − ppᵀ of the probabilities p, to float32's rounding, whichever class leads:
# the classes are names.
# Seen: that holds where the last class leads. Where the first does, the trace is 0.9 % off at a margin of
# 12, 6 % at 14, and NaN at 17, where the probability rounds to 1; one such point makes the whole matrix of
# a set of data NaN. The root of H is taken class by class from what 1 − p₁ − p₂ − … leaves.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/pip" install --quiet --no-deps nngeometry==0.4  # without its torchvision
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import math

import torch
from nngeometry.metrics import FIM
from nngeometry.object import PMatDense
from torch.utils.data import DataLoader, TensorDataset

point = torch.ones(1, 1)
errors = {}
for margin in (5, 10, 12, 14, 17):
    for leader in (0, 2):
        model = torch.nn.Linear(1, 3, bias=False)
        with torch.no_grad():
            model.weight.zero_()
            model.weight[leader] = margin
        loader = DataLoader(TensorDataset(point))
        fisher = FIM(model, loader, PMatDense, variant="classif_logits")
        p = torch.softmax(model(point).double(), 1).detach()
        exact = torch.sum(p * (1 - p))  # J is the identity
        errors[margin, leader] = abs(float(fisher.trace()) / float(exact) - 1)
        print(f"margin {margin}, class {leader + 1} of 3 leads: trace off by {errors[margin, leader]:.0e}")
assert all(errors[margin, 2] < 1e-5 for margin in (5, 10, 12, 14, 17))
assert errors[5, 0] < 1e-4
assert 3e-3 < errors[12, 0] < 3e-2
assert 2e-2 < errors[14, 0] < 0.2
assert math.isnan(errors[17, 0])
PYTHON
