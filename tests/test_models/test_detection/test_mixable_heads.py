"""Which heads are mixed, which are refused, and with which reason."""

import pytest
from mmdet.models.dense_heads import AnchorHead, RetinaHead
from mmdet.models.detectors import RPN
from mmdet.models.roi_heads.bbox_heads import ConvFCBBoxHead, Shared2FCBBoxHead
from mmdet.registry import MODELS
from mmengine.config import Config
from tiny_detectors import detector, tiny_model
from torch import nn

from mmdet_multimix.models.detection.mixable_heads import (
    REFUSED,
    SHOWN,
    form_in,
    form_of_head,
    linear_softmax_form,
    loss_methods,
    unknown,
)
from mmdet_multimix.models.detection.mixed_form import UnmixableError


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


CASES = {
    'VarifocalLoss': ('atss', dict(loss_cls=dict(type='VarifocalLoss')), 'VarifocalLoss treats'),
    'probabilities': ('gfl', dict(loss_cls=dict(type='QualityFocalLoss', activated=True)), 'probabilities'),
    'GHMC': ('retinanet', dict(loss_cls=dict(type='GHMC', use_sigmoid=True)), 'GHMC, has no mixed'),
    'FreeAnchor': ('retinanet', dict(type='FreeAnchorRetinaHead'), 'none of them has a label'),
    'FSAF': ('retinanet', dict(type='FSAFHead'), 'it changes the labels'),
    'cosines': ('faster_rcnn_fpn', dict(cls_predictor_cfg=dict(type='NormedLinear')), 'cosines'),
    'sigmoid': (
        'faster_rcnn_fpn',
        dict(loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True)),
        'a logit of its own',
    ),
    'objectness': ('rtmdet', dict(with_objectness=True), 'with_objectness'),
    'twice': ('faster_rcnn_fpn', dict(type='MultiMixShared2FCBBoxHead'), 'it mixes already'),
    'loss': ('faster_rcnn_fpn', dict(loss_cls=dict(type='MultiMixLoss')), 'it mixes already'),
}


@pytest.mark.parametrize('force', [False, True])
@pytest.mark.parametrize('case', CASES)
def test_what_cannot_be_mixed_is_refused_with_the_reason_even_by_force(case, force):
    name, bbox_head, message = CASES[case]
    cfg = tiny_model(name)
    head = (cfg.roi_head if 'roi_head' in cfg else cfg).bbox_head
    for key, value in bbox_head.items():
        head[key] = value
    with pytest.raises(UnmixableError, match=message):
        form_of_head(MODELS.build(head), force=force)


def test_yolof_is_refused_with_the_reason():
    cfg = Config.fromstring("_base_ = 'mmdet::yolof/yolof_r50-c5_8xb8-1x_coco.py'", '.py')
    with pytest.raises(UnmixableError, match='its scores join two branches'):
        form_of_head(MODELS.build(cfg.model.bbox_head))


@pytest.mark.parametrize('force', [False, True])
def test_rpns_are_refused_whatever_their_base(force):
    rpn = detector().rpn_head
    guided = Config.fromstring(
        "_base_ = 'mmdet::rpn/../guided_anchoring/ga-rpn_r50-caffe_fpn_1x_coco.py'", '.py'
    )
    for head in (rpn, MODELS.build({**guided.model.rpn_head, 'train_cfg': None, 'test_cfg': None})):
        with pytest.raises(UnmixableError, match='it tells objects from background'):
            form_of_head(head, force=force)
    # A head of any class is one where mmdet's detector `RPN` calls it its bbox_head.
    model = RPN.__new__(RPN)
    nn.Module.__init__(model)
    model.bbox_head = detector('retinanet').bbox_head
    with pytest.raises(UnmixableError, match='it tells objects from background'):
        form_in(model, 'bbox_head', force=force)


class Renamed(RetinaHead):
    """A head of somebody's own, as most are: other layers, another prediction."""

    def _init_layers(self):
        super()._init_layers()
        self.extra = nn.Identity()

    def forward_single(self, x):
        return super().forward_single(self.extra(x))

    def predict(self, *args, **kwargs):
        return super().predict(*args, **kwargs)


class OtherTargets(RetinaHead):
    def _get_targets_single(self, *args, **kwargs):
        return super()._get_targets_single(*args, **kwargs)


class Mixin:
    def loss_by_feat_single(self, *args, **kwargs):
        return super().loss_by_feat_single(*args, **kwargs)


class ByMixin(Mixin, Renamed):
    pass


class Sibling(AnchorHead):
    """Not derived from `RetinaHead`, and yet all of its loss is that of `AnchorHead`, too."""


class Other(AnchorHead):
    def loss_by_feat(self, *args, **kwargs):
        return super().loss_by_feat(*args, **kwargs)


RetinaImpostor = type('RetinaHead', (Other,), {'__module__': 'somewhere'})


def test_a_head_that_computes_its_loss_as_one_that_was_shown_is_known():
    assert unknown(RetinaHead) is None and unknown(Renamed) is None
    assert unknown(type('Mine', (Shared2FCBBoxHead,), {'num_classes': 3})) is None
    assert unknown(Sibling) is None and unknown(ConvFCBBoxHead) is None


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        (OtherTargets, 'derived from RetinaHead, but has a _get_targets_single of its own'),
        (ByMixin, 'derived from RetinaHead, but has a loss_by_feat_single of its own'),
        (Other, 'none of the heads that were tried'),
        (RetinaImpostor, 'none of the heads that were tried'),
    ],
)
def test_others_are_refused_unless_forced(kind, message):
    assert message in unknown(kind)
    head = detector('retinanet').bbox_head
    head.__class__ = kind
    with pytest.raises(UnmixableError, match=rf'{message}.*MultiMixHook\(force=True\) mixes it'):
        form_of_head(head)
    assert form_of_head(head, force=True).kind == 'focal'


def test_the_methods_by_which_a_head_computes_its_loss():
    methods = loss_methods(RetinaHead)
    assert {'loss', 'loss_by_feat', 'loss_by_feat_single', 'get_targets', '_get_targets_single'} <= methods
    assert not {'forward', 'forward_single', 'predict', 'init_weights', '_init_layers', 'float'} & methods


def test_no_head_is_both_shown_and_refused():
    assert not SHOWN & set(REFUSED)
    assert all(MODELS.get(name).__module__.startswith('mmdet.') for name in SHOWN)
    assert all(unknown(MODELS.get(name)) is None for name in SHOWN)


def test_a_box_head_that_mixes_by_itself_names_itself_when_it_refuses():
    head = detector().roi_head.bbox_head
    assert linear_softmax_form(head).kind == 'softmax'
    head.loss_cls.use_sigmoid = True
    with pytest.raises(ValueError, match='Shared2FCBBoxHead needs a softmax loss_cls'):
        linear_softmax_form(head)
