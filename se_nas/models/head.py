"""The head of a network: its tail, global average pooling, and the linear classifier."""

from torch import Tensor, nn

from se_nas.models.activation import activate
from se_nas.models.normalisation import BatchNorm
from se_nas.space.parts.tail import Tail


class Head(nn.Module):
    """The tail's layers, the pool and the classifier: (N, C, H, W) -> (N, num_classes).

    An empty tail leaves only the pool and the classifier.
    """

    def __init__(self, tail: Tail, width: int, num_classes: int) -> None:
        super().__init__()
        self.activation = tail.activation
        self.before = nn.Sequential()
        if tail.norm:
            self.before.append(BatchNorm(width, activation=tail.activation))
        if tail.conv is not None:
            self.before.append(nn.Conv2d(width, tail.conv, 1, bias=False))
            self.before.append(BatchNorm(tail.conv, activation=tail.activation))
            width = tail.conv
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.hidden = nn.Identity() if tail.hidden is None else nn.Linear(width, tail.hidden, bias=tail.hidden_bias)
        self.classify = nn.Linear(tail.width_out(width), num_classes, bias=tail.classifier_bias)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, num_classes) logits."""
        pooled = self.pool(self.before(features)).flatten(1)
        if isinstance(self.hidden, nn.Linear):
            pooled = activate(self.hidden(pooled), self.activation)
        logits: Tensor = self.classify(pooled)
        return logits
