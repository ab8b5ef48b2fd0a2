from __future__ import annotations

import pytest

from engines.lifecycle import Closing


class _FailsToClose(Closing):
    def close(self) -> None:
        raise OSError("cannot close")


def test_a_failure_to_close_does_not_hide_the_error_of_the_block() -> None:
    with pytest.raises(ValueError, match="the block's own"), _FailsToClose():
        raise ValueError("the block's own")


def test_a_failure_to_close_is_raised_where_the_block_went_well() -> None:
    with pytest.raises(OSError, match="cannot close"), _FailsToClose():
        pass
