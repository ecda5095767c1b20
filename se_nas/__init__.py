"""se-nas: neural architecture search over where Squeeze-and-Excitation goes in a network.

The names of the public interface are imported when they are first used, so that `import se_nas` is quick.

>>> import se_nas
>>> space = se_nas.load_design_space(se_nas.shipped("search_spaces", "small.yaml"))
>>> space.name
'small'
"""

import importlib

__version__ = "0.1.0"

_PUBLIC = {
    "Run": "se_nas.commands.interface",
    "load_run": "se_nas.commands.interface",
    "resume": "se_nas.commands.interface",
    "retrain": "se_nas.commands.interface",
    "search": "se_nas.commands.interface",
    "RetrainRequest": "se_nas.commands.retrain.flags",
    "SearchRequest": "se_nas.commands.search.flags",
    "InputError": "se_nas.errors",
    "RunFailedError": "se_nas.errors",
    "build_model": "se_nas.models.network",
    "measure_cost": "se_nas.models.cost",
    "shipped": "se_nas.shipped_files",
    "DesignSpace": "se_nas.space.design_space",
    "load_design_space": "se_nas.space.files.loading",
    "TrainedDetector": "se_nas.training.detection.detector_file",
    "load_detector": "se_nas.training.detection.detector_file",
    "TrainedNetwork": "se_nas.training.trained",
    "load_trained": "se_nas.training.trained",
}
"""The names of the public interface, and the module that each comes from."""

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'se_nas' has no attribute {name!r}")
    found: object = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, for completion."""
    return __all__
