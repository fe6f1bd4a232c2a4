"""An image classifier around a backbone of mmdet's registry."""

import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .methods import PretrainMethod


@MODELS.register_module()
class ImageClassifier(BaseModel):
    """Backbone and classification head.

    The backbone's parameters live under ``backbone.`` with the names that they have in a detector. A method
    that changes the loss of the embeddings is a head (see :class:`LinearClsHead`); one that mixes images or
    inner features, or changes the targets, is a :class:`PretrainMethod`. Head and method go together, as in
    CutMix with MultiMix at the last layer, unless the method refuses the head.

    Images are laid out channels last, and convolutional backbones keep this layout. The numbers are the same,
    the kernels are faster, and the channels of a position lie side by side for Dense MultiMix.

    Args:
        backbone: Config of a backbone, e.g. ``dict(type='ResNet', depth=50, norm_eval=False)``. Its last
            feature map goes to the head.
        head: Config of a head, e.g. ``dict(type='LinearClsHead', num_classes=10, in_channels=2048)``.
        data_preprocessor: Config of mmengine's ``ImgDataPreprocessor``.
        method: Config of a :class:`PretrainMethod`, e.g. ``dict(type='CutMix', alpha=1.0)``. None trains on
            the images and labels as they are. It changes neither prediction nor checkpoints.
        init_cfg: See :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: The backbone starts from random weights, but a part of it would not be trained. This is
            the default of mmdet's ResNet (``norm_eval=True``), which is meant to be fine-tuned. Or the method
            does not go with the backbone or the head; the message gives the reason.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        data_preprocessor: dict | None = None,
        method: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)
        if not _loads_weights(self.backbone):
            _refuse_frozen(self.backbone)
        if isinstance(method, (list, tuple)):
            raise ValueError(
                f'method must be one of the methods, got {len(method)} of them: what goes together is one '
                'method and a head, such as CutMix and MultiMixHead'
            )
        self.method: PretrainMethod | None = MODELS.build(method) if method else None
        if self.method is not None:
            self.method.check(self)

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Last feature map of the backbone.

        Args:
            inputs: Normalised images (b, 3, h, w).

        Returns:
            Features (b, d, h', w').
        """
        features = self.backbone(inputs.to(memory_format=torch.channels_last))
        return features if isinstance(features, Tensor) else features[-1]

    def forward(
        self,
        inputs: Tensor,
        gt_label: Tensor | None = None,
        data_samples: None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[dict] | Tensor:
        """Do one of the three things that mmengine asks of a model.

        Args:
            inputs: Normalised images (b, 3, h, w).
            gt_label: Labels (b,); may be None but in mode ``'loss'``.
            data_samples: Not used; mmengine's data preprocessor passes it.
            mode: ``'loss'``, ``'predict'``, or ``'tensor'`` for the logits (b, c).

        Raises:
            ValueError: Another mode.
        """
        if mode == 'loss':
            return self.loss(inputs, gt_label)
        if mode == 'predict':
            return self.predict(inputs, gt_label)
        if mode == 'tensor':
            return self.head(self.extract_feat(inputs))
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def loss(self, inputs: Tensor, gt_label: Tensor) -> dict[str, Tensor]:
        """Losses and logged values of a batch.

        Args:
            inputs: Normalised images (b, 3, h, w).
            gt_label: Labels (b,).
        """
        if self.method is None:
            return self.head.loss(self.extract_feat(inputs), gt_label)
        return self.head.loss(*self.method(self, inputs, gt_label))

    def predict(self, inputs: Tensor, gt_label: Tensor | None = None) -> list[dict]:
        """Predictions of a batch.

        Args:
            inputs: Normalised images (b, 3, h, w).
            gt_label: Labels (b,), passed on to the metrics if there are any.

        Returns:
            One dict an image: ``pred_score`` (c,), probabilities; ``pred_label``; ``feature`` (d,), pooled,
            float32; and ``gt_label``.
        """
        features = self.extract_feat(inputs)
        scores, pooled = self.head.predict(features), features.float().mean(dim=(2, 3))
        results = [
            {'pred_score': score, 'pred_label': score.argmax(), 'feature': feature}
            for score, feature in zip(scores, pooled, strict=True)
        ]
        if gt_label is not None:
            for result, label in zip(results, gt_label, strict=True):
                result['gt_label'] = label
        return results


def _loads_weights(backbone: nn.Module) -> bool:
    init_cfg = getattr(backbone, 'init_cfg', None)
    return isinstance(init_cfg, dict) and 'Pretrained' in str(init_cfg['type'])


def _refuse_frozen(backbone: nn.Module) -> None:
    # The state after train() shows it for every backbone; each has other names for the arguments.
    backbone.train()
    name = type(backbone).__name__
    way_out = 'or load weights with backbone.init_cfg'
    frozen = [key for key, parameter in backbone.named_parameters() if not parameter.requires_grad]
    if frozen:
        raise ValueError(
            f'{name} starts from random weights, but {len(frozen)} of its parameters are frozen '
            f'({frozen[0]}, ...): set backbone.frozen_stages=-1 and '
            f'norm_cfg=dict(requires_grad=True), {way_out}'
        )
    fixed = [key for key, m in backbone.named_modules() if isinstance(m, _BatchNorm) and not m.training]
    if fixed:
        raise ValueError(
            f'{name} starts from random weights, but {len(fixed)} of its batch norms keep their initial '
            f'statistics in training ({fixed[0]}, ...): set backbone.norm_eval=False, {way_out}'
        )
