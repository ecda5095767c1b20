"""The user's own network: `--network FILE:FUNCTION` lets a command run it, and makes a search space of it."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import yaml

from se_nas.errors import InputError
from se_nas.models.own_network import NetworkSource, check_allowed, record_sites
from se_nas.runs.run_folder import RunFolder
from se_nas.space.files.own_entries import OWN, own_keys, parse_own_trunk
from se_nas.space.own_network import OwnNetworkTrunk, grouped
from se_nas.space.parts.own_site import OwnSite
from se_nas.space.yaml_file import read_yaml

GroupBy = Literal["site", "stage"]

USUAL_RATIOS = (4, 8, 16)
"""The ratios of SE that are searched at each place, if no file says otherwise."""


def read_network(given: str) -> NetworkSource:
    """The file and the function that `--network` names. InputError if there is no such file."""
    path, colon, function = given.rpartition(":")
    if not (colon and path and function.isidentifier()):
        raise InputError(f"--network {given}: expected FILE:FUNCTION, e.g. my_net.py:build")
    file = Path(path)
    if not file.is_file():
        raise InputError(f"--network {given}: no such file")
    return NetworkSource(file=file.name, function=function, text=file.read_bytes())


def allow_network(given: str | None, folder: RunFolder | None = None) -> NetworkSource | None:
    """Let this process build the network that `--network` names, and return its source; None without a name.

    InputError if the search in `folder` is of a user's own network, and this is not its file.
    """
    source = None if given is None else read_network(given)
    if source is not None:
        source.allow()
    if folder is None:
        return source
    space = read_yaml(folder.space)
    if OWN in space.data:
        check_allowed(parse_own_trunk(space).own)
    elif source is not None:
        raise InputError(f"--network {given}: the search in {folder.path} has a trunk of its own")
    return source


def space_of_network(
    source: NetworkSource, space_file: Path | None, *, classes: int, image_size: int | list[int], group: GroupBy
) -> bytes:
    """The content of a search space for the places of a network.

    `space_file` may give `name`, `image_size`, `bounds` and `se`. InputError if it describes a trunk.
    """
    given = {} if space_file is None else read_yaml(space_file).data
    if alien := sorted(given.keys() - {"name", "image_size", "bounds", "se", "se_by_stage"}):
        raise InputError(f"{space_file}: {alien[0]}: --network {source.trunk.title} gives the trunk; remove the key")
    size = max(image_size) if isinstance(image_size, list) else image_size
    sites = record_sites(source, num_classes=classes, image_size=size)
    trunk = OwnNetworkTrunk(own=source.trunk, groups=grouped(sites, by_stage=group == "stage"))
    usual: dict[str, Any] = {"name": _space_name(source.file), "image_size": image_size}
    if not {"se", "se_by_stage"} & given.keys():
        usual |= {"se": {"present": [False, True]}, "se_by_stage": [_usual_ratios(group) for group in trunk.groups]}
    content = f"# Question: at which places of {source.trunk.title} does SE pay, and how wide?\n"
    asked = {"image_size": image_size}
    return (content + yaml.safe_dump({**usual, **given, **asked, **own_keys(trunk)}, sort_keys=False)).encode()


def _usual_ratios(group: Iterable[OwnSite]) -> dict[str, Any]:
    """The keys of the ratios at these sites: the usual ratios that leave a channel at each, or else the largest."""
    narrowest = min(site.channels for site in group)
    return {"reduction": [ratio for ratio in USUAL_RATIOS if ratio <= narrowest] or narrowest}


def _space_name(file: str) -> str:
    """The name of the file without its ending, in the letters that a name of a space may have.

    >>> _space_name("größe 1.py")
    'gr__e_1'
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "_", Path(file).stem).lstrip("_.-")[:64] or "network"
