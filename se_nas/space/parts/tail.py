"""The tail: the layers between the last block and the classifier."""

from dataclasses import dataclass
from typing import Any

from se_nas.space.activation import Activation


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The layers behind the last block. Global average pooling and the linear classifier always follow.

    `norm`: batch norm and activation before the pool (DenseNet, pre-activation ResNet). `conv`: the width of a 1×1
    convolution with batch norm and activation before the pool (MobileNetV2). `hidden`: the width of a linear layer with
    activation behind the pool (MobileNetV3). `hidden_bias` and `classifier_bias` say whether these layers have biases;
    the classifiers of megvii's ShuffleNets have none.
    """

    norm: bool = False
    conv: int | None = None
    hidden: int | None = None
    hidden_bias: bool = True
    classifier_bias: bool = True
    activation: Activation = Activation.RELU

    def __post_init__(self) -> None:
        for name, width in (("conv", self.conv), ("hidden", self.hidden)):
            if width is not None and width < 1:
                raise ValueError(f"the width of a tail's `{name}` must be at least 1, but got {width}")

    def width_out(self, width_in: int) -> int:
        """The number of channels that enter the classifier. `width_in` is the number that leaves the last block."""
        return self.hidden or self.conv or width_in

    @property
    def identity(self) -> tuple[Any, ...]:
        """JSON values that are equal for two tails exactly if they build the same module. An empty tail needs none."""
        classifier = () if self.classifier_bias else ("classifier without biases",)
        if not (self.norm or self.conv or self.hidden):
            return classifier
        bias = self.hidden is not None and self.hidden_bias
        return ("tail", self.norm, self.conv, self.hidden, bias, self.activation), *classifier

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file, without those that have their default."""
        names = ("norm", "conv", "hidden", "hidden_bias", "classifier_bias", "activation")
        values = {name: getattr(self, name) for name in names}
        return {
            name: str(value) if isinstance(value, Activation) else value
            for name, value in values.items()
            if value != getattr(NO_TAIL, name)
        }


NO_TAIL = Tail()
"""A tail without layers, as in ResNet and RegNet."""
