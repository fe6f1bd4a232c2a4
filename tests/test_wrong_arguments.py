"""Arguments of what configs and Python code build: a wrong type or value is refused by its name."""

import re

import pytest
import torch

import mmdet_multimix  # noqa: F401
from mmdet_multimix.checkpoints import MultiMixPretrained, publish_backbone
from mmdet_multimix.datasets.digits import DigitsDataset
from mmdet_multimix.datasets.digits_detection import write_digits_detection
from mmdet_multimix.engine.hooks import (
    MultiMixHook,
    MultiMixScheduleHook,
    MultiMixVisualizationHook,
    SelfDistillationHook,
)
from mmdet_multimix.evaluation.attacks import fgsm, pgd
from mmdet_multimix.evaluation.calibration import reliability
from mmdet_multimix.evaluation.cls_accuracy import ClsAccuracy
from mmdet_multimix.evaluation.cls_calibration import ClsCalibration
from mmdet_multimix.evaluation.det_calibration import DetCalibration
from mmdet_multimix.evaluation.detection.settings import DetectionSettings
from mmdet_multimix.evaluation.settings import Settings
from mmdet_multimix.models import DenseMultiMix, MultiMix
from mmdet_multimix.models.classification.heads import DenseMultiMixHead, LinearClsHead, MultiMixHead
from mmdet_multimix.models.classification.methods.input_mixing import CutMix, InputMixup
from mmdet_multimix.models.classification.methods.manifold_mixup import AlignMixup, ManifoldMixup
from mmdet_multimix.models.classification.methods.self_distillation import SelfDistillation
from mmdet_multimix.models.detection import DetectionMultiMix, MixedForm
from mmdet_multimix.models.detection.dense_roi_multimix import DenseRoIMultiMix
from mmdet_multimix.models.detection.heads.dense_multimix_roi_head import AuxiliaryDenseMultiMix
from mmdet_multimix.ops import (
    gradient_signal,
    mix_pairs,
    mix_targets,
    mixed_focal_loss,
    multimix_binary_cross_entropy,
    multimix_cross_entropy,
    sample_factors,
    sample_weights,
    sinkhorn_assignment,
    spatial_attention,
)

NAN, INF = float('nan'), float('inf')
NO_NUMBERS = (NAN, INF, -INF, True, '1', None, [1], torch.tensor(1.0))
NO_COUNTS = (0, -1, 1.5, NAN, True, '3', 10**30)
NO_FLAGS = (0, 1, 'false', None)
LOGITS, LABELS, PAIR = torch.zeros(3, 5), torch.zeros(3, dtype=torch.long), torch.zeros(2, 3, 4)


def digits(**options):
    return DigitsDataset(
        **{'split': 'pretrain_val', 'transforms': [dict(type='Resize', size=(16, 16))], **options}
    )


def focal(**options):
    return mixed_focal_loss(LOGITS, LABELS, torch.full((2, 3), 1 / 3), **options)


def weights_of_two(**options):
    return sample_weights(**{'n': 2, 'b': 2, **options})


# What is called, one of its arguments, and values that it must refuse.
COUNTS = [
    *((kind, name) for kind in (MultiMix, DenseMultiMix, DetectionMultiMix, DenseRoIMultiMix, AuxiliaryDenseMultiMix, MultiMixHook) for name in ('n', 'm')),
    (DetectionMultiMix, 'max_examples'),
    (MultiMixHook, 'interval'),
    (MultiMixScheduleHook, 'interval'),
    (MultiMixVisualizationHook, 'interval'),
    (MultiMixVisualizationHook, 'num_tuples'),
    (MultiMixVisualizationHook, 'num_examples'),
    (InputMixup, 'K'),
    (CutMix, 'K'),
    (ManifoldMixup, 'K'),
    (AlignMixup, 'K'),
    (AlignMixup, 'iterations'),
    (sample_factors, 'K'),
    (ClsCalibration, 'bins'),
    (lambda **options: LinearClsHead(**{'num_classes': 3, 'in_channels': 4, **options}), 'num_classes'),
    (lambda **options: LinearClsHead(**{'num_classes': 3, 'in_channels': 4, **options}), 'in_channels'),
    *((weights_of_two, name) for name in ('n', 'b', 'r', 'm')),
    (lambda **options: multimix_cross_entropy(LOGITS, LABELS, **options), 'n'),
    (lambda **options: multimix_cross_entropy(LOGITS, LABELS, **options), 'm'),
    (lambda **options: multimix_binary_cross_entropy(LOGITS, LABELS, **options), 'n'),
    (lambda **options: sinkhorn_assignment(PAIR, PAIR, **options), 'iterations'),
    (lambda **options: mix_targets(LABELS, [0.5], **options), 'c'),
    (lambda **options: reliability(torch.ones(2), torch.ones(2) > 0, **options), 'bins'),
    (lambda **options: pgd(None, PAIR, LABELS, 0.1, 0.1, **options), 'steps'),
    (Settings, 'attack_images'),
    (Settings, 'pgd_steps'),
    *((kind, 'corrupted_images') for kind in (Settings, DetectionSettings)),
    (lambda **options: write_digits_detection('/nowhere', **{'num_train': 1, 'num_val': 1, **options}), 'num_train'),
    (lambda **options: write_digits_detection('/nowhere', **{'num_train': 1, 'num_val': 1, **options}), 'num_val'),
]  # fmt: skip
# The same with numbers, and further values out of range.
NUMBERS = [
    *((kind, 'loss_weight', (-1,)) for kind in (MultiMix, DenseMultiMix, DetectionMultiMix, DenseRoIMultiMix, MultiMixHook)),
    *((kind, 'clean_weight', (-1,)) for kind in (MultiMix, DenseMultiMix, AuxiliaryDenseMultiMix)),
    *((kind, name, (0, -1, 1e300, (2, 1), (1,), (1, NAN))) for kind in (MultiMix, DenseMultiMix, DetectionMultiMix, MultiMixHook, sample_factors) for name in ('alpha',)),
    *((kind, 'ess', (1, 0, 1e300, (3, 2))) for kind in (MultiMix, DenseMultiMix, DetectionMultiMix, MultiMixHook)),
    (MultiMixHook, 'ramp', (-1,)),
    (MultiMixHook, 'stop', (0, -1)),
    (MultiMixScheduleHook, 'ramp', (-1,)),
    (MultiMixScheduleHook, 'stop', (0, -1)),
    (SelfDistillationHook, 'momentum', (0, 0.6, -1)),
    (SelfDistillation, 'label_weight', (-1,)),
    (SelfDistillation, 'teacher_weight', (-1,)),
    (InputMixup, 'alpha', (0, -1)),
    (CutMix, 'alpha', (0, -1)),
    (ManifoldMixup, 'alpha', (0, -1)),
    (AlignMixup, 'eps', (0, -1)),
    (AlignMixup, 'tolerance', (-1,)),
    (MixedForm, 'gamma', (-1,)),
    (MixedForm, 'alpha', (-1, 1.5)),
    (DetCalibration, 'min_score', (-1, 1.5)),
    (lambda **options: MultiMixPretrained('a.pth', **options), 'min_coverage', (-0.1, 1.1)),
    (focal, 'gamma', (-1,)),
    (focal, 'alpha', (-1, 1.5)),
    (lambda **options: sinkhorn_assignment(PAIR, PAIR, **options), 'eps', (0, -1)),
    (lambda **options: sinkhorn_assignment(PAIR, PAIR, **options), 'tolerance', (-1,)),
    (lambda **options: fgsm(None, PAIR, LABELS, **options), 'eps', (-1,)),
    (lambda **options: pgd(None, PAIR, LABELS, **{'eps': 0.1, 'step': 0.1, 'steps': 1, **options}), 'eps', (-1,)),
    (lambda **options: pgd(None, PAIR, LABELS, **{'eps': 0.1, 'step': 0.1, 'steps': 1, **options}), 'step', (-1,)),
    (Settings, 'fgsm_eps', (0, 2)),
    (Settings, 'pgd_eps', (0, 2)),
    (Settings, 'pgd_step', (0, 2)),
    (DetectionSettings, 'score_thr', (0, 2)),
    (lambda **options: write_digits_detection('/nowhere', num_train=1, num_val=1, **options), 'imbalance', (0.5,)),
]  # fmt: skip
FLAGS = [
    *((kind, 'gather') for kind in (MultiMix, DenseMultiMix, DetectionMultiMix, DenseRoIMultiMix, MultiMixHook)),
    *((kind, 'within_image') for kind in (DetectionMultiMix, DenseRoIMultiMix, MultiMixHook)),
    (DenseMultiMix, 'attention_grad'),
    (MultiMixHook, 'by_epoch'),
    (MultiMixHook, 'force'),
    (MultiMixScheduleHook, 'by_epoch'),
    (AlignMixup, 'normalise_rows'),
    (lambda **options: publish_backbone('/nowhere/a.pth', '/nowhere/b.pth', **options), 'force'),
]  # fmt: skip
CHOICES = [
    *((kind, 'alpha_per') for kind in (MultiMix, DenseMultiMix, DetectionMultiMix, MultiMixHook)),
    *((kind, 'among') for kind in (DetectionMultiMix, DenseRoIMultiMix, MultiMixHook)),
    *((kind, 'attention') for kind in (DenseMultiMix, DetectionMultiMix, DenseRoIMultiMix, MultiMixHook)),
    (MultiMix.from_setting, 'setting'),
    (DenseMultiMix, 'attention_norm'),
    (SelfDistillationHook, 'evaluate'),
    (MixedForm, 'kind'),
    (digits, 'split'),
    (focal, 'kind'),
    (lambda **options: spatial_attention(PAIR, **options), 'kind'),
    (lambda **options: spatial_attention(PAIR, **options), 'norm'),
]  # fmt: skip
OTHERS = [
    (DetectionMultiMix, 'max_examples', (1,)),
    *((kind, 'generator', (3, 'cpu')) for kind in (MultiMix, DenseMultiMix, sample_factors, weights_of_two)),
    (digits, 'seed', (-1, 1.5, True, '3', None)),
    (digits, 'per_class', (5, (0,), (0, 5, 9), (5, 0), (0, 10**6), ('0', '5'), (0.0, 5.0), (-1, 3))),
    (digits, 'transforms', (3, 'Resize', [3], [dict(size=3)], [dict(type='Resized')], [dict(type='Resize', siez=3)])),
    (Settings, 'seed', (-1, True, '3', 1.5)),
    (DetectionSettings, 'seed', (-1, True, '3', 1.5)),
    (ClsAccuracy, 'topk', (5, (), (0,), (1, -1), ('1',), (True,), (1.5,))),
    (ManifoldMixup, 'stages', (2, (), 'last', (0.5,), (True,))),
    (lambda **options: MultiMixHead(3, 4, **options), 'multimix', (3, 'short', [1])),
    (lambda **options: DenseMultiMixHead(3, 4, **options), 'multimix', (3, 'short', [1])),
    (lambda **options: MultiMixPretrained(**options), 'checkpoint', (3, None, True)),
    (lambda **options: MultiMixPretrained('a.pth', **options), 'prefix', (3, True)),
    (lambda **options: mix_pairs(PAIR, **options), 'factors', ([NAN], [1.5], [-0.1], ['1'], [True], [0.5, INF])),
    (lambda **options: mix_pairs(PAIR, [0.5], **options), 'partners', (PAIR[:1], PAIR[:, :1])),
    (lambda **options: mix_targets(c=5, factors=[0.5], **options), 'targets', (LABELS + 5, LABELS - 1)),
    (lambda **options: gradient_signal(mixed=LOGITS, **options), 'own', (LOGITS[:1], LOGITS[:, :1])),
    (spatial_attention, 'features', (PAIR.long(), PAIR[0], PAIR[:, :0])),
]  # fmt: skip
OPTIONAL = (
    'm',
    'r',
    'max_examples',
    'tolerance',
    'stop',
    'alpha',
    'ess',
    'attack_images',
    'corrupted_images',
)


def cases():
    for kind, name in COUNTS:
        yield from ((kind, name, value) for value in NO_COUNTS)
    for kind, name, out in NUMBERS:
        yield from (
            (kind, name, value) for value in (*NO_NUMBERS, *out) if not (value is None and name in OPTIONAL)
        )
    for kind, name in FLAGS:
        yield from ((kind, name, value) for value in NO_FLAGS)
    for kind, name in CHOICES:
        yield from ((kind, name, value) for value in ('nothing', 3, None, True, ''))
    for kind, name, values in OTHERS:
        yield from ((kind, name, value) for value in values)


CASES = list(cases())


def test_there_are_many():
    assert len(CASES) > 500


@pytest.mark.parametrize(('kind', 'name'), list(dict.fromkeys((kind, name) for kind, name, _ in CASES)))
def test_a_wrong_argument_is_refused_by_its_name(kind, name):
    taken = []
    for value in [value for other, its, value in CASES if (other, its) == (kind, name)]:
        try:
            kind(**{name: value})
        except (ValueError, TypeError) as error:
            assert re.search(rf'\b{name}\b', str(error)) or 'transform' in str(error), (value, str(error))
        else:
            taken.append(value)
    assert not taken
