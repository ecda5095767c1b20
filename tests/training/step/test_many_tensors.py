"""Arithmetic on many tensors, also where torch lacks the functions for it."""

import pytest
import torch

from se_nas.training.step.many_tensors import copy_all, move_towards


@pytest.mark.parametrize("missing", [(), ("_foreach_copy_", "_foreach_sub"), ("_foreach_mul_",), ("_foreach_add_",)])
def test_the_results_do_not_depend_on_functions_that_torch_may_remove(
    missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in missing:
        monkeypatch.delattr(torch, name)
    values = [torch.full((2,), 4.0), torch.tensor([[8.0]])]
    averages, halves = [torch.zeros(2), torch.zeros(1, 1)], [torch.empty(2, dtype=torch.bfloat16) for _ in range(1)]

    move_towards(averages, values, torch.tensor(0.25))
    copy_all(halves, values[:1])

    assert [each.tolist() for each in averages] == [[1.0, 1.0], [[2.0]]]
    assert halves[0].dtype == torch.bfloat16
    assert halves[0].tolist() == [4.0, 4.0]
