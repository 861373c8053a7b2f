"""The tests start whichever of XLA's flags this jaxlib knows."""

import pytest
import xla

KNOWN = "--xla_force_host_platform_device_count=1"


def test_a_flag_that_jaxlib_does_not_know_is_left_out() -> None:
    """It would end the process of the tests, where pytest has its last words."""
    assert xla.flags([KNOWN, "--xla_no_such_flag=1"], own="--xla_dump_to=x").split() == [
        "--xla_dump_to=x",
        KNOWN,
    ]


def test_what_the_user_asks_for_is_not_left_out_without_a_word() -> None:
    with pytest.raises(RuntimeError, match=r"XLA_FLAGS='--xla_no_such_flag=1': .*Unknown flag"):
        xla.flags([KNOWN], own="--xla_no_such_flag=1")
