"""PublishedNetwork: a network that is known by name, with the images that it was published for."""

from collections.abc import Callable
from dataclasses import dataclass

from se_nas.space.architecture import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNetwork:
    """A network with its own SE, built on demand. `image_size` is the side in pixels."""

    build: Callable[[], Architecture]
    image_size: int = 224
    classes: int = 1000
