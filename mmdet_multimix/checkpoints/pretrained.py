"""Loads a pretrained backbone into a detector, and refuses one that does not fit."""

from __future__ import annotations

from pathlib import Path

from mmengine.logging import print_log
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import nn

from ..ops.checks import check_share
from ..utils.one_line import InputError
from .loading import what_it_holds
from .matching import MatchedState, match_state_dict
from .reading import read_checkpoint, state_dict_of


@WEIGHT_INITIALIZERS.register_module()
class MultiMixPretrained:
    """Initialises a backbone from a checkpoint file and raises where it does not fit.

    mmengine's ``Pretrained`` only warns about missing and misshapen parameters, and on rank 0 only. With a
    wrong file or prefix the detector then trains from a random backbone.

    Use it as ``init_cfg`` of any backbone (or of a C4 detector's ``shared_head``)::

        backbone=dict(..., init_cfg=dict(type='MultiMixPretrained', checkpoint='backbone.pth'))

    A few of mmdet's backbones (Swin, PVT) read ``init_cfg`` with a loader of their own and never ask the
    initialiser. For these, set it on the detector: ``model=dict(init_cfg=dict(type='MultiMixPretrained',
    ...), backbone=dict(..., init_cfg=None))``. It then fills the detector's ``backbone``.

    Args:
        checkpoint: A training checkpoint of this package or of mmdet (with EMA, the averaged weights), a file
            written by ``tools/publish_backbone.py``, or a torchvision-style state dict. Loaded weights only.
        prefix: Where the module stands in the file, such as ``'backbone.'``. By default it is found.
        min_coverage: The least share of the module's parameters and statistics that must be found with the
            right shape, in [0, 1].

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is of another architecture or covers less than ``min_coverage``; the message
            lists the missing, unexpected and misshapen names.
    """

    def __init__(self, checkpoint: str, prefix: str | None = None, min_coverage: float = 1.0) -> None:
        check_share('min_coverage', min_coverage)
        if not isinstance(checkpoint, (str, Path)):
            raise ValueError(f'checkpoint must be a path, got {checkpoint!r}')
        if prefix is not None and not isinstance(prefix, str):
            raise ValueError(f"prefix must be a text such as 'backbone.', got {prefix!r}")
        self.checkpoint = str(checkpoint)
        self.prefix = prefix
        self.min_coverage = min_coverage

    def __call__(self, module: nn.Module) -> None:
        """Load the checkpoint into ``module``, or into ``module.backbone`` where it has one."""
        target = getattr(module, 'backbone', module)
        checkpoint = read_checkpoint(self.checkpoint)
        try:
            matched = match_state_dict(state_dict_of(checkpoint), target.state_dict(), self.prefix)
        except ValueError as error:
            raise InputError(f'{self.checkpoint}: {error}') from error
        self._check(matched, type(target).__name__, checkpoint)
        target.load_state_dict(matched.state, strict=False)
        # mmengine initialises the children after this call and would overwrite what was loaded.
        for child in target.modules():
            if child is not module and hasattr(child, 'is_init'):
                child._is_init = True
        print_log(
            f'{type(target).__name__}: {matched.coverage:.0%} of {matched.wanted} parameters and statistics '
            f'loaded from {self.checkpoint}' + (f' ({matched.prefix}*)' if matched.prefix else ''),
            logger='current',
        )

    def _check(self, matched: MatchedState, name: str, checkpoint: dict) -> None:
        if not matched.state:
            held = what_it_holds(checkpoint)
            raise InputError(f'{self.checkpoint} holds nothing of {name}: {held}\n{matched.differences()}')
        if matched.coverage < self.min_coverage or matched.unusable:
            why = (
                f'{matched.coverage:.1%} of {matched.wanted} parameters and statistics found under prefix '
                f'{matched.prefix!r}, min_coverage is {self.min_coverage:.1%}'
            )
        elif matched.foreign and self.min_coverage == 1:
            why = f'it has layers that {name} does not have, so it is of another architecture'
        else:
            return
        raise InputError(
            f'{self.checkpoint} does not fit {name}: {why}.\n'
            + matched.differences()
            + '\nGive the checkpoint of this architecture (same depth, width and stem), '
            'or lower min_coverage if the rest should start at random.'
        )
