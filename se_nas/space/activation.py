"""The activation functions of published networks. The functions themselves are in `models.activation`."""

from enum import StrEnum


class Activation(StrEnum):
    """An activation function, by the name that files use."""

    RELU = "relu"
    RELU6 = "relu6"
    """ReLU with an upper limit of 6 (MobileNetV2, arXiv 1801.04381, section 3.1)."""
    SILU = "silu"
    """x · sigmoid(x), which EfficientNet calls swish."""
    HARD_SWISH = "hard-swish"
    """x · relu6(x + 3) / 6 (MobileNetV3, arXiv 1905.02244, section 5.2)."""
