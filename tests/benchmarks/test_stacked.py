"""The prototype that trains K networks of equal shape in one step."""

import pytest
import stacked
import torch


@pytest.mark.parametrize("dense", [False, True], ids=["grouped", "dense"])
def test_networks_in_one_step_train_as_they_do_separately(dense: bool) -> None:
    assert stacked.largest_difference("small", torch.device("cpu"), torch.float64, dense=dense) < stacked.TOLERANCE
