"""mmdet's ResNet for images of 32 pixels."""

from mmcv.cnn import build_conv_layer
from mmdet.models.backbones import ResNet
from mmdet.registry import MODELS
from torch import nn


@MODELS.register_module()
class CIFARResNet(ResNet):
    """ResNet whose stem keeps the resolution: a 3x3 convolution of stride 1, and no pooling.

    mmdet's own stem would leave one position of a 32-pixel image; this one leaves 4x4. Parameters have
    mmdet's names, and only ``conv1.weight`` has another shape (3x3 in place of 7x7). Arguments as in
    :class:`mmdet.models.backbones.ResNet`, without ``deep_stem``.
    """

    def _make_stem_layer(self, in_channels: int, stem_channels: int) -> None:
        if self.deep_stem:
            raise ValueError('CIFARResNet has a stem of its own: deep_stem must be False')
        super()._make_stem_layer(in_channels, stem_channels)
        self.conv1 = build_conv_layer(
            self.conv_cfg, in_channels, stem_channels, kernel_size=3, stride=1, padding=1, bias=False
        )
        self.maxpool = nn.Identity()
