"""Private names of dependencies: the package works without each of them, so that an upgrade cannot break it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "se_nas"

DOCUMENTED = {"_exit", "_replace", "_fields"}
"""Names that Python documents in spite of their underscore."""

NO_NAMES = {"_", "_by_stage", "_images", "_orig_mod."}
"""Texts that look like private names: a separator, and parts of names in files (`_orig_mod.` is torch.compile's)."""

SHORTCUTS = {
    "execution/ray/cluster.py": {"_temp_dir"},
    "execution/ray/shortcuts.py": {
        "_temp_dir",
        "ray._private.parameter",
        "ray._private.worker",
        "ray.tune.registry._global_registry",
        "ray.tune.registry._unregister_all",
    },
    "execution/ray/store.py": {"_plasma_directory"},
    "execution/ray/watch.py": {"ray._private.worker._global_node"},
    "process/command_line.py": {"_run_exitfuncs"},
    "tracking/wandb_run.py": {"_log_artifact"},
    "training/devices/device.py": {"_is_amx_tile_supported", "_is_avx512_bf16_supported"},
    "training/step/many_tensors.py": {"_foreach_add_", "_foreach_copy_", "_foreach_mul_", "_foreach_sub"},
}
"""Names that are looked up as text, by file. Each has a test that removes it and shows that the rest still works."""


def is_private(dotted: str) -> bool:
    parts = [part for part in dotted.split(".") if part]
    return any(part.startswith("_") and not part.startswith("__") and part not in DOCUMENTED for part in parts)


def accesses(tree: ast.Module) -> Iterator[str]:
    """The imports and attribute accesses with a private name that this module does not define itself."""
    own = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    own |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(map(is_private, [*modules, *(alias.name for alias in node.names)])):
                yield ast.unparse(node)


def texts(tree: ast.Module) -> set[str]:
    """The strings in small letters that name something private, except names of this module."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {text for text in found if text.replace(".", "").isidentifier() and is_private(text)}
    return {text for text in named if not re.search(r"\b_[A-Z]", text)} - own - NO_NAMES


def test_no_code_accesses_a_private_name_of_a_dependency() -> None:
    found = {
        str(path.relative_to(PACKAGE)): names
        for path in PACKAGE.rglob("*.py")
        if (names := list(accesses(ast.parse(path.read_text()))))
    }

    assert found == {}


def test_private_names_that_are_looked_up_as_text_are_known_shortcuts() -> None:
    found = {
        str(path.relative_to(PACKAGE)): names
        for path in PACKAGE.rglob("*.py")
        if (names := texts(ast.parse(path.read_text())))
    }

    assert found == SHORTCUTS
