"""Where the tests find what they are about."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The project's folder."""
