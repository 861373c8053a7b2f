"""`make bench`: ntklib measured against what people would use instead.

`jobs` lists what is measured: for each job its sizes, its sides (ntklib in `ours`, the others in
`peers_*`) and which pairs of sides make a row. `measure` lets the sides take turns, each in a
process of its own (`processes` starts them, `worker` is what they run), compares their results and
makes the rows; `floors` counts the work that no implementation can avoid, `machine` measures how
fast this machine could do it, `report` writes the table. Only `ours` and `peers_neural_tangents`
import JAX, and only `peers_torch` imports PyTorch.
"""
