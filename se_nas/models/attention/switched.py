"""SwitchedAttention: attention of a supernet, which can be switched off, made narrower, or mixed."""

from collections.abc import Sequence

from torch import Tensor, nn

from se_nas.models.attention.module import AttentionModule
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.space.attention.switched import Place


class SwitchedAttention(nn.Module):
    """Attention as y = x · (1 + m · (gate - 1)) with m in {0, 1}: (N, C, H, W) -> (N, C, H, W).

    A narrower SE uses the first channels of the hidden layer (as `DynamicSE` of Once-for-All does, arXiv 1908.09791).
    `hidden` is the hidden width now; 0 is off. With `shares`, the result is a mixture of all widths.
    """

    def __init__(self, module: AttentionModule, *, place: Place, hidden: int) -> None:
        super().__init__()
        self.module = module
        self.place, self.widest, self.hidden = place, hidden, hidden
        self.shares: Sequence[tuple[int, Tensor]] | None = None

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if self.shares is None:
            return self._at(features, self.hidden)
        mixture = features
        for hidden, share in self.shares:
            if hidden:
                mixture = mixture + share.to(features.dtype) * (self._at(features, hidden) - features)
        return mixture

    def _at(self, features: Tensor, hidden: int) -> Tensor:
        if not hidden:
            return features
        if hidden == self.widest:
            excited: Tensor = self.module(features)
            return excited
        assert isinstance(self.module, SqueezeExcite)
        return self.module.narrowed(features, hidden)


def switches_of(model: nn.Module) -> list[SwitchedAttention]:
    """The switches of a supernet."""
    return [module for module in model.modules() if isinstance(module, SwitchedAttention)]
