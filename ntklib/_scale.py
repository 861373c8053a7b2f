"""The sizes at which a study or a chapter runs."""

SCALES = ("quick", "book", "full")
"""At which a chapter can run."""
