"""The way in which kernels read and write memory: several neighbouring channels at a time."""


def vectors(channels: int) -> dict[str, int]:
    """The number of vectors that hold the channels, and the number of channels in each: eight if they divide evenly."""
    vector = 8 if channels % 8 == 0 else 1
    return {"vectors": channels // vector, "VECTOR": vector}
