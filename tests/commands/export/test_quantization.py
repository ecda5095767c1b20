"""A retrained network in int8: its accuracy, SE's gates, and what it needs."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from se_nas.commands.export import export as exporting
from se_nas.commands.export import quantization
from se_nas.commands.export.export import export
from se_nas.commands.export.flags import ExportRequest
from se_nas.commands.export.quantization import Quantised, accuracy, quantise
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.retrain import retrain
from se_nas.errors import InputError
from se_nas.training.trained import save_trained
from tests.commands.conftest import said_on
from tests.conftest import quiet_console
from tests.fakes import network_with_se, separable_data, trained_network


@pytest.fixture(scope="module")
def retrained_once(searched_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a retrained network in its run folder. No test may write to it."""
    run = Path(shutil.copytree(searched_once, tmp_path_factory.mktemp("int8") / "run"))
    retrain(RetrainRequest(run_dir=run, pick="best", epochs=4, wandb="off"), quiet_console())
    (folder,) = (run / "retrain").iterdir()
    return folder


@pytest.fixture
def retrained(retrained_once: Path, tmp_path: Path) -> Path:
    """The test's own copy of that run folder, and in it the folder of the retrained network."""
    run = Path(shutil.copytree(retrained_once.parents[1], tmp_path / "run"))
    return run / "retrain" / retrained_once.name


def test_the_int8_file_is_smaller_and_its_accuracy_is_told_beside_that_of_the_network(retrained: Path) -> None:
    console = quiet_console()
    export(ExportRequest(retrained=retrained, format="onnx", quantize="int8"), console)

    said, tested = said_on(console), json.loads((retrained / "result.json").read_text())["test_accuracy"]
    session = onnxruntime.InferenceSession(retrained / "model.int8.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 3):
        (logits,) = session.run(None, {"images": np.zeros((batch, 3, 8, 8), np.float32)})
        assert logits.shape == (batch, 2)
    assert '"class_names"' in session.get_modelmeta().custom_metadata_map["se_nas"]
    assert f"int8      test accuracy {100 * tested:.2f} % before" in said
    assert "calibrated on 48 training images" in said
    assert "The largest class (0) has 50.0 % of the test images" in said
    assert not (retrained / "model.pt2").exists()
    assert not list(retrained.glob(".*"))


@pytest.mark.parametrize(("tokens", "ways"), [(("inner/4",), {"int8", "float"}), (("none",), {"int8"})])
def test_gates_are_tried_in_float_too_where_a_network_has_gates(
    tmp_path: Path, tokens: tuple[str, ...], ways: set[str]
) -> None:
    data = separable_data()
    network = trained_network(network_with_se(*tokens), class_names=data.class_names, image_size=8)
    exporting._exported(network, tmp_path / "model.onnx", exporting._write_onnx)

    found = quantise(tmp_path / "model.onnx", tmp_path / "int8.onnx", data, image_size=8)

    assert set(found.validation) == ways
    assert found.validation[found.gates] == max(found.validation.values())
    assert found.calibrated_on == 96
    test = quantization._batches(data.test, image_size=8)
    assert found.after == accuracy(tmp_path / "int8.onnx", test)


@pytest.mark.parametrize(
    ("after", "gates", "warns", "suffers"),
    [
        (0.895, "int8", False, False),
        (0.88, "int8", True, True),
        (0.88, "float", True, False),
        (0.95, "int8", False, False),
    ],
)
def test_a_loss_above_the_limit_is_a_warning_that_names_the_gates(
    after: float, gates: str, warns: bool, suffers: bool
) -> None:
    found = Quantised(
        before=0.9,
        after=after,
        validation={"int8": 0.8, "float": 0.9},
        gates=gates,
        calibrated_on=10,
        tested_on=100,
    )

    said = "\n".join(found.lines())
    assert ("more than 1" in said) == warns
    assert ("known to suffer" in said) == suffers
    without = "\n".join(replace(found, validation={"int8": 0.8}, gates="int8").lines())
    assert "gates" not in without


@pytest.mark.parametrize(("after", "change"), [(0.9, "+0.00"), (0.89998, "+0.00"), (0.8999, "-0.01")])
def test_a_change_that_rounds_to_0_has_no_minus(after: float, change: str) -> None:
    validation = {"int8": 0.9}
    found = Quantised(before=0.9, after=after, validation=validation, gates="int8", calibrated_on=10, tested_on=50_000)
    assert f"({change} points" in next(found.lines())


def test_a_network_without_its_run_folder_cannot_be_calibrated(tmp_path: Path) -> None:
    network = trained_network(network_with_se("none"), class_names=("a", "b"), image_size=8)
    save_trained(tmp_path, network)

    with pytest.raises(InputError, match=r"lies in no run folder.*expected RUN_DIR/retrain/NAME"):
        export(ExportRequest(retrained=tmp_path, quantize="int8"), quiet_console())

    assert not (tmp_path / "model.pt2").exists()


def test_a_missing_package_is_named_before_anything_is_written(
    retrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization, "NEEDS", ("onnx", "no_such_runtime"))

    with pytest.raises(InputError, match=r"--quantize needs no_such_runtime: pip install -e '\.\[onnx\]'"):
        export(ExportRequest(retrained=retrained, quantize="int8"), quiet_console())

    assert not (retrained / "model.onnx").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"quantize": "int8", "format": "torch"}, "--quantize int8: cannot be used with --format torch"),
        ({"quantize": "int8", "format": "huggingface"}, "--quantize int8: cannot be used with --format huggingface"),
        ({"quantize": "int4"}, "--quantize int4: expected int8"),
        ({"format": "hugging-face"}, r"--format hugging-face: no such format; did you mean huggingface\?"),
        ({"format": "tflite"}, "--format tflite: no such format; known: torch, onnx, huggingface"),
    ],
)
def test_what_cannot_be_written_is_refused(flags: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExportRequest(retrained=Path("x"), **flags).check()  # type: ignore[arg-type]
