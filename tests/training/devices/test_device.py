import pytest
import torch

from se_nas.training.devices.device import has_bf16_units, pick_device, prepare


@pytest.mark.parametrize(("available", "kind"), [(False, "cpu"), (True, "cuda")])
def test_a_gpu_is_used_if_there_is_one(monkeypatch: pytest.MonkeyPatch, available: bool, kind: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)

    assert pick_device().type == kind


def test_a_training_on_a_cpu_uses_one_thread() -> None:
    torch.set_num_threads(2)

    prepare(torch.device("cpu"))

    assert torch.get_num_threads() == 1


def test_a_torch_that_does_not_know_the_units_of_a_cpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name)

    assert not has_bf16_units(torch.device("cpu"))
