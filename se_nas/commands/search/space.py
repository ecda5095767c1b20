"""The space and the images of a new search: a file describes the space, or the user's own network does."""

import contextlib
import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from se_nas.commands.images import open_images
from se_nas.commands.own_network import read_network, space_of_network
from se_nas.commands.search.flags import DEFAULT_SPACE, SearchRequest
from se_nas.data.image_data import ImageData
from se_nas.data.sources import reads_files
from se_nas.errors import InputError
from se_nas.models.own_network import NetworkSource
from se_nas.shipped_files import given_or_shipped
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_design_space, parse_design_space
from se_nas.space.yaml_file import parse_yaml, read_yaml

USUAL_IMAGE_SIZE = 32
"""The side in pixels for which a user's own network is tried, if no file names it. Only image files need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedSpace:
    """The space of a new search, the content of its file, its images, and the user's own network if there is one."""

    space: DesignSpace
    content: bytes
    path: str
    data: ImageData
    network: NetworkSource | None


def open_space(request: SearchRequest, source: str, console: Console) -> SearchedSpace:
    """The space that a request names, and the images of `source`. InputError if they do not fit."""
    if request.own_network is not None:
        return _of_network(request, read_network(request.own_network), source, console)
    path, space, content = read_space(request)
    data = _open_images(source, space.image_size, request, console)
    return SearchedSpace(space=space, content=content, path=os.path.relpath(path), data=data, network=None)


def read_space(request: SearchRequest) -> tuple[Path, DesignSpace, bytes]:
    """The file that a request names, its space, and its content, both with the image size that the request gives."""
    path = given_or_shipped(request.space or DEFAULT_SPACE, "search_spaces")
    space, content = load_design_space(path), path.read_bytes()
    if request.image_size is not None:
        if space.trunk.largest_image_size is not None:
            raise InputError(
                f"--image-size {request.image_size}: space '{space.name}' scales the image size with its networks"
            )
        content = with_image_size(path, content, request.image_size)
        space = parse_design_space(parse_yaml(path, content))
    return path, space, content


def with_image_size(path: Path, content: bytes, size: int) -> bytes:
    """The content of a space's file with another `image_size`. Everything else stays, also comments if possible."""
    wanted = {**parse_yaml(path, content).data, "image_size": size}
    text = content.decode()
    replaced = re.sub(r"(?m)^image_size:.*$", f"image_size: {size}  # by --image-size", text, count=1).encode()
    with contextlib.suppress(InputError):  # the value has more than one line
        if parse_yaml(path, replaced).data == wanted:
            return replaced
    comments = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True))
    return ("".join(comments) + yaml.safe_dump(wanted, sort_keys=False)).encode()


def _of_network(request: SearchRequest, network: NetworkSource, source: str, console: Console) -> SearchedSpace:
    """The space of a user's own network. Only SE can be searched."""
    file = None if request.space is None else given_or_shipped(request.space, "search_spaces")
    size = request.image_size
    if size is None and file is not None:
        size = read_yaml(file).data.get("image_size")
    if size is None and reads_files(source):
        raise InputError(f"--network {network.trunk.title}: image files need a size; give it, e.g. --image-size 224")
    sizes = size if isinstance(size, list) else [USUAL_IMAGE_SIZE if size is None else size]
    if not all(type(each) is int and 1 <= each <= 4096 for each in sizes):
        raise InputError(f"{file}: image_size: expected a whole number of 1 to 4,096 or a list of them, but got {size}")
    data = _open_images(source, max(sizes), request, console)
    content = space_of_network(
        network, file, classes=data.classes, image_size=size or data.image_size, group=request.group
    )
    path = Path(network.file) if file is None else file
    space = parse_design_space(parse_yaml(path, content))
    return SearchedSpace(space=space, content=content, path=str(path), data=data, network=network)


def _open_images(source: str, image_size: int, request: SearchRequest, console: Console) -> ImageData:
    return open_images(
        source,
        image_size=image_size,
        portion=request.portion,
        cache=request.cache,
        skip_bad=request.skip_bad_images,
        resizes=request.image_size is not None,
        console=console,
    )
