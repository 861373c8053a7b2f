"""How refusals are checked: by their sentence, and by the library's own checks."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import jaxtyping
import pytest


@contextmanager
def unannotated() -> Iterator[None]:
    """Calls without the annotations' run-time check, which only the test run has."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@contextmanager
def refused(
    sentence: str, error: type[Exception] = ValueError
) -> Iterator[pytest.ExceptionInfo[Exception]]:
    """Expects an error with this sentence from the library's own checks, and yields it."""
    with unannotated(), pytest.raises(error, match=re.escape(sentence)) as found:
        yield found
