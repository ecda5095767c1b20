"""The gates of SE in an ONNX graph, found without the names of its nodes."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from se_nas.commands.export.gates import gate_nodes

Node = tuple[str, Sequence[str], str]
"""An operator, its inputs and its output, after which the node is named."""

SE: list[Node] = [
    ("Conv", ["images", "weight"], "features"),
    ("GlobalAveragePool", ["features"], "squeezed"),
    ("Conv", ["squeezed", "weight"], "reduced"),
    ("Relu", ["reduced"], "active"),
    ("Conv", ["active", "weight"], "expanded"),
    ("Sigmoid", ["expanded"], "gate"),
]
GATE = {"squeezed", "reduced", "active", "expanded", "gate", "excited"}


def write(folder: Path, nodes: Sequence[Node]) -> Path:
    """Write a graph whose only input is `images`. The types are not checked, because only its shape is read."""
    made = [helper.make_node(kind, list(inputs), [output], name=output) for kind, inputs, output in nodes]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 8, 8])
    last = helper.make_tensor_value_info(nodes[-1][-1], TensorProto.FLOAT, None)
    weight = helper.make_tensor("weight", TensorProto.FLOAT, [1], [1.0])
    path = folder / "graph.onnx"
    onnx.save_model(helper.make_model(helper.make_graph(made, "graph", [images], [last], [weight])), path)
    return path


@pytest.mark.parametrize(
    ("nodes", "gates"),
    [
        pytest.param([*SE, ("Mul", ["features", "gate"], "excited")], GATE, id="a gate"),
        pytest.param([*SE, ("Mul", ["gate", "features"], "excited")], GATE, id="a gate as the first factor"),
        pytest.param(
            [*SE, ("Mul", ["gate", "weight"], "twice"), ("Mul", ["features", "twice"], "excited")],
            GATE | {"twice"},
            id="a gate of 2 · sigmoid",
        ),
        pytest.param(
            [
                ("Conv", ["images", "weight"], "features"),
                ("Sigmoid", ["features"], "sigmoid"),
                ("Mul", ["features", "sigmoid"], "swish"),
                ("GlobalAveragePool", ["swish"], "pooled"),
                ("Gemm", ["pooled", "weight"], "logits"),
            ],
            set(),
            id="swish, and the pool before the classifier",
        ),
        pytest.param(
            [
                *SE,
                ("Mul", ["features", "gate"], "excited"),
                ("Sigmoid", ["excited"], "sigmoid"),
                ("Mul", ["excited", "sigmoid"], "swish"),
            ],
            GATE,
            id="swish behind a gate",
        ),
        pytest.param([("Mul", ["images", "weight"], "scaled")], set(), id="a constant factor"),
    ],
)
def test_the_nodes_of_gates_are_found(tmp_path: Path, nodes: list[Node], gates: set[str]) -> None:
    assert set(gate_nodes(write(tmp_path, nodes))) == gates
