"""ResidualModule: a branch beside a shortcut, with batch norm and ReLU after or before each convolution.

He et al., arXiv 1512.03385, figure 5 (post-activation), and arXiv 1603.05027, figure 4e (pre-activation). Parameters
have the order of torchvision and pytorchcv: the branch, then SE where it acts, then the shortcut.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from se_nas.models.blocks.block import AttendedBlock
from se_nas.models.blocks.shortcuts import build_shortcut
from se_nas.models.normalisation import BatchNorm
from se_nas.space.activation import Activation
from se_nas.space.families.basic import RECTIFIED
from se_nas.space.families.regnet import Site
from se_nas.space.families.shortcuts import Shortcut
from se_nas.space.parts.stage import BlockShape


class ResidualModule(AttendedBlock):
    """A residual block of these convolutions. `inner_after` is the number of convolutions before the inner site.

    The norm that ends a branch starts at zero, so that the block starts as its shortcut (Goyal et al., arXiv
    1706.02677, section 5.1; timm's default). A branch with pre-activation ends with a convolution, which keeps its
    usual weights.
    """

    def __init__(
        self,
        shape: BlockShape,
        convolutions: Sequence[nn.Conv2d],
        *,
        inner_after: int,
        shortcut: Shortcut,
        pre_activation: bool,
    ) -> None:
        super().__init__(shape)
        self.inner_after, self.pre_activation, self.count = inner_after, pre_activation, len(convolutions)
        self.attend(shape, Site.PRE)
        for number, convolution in enumerate(convolutions, start=1):
            if pre_activation:
                self._add_norm(number, convolution.in_channels, has_relu=True)
                if number == inner_after + 1:
                    self.attend(shape, Site.INNER)
                self.add_module(f"conv{number}", convolution)
            else:
                self.add_module(f"conv{number}", convolution)
                is_last = number == self.count
                self._add_norm(number, convolution.out_channels, has_relu=not is_last or self.site != Site.STANDARD)
                if number == inner_after:
                    self.attend(shape, Site.INNER)
        for site in (Site.STANDARD, RECTIFIED, Site.IDENTITY, Site.POST):
            self.attend(shape, site)
        self.shortcut = build_shortcut(shortcut, shape, norm=not pre_activation)

    def _add_norm(self, number: int, channels: int, *, has_relu: bool) -> None:
        self.add_module(f"norm{number}", BatchNorm(channels, activation=Activation.RELU if has_relu else None))

    def initialise(self) -> None:
        """Draw the weights by fan-out, and set the norm that ends the branch to zero."""
        super().initialise()
        if not self.pre_activation:
            last = self.get_submodule(f"norm{self.count}")
            assert isinstance(last, BatchNorm)
            nn.init.zeros_(last.weight)

    def forward(self, features: Tensor) -> Tensor:
        """(N, width_in, H, W) -> (N, width_out, ceil(H / stride), ceil(W / stride))."""
        return self.excite(Site.POST, self._pre(features) if self.pre_activation else self._post(features))

    def _post(self, features: Tensor) -> Tensor:
        shortcut = self.excite(Site.IDENTITY, self.shortcut(features))
        branch = self.excite(Site.PRE, features)
        for number in range(1, self.count):
            branch = self._layer("norm", number, self._layer("conv", number, branch))
            if number == self.inner_after:
                branch = self.excite(Site.INNER, branch)
        branch = self._layer("conv", self.count, branch)
        if self.site == Site.STANDARD:
            return F.relu(shortcut + self.excite(Site.STANDARD, self._layer("norm", self.count, branch)), inplace=True)
        if self.site == RECTIFIED:
            return F.relu(shortcut + self.excite(RECTIFIED, self._layer("norm", self.count, branch)), inplace=True)
        joined: Tensor = self.get_submodule(f"norm{self.count}")(branch, shortcut)
        return joined

    def _pre(self, features: Tensor) -> Tensor:
        branch = activated = self._layer("norm", 1, features)
        shortcut = features if isinstance(self.shortcut, nn.Identity) else self.shortcut(activated)
        branch = self.excite(Site.PRE, branch)
        for number in range(1, self.count + 1):
            if number > 1:
                branch = self._layer("norm", number, branch)
            if number == self.inner_after + 1:
                branch = self.excite(Site.INNER, branch)
            branch = self._layer("conv", number, branch)
        return self.excite(Site.IDENTITY, shortcut) + self.excite(Site.STANDARD, branch)

    def _layer(self, kind: str, number: int, features: Tensor) -> Tensor:
        result: Tensor = self.get_submodule(f"{kind}{number}")(features)
        return result
