"""Installs the packages of uv.lock below this folder, and uses nothing but the standard library.

`_setup/run` looks for a Python and runs this in it. `usable` says which Pythons will do, `tools`
runs uv and pip, `network` knows what they trust and where packages come from, `installers` puts
these into an environment, `records` checks that they are whole, and `packages` keeps .venv so.
"""
