"""Finds the gates of channel attention in an ONNX graph: the way from a pooled map to the product with the map.

The names of nodes are not relied on. A gate is a factor of a product that depends on the images through pools only;
the trunk, and swish as x · sigmoid(x), depend on them in another way too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

POOLS = frozenset({"GlobalAveragePool", "ReduceMean"})


def gate_nodes(path: Path) -> list[str]:
    """The names of all nodes of gates, with the pool and the product; empty if the network has none."""
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    makers = {output: node for node in graph.node for output in node.output}
    images = {each.name for each in graph.input}
    found: dict[str, None] = {}
    for product in graph.node:
        if product.op_type != "Mul":
            continue
        for factor in product.input:
            gate = _gate(factor, makers, images)
            if gate:
                found |= dict.fromkeys([*(node.name for node in gate), product.name])
    return list(found)


def _gate(factor: str, makers: dict[str, Any], images: set[str]) -> list[Any]:
    """The nodes between a factor and the pools before it; empty if it depends on the images in another way."""
    nodes: dict[str, Any] = {}
    waiting, pooled = [factor], False
    while waiting:
        name = waiting.pop()
        if name in images:
            return []
        node = makers.get(name)
        if node is None or node.name in nodes:  # a weight, or a node that was seen
            continue
        nodes[node.name] = node
        if node.op_type in POOLS:
            pooled = True
        else:
            waiting += _inputs(node)
    return list(nodes.values()) if pooled else []


def _inputs(node: Any) -> Iterator[str]:
    return (name for name in node.input if name)
