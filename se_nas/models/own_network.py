"""Builds a user's own network, with SE or nothing at each of its places.

The user's function takes `place`, and calls `place("layer1.0", channels)` wherever SE may go. It gets the module to
insert there. If the function has a parameter `num_classes`, it gets the number of classes as well.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from se_nas.checksums import checksum_of_bytes
from se_nas.errors import InputError
from se_nas.models.attention import build_attention
from se_nas.models.initialisation import initialise_by_fan_out
from se_nas.space.architecture import Architecture
from se_nas.space.parts.own_site import OwnSite
from se_nas.space.parts.own_trunk import OwnTrunk

Place = Callable[[str, int], nn.Module]
Build = Callable[..., nn.Module]

_FUNCTIONS: dict[tuple[str, str], Build] = {}
"""The functions that this process may call, because the command line named them: by checksum of the file, and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSource:
    """The text of a file with a function that builds a network. Other processes get it, also on other machines."""

    file: str
    function: str
    text: bytes

    @property
    def trunk(self) -> OwnTrunk:
        """The trunk that the function builds."""
        return OwnTrunk(file=self.file, function=self.function, checksum=checksum_of_bytes(self.text))

    def allow(self) -> None:
        """Run the file, and let this process build its network. InputError if the file has no such function."""
        if _key(self.trunk) in _FUNCTIONS:
            return
        module = ModuleType(f"se_nas_network_{self.trunk.checksum}")  # hides no module that has the file's name
        module.__file__ = self.file
        sys.modules[module.__name__] = module  # dataclasses look there for the types of their fields
        try:
            exec(compile(self.text, self.file, "exec"), module.__dict__)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's file can raise anything
            del sys.modules[module.__name__]
            raise InputError(f"--network {self.trunk.title}: {_where(error, self.file)}") from None
        function = getattr(module, self.function, None)
        if not callable(function):
            known = [name for name, value in vars(module).items() if inspect.isfunction(value)]
            raise InputError(
                f"--network {self.trunk.title}: no function of this name; the file has {', '.join(known) or 'none'}"
            )
        _FUNCTIONS[_key(self.trunk)] = function


def record_sites(source: NetworkSource, *, num_classes: int, image_size: int) -> tuple[OwnSite, ...]:
    """The sites of a network, in the order of the calls of `place`. InputError if the function does not fit."""
    source.allow()
    title = source.trunk.title
    with torch.random.fork_rng(devices=()):
        model, probes = _build_probed(source.trunk, num_classes)
        shapes = _shapes(model)
        other, others = _build_probed(source.trunk, num_classes)
        if not probes:
            raise InputError(f"--network {title}: it never calls place(name, channels), so SE can go nowhere")
        if [probe.site for probe in probes] != [probe.site for probe in others] or shapes != _shapes(other):
            raise InputError(
                f"--network {title}: two calls build different networks; each call must build the same network anew"
            )
        _check_logits(model.eval(), source, num_classes=num_classes, image_size=image_size)
        _check_uses(probes, title)  # in training, a block may be left out by chance
        _check_logits(model.train(), source, num_classes=num_classes, image_size=image_size)
    return tuple(probe.site for probe in probes)


def _check_uses(probes: "list[_Probe]", title: str) -> None:
    """Check that each probe was used once. InputError if not: its SE would be counted once."""
    for probe in probes:
        if probe.uses != 1:
            wrong = "never called" if probe.uses == 0 else f"called {probe.uses} times for an image; expected once"
            raise InputError(f"--network {title}: the module of place({probe.site.place!r}, ...) is {wrong}")


def _build_probed(trunk: OwnTrunk, num_classes: int) -> "tuple[nn.Module, list[_Probe]]":
    """The network with a probe at each place, and the probes in the order of the calls of `place`."""
    probes: list[_Probe] = []

    def place(name: str, channels: int) -> nn.Module:
        if not isinstance(name, str) or type(channels) is not int:
            raise TypeError(f"place(name, channels) needs a text and a whole number, but got {name!r}, {channels!r}")
        if any(probe.site.place == name for probe in probes):
            raise ValueError(f"place({name!r}, ...) is called twice; each place needs a name of its own")
        probes.append(_Probe(OwnSite(place=name, channels=channels)))
        return probes[-1]

    return _call(trunk, place, num_classes), probes


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...] | None]:
    """The shapes of the weights by name; None for a weight that gets its shape from the first images."""
    return {name: None if is_lazy(value) else tuple(value.shape) for name, value in model.state_dict().items()}


def _check_logits(model: nn.Module, source: NetworkSource, *, num_classes: int, image_size: int) -> None:
    """Check what the network returns for two images. InputError unless a training can learn from it."""
    title = source.trunk.title
    mode = " in training" if model.training else ""
    try:
        logits = model(torch.zeros(2, 3, image_size, image_size))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's network can raise anything
        raise InputError(
            f"--network {title}: fails on images (2, 3, {image_size}, {image_size}){mode}: {_where(error, source.file)}"
        ) from None
    shape = tuple(getattr(logits, "shape", ()))
    if shape != (2, num_classes):
        raise InputError(
            f"--network {title}: it must return logits (2, {num_classes}) for {num_classes} classes, but returns "
            f"{shape or type(logits).__name__}{mode}; a parameter num_classes gets the number of classes"
        )
    if model.training and not logits.requires_grad:
        raise InputError(
            f"--network {title}: its logits have no gradient, so it cannot be trained; do not freeze or detach them"
        )


def build_own(architecture: Architecture, *, num_classes: int) -> nn.Module:
    """Build a user's network with its SE. InputError if the command line did not name its function."""
    trunk = architecture.stem
    assert isinstance(trunk, OwnTrunk)
    modules = {
        block.family.place: build_attention(block.se) if block.se else nn.Identity()
        for blocks in architecture.blocks()
        for block in blocks
        if isinstance(block.family, OwnSite)
    }
    used: list[str] = []

    def place(name: str, channels: int) -> nn.Module:
        if name not in modules:
            raise InputError(f"--network {trunk.title}: place({name!r}, ...) is new; the search did not know it")
        used.append(name)
        return modules[name]

    model = _call(trunk, place, num_classes)
    if missing := [name for name in modules if name not in used]:
        raise InputError(f"--network {trunk.title}: place({missing[0]!r}, ...) is not called any more")
    for module in modules.values():
        module.apply(initialise_by_fan_out)
    return model


class _Probe(nn.Module):
    """Stands at a place while the sites are recorded, and checks the maps that come there."""

    def __init__(self, site: OwnSite) -> None:
        super().__init__()
        self.site, self.uses = site, 0

    def forward(self, features: Tensor) -> Tensor:
        self.uses += 1
        if features.dim() != 4 or features.shape[1] != self.site.channels:
            raise ValueError(
                f"place({self.site.place!r}, {self.site.channels}) gets features {tuple(features.shape)}; "
                f"expected (N, {self.site.channels}, H, W)"
            )
        return features


def _call(trunk: OwnTrunk, place: Place, num_classes: int) -> nn.Module:
    """Call the user's function."""
    function = _function_of(trunk)
    options: Mapping[str, Any] = {"num_classes": num_classes} if _takes_classes(function) else {}
    try:
        model = function(place, **options)
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's function can raise anything
        raise InputError(f"--network {trunk.title}: {_where(error, trunk.file)}") from None
    if not isinstance(model, nn.Module):
        raise InputError(
            f"--network {trunk.title}: it must return a torch.nn.Module, but returns {type(model).__name__}"
        )
    for module in model.modules():
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            raise InputError(
                f"--network {trunk.title}: it has a {type(module).__name__}; build the network without this wrapper"
            )
    return model


def check_allowed(trunk: OwnTrunk) -> None:
    """Check that this process may build the network. InputError if the command line named another file, or none."""
    _function_of(trunk)


def _function_of(trunk: OwnTrunk) -> Build:
    if _key(trunk) in _FUNCTIONS:
        return _FUNCTIONS[_key(trunk)]
    for _, function in _FUNCTIONS:
        if function == trunk.function:
            raise InputError(
                f"--network {trunk.title}: the file has changed since the search began; restore it (the run folder "
                "has a copy, network.py), or begin a new search"
            )
    raise InputError(f"this network is built by your own code: add --network PATH/{trunk.title}")


def _key(trunk: OwnTrunk) -> tuple[str, str]:
    """What a function is known by. The file may have another name, e.g. that of the copy in the run folder."""
    return trunk.checksum, trunk.function


def _takes_classes(function: Build) -> bool:
    try:
        return "num_classes" in inspect.signature(function).parameters
    except ValueError:  # a function of C has no signature
        return False


def _where(error: BaseException, file: str) -> str:
    """The error in one line, with the last line of the user's file that it passed."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return f"line {lines[-1]}: {what}" if lines else what
