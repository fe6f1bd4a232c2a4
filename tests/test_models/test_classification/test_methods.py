import copy
from types import SimpleNamespace

import pytest
import torch
from mmdet.registry import MODELS
from tolerances import assert_near

from mmdet_multimix.engine import SelfDistillationHook
from mmdet_multimix.models.classification.methods import (
    AlignMixup,
    CutMix,
    InputMixup,
)
from mmdet_multimix.models.classification.methods.stages import backbone_stages, changed_output
from mmdet_multimix.ops import reference, sample_weights
from mmdet_multimix.ops.pair_mixing import sinkhorn_assignment

RESNET = dict(type='ResNet', depth=18, base_channels=8, norm_eval=False)
SWIN = dict(type='SwinTransformer', embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), window_size=2)
CSP = dict(type='CSPDarknet', deepen_factor=0.167, widen_factor=0.125, norm_eval=False)
PVT = dict(type='PyramidVisionTransformer', embed_dims=8, num_layers=[1, 1, 1, 1])
METHODS = [
    dict(type='InputMixup'),
    dict(type='InputMixup', K=3),
    dict(type='CutMix'),
    dict(type='CutMix', K=3),
    *(dict(type='ManifoldMixup', stages=[stage], K=K) for stage in range(5) for K in (1, 3)),
    *(dict(type='AlignMixup', stages=[stage]) for stage in range(5)),
]


def build(method=None, head='LinearClsHead', backbone=RESNET, in_channels=64, **head_args):
    head = dict(type=head, num_classes=5, in_channels=in_channels, **head_args)
    return MODELS.build(dict(type='ImageClassifier', backbone=dict(backbone), head=head, method=method))


def batch(b=4, size=64):
    return torch.randn(b, 3, size, size), torch.arange(b) % 5


def same_draws(call):
    torch.manual_seed(3)
    return call()


@pytest.mark.parametrize('K', [1, 4])
def test_input_mixup_against_loops(K):
    images, labels = batch()
    targets = torch.nn.functional.one_hot(labels, 5).double()
    method = InputMixup(0.7, K=K)
    mixed, soft = same_draws(lambda: method.mix(images.double(), targets))
    factors = same_draws(lambda: sorted(method._make_params([images])['lam'] for _ in range(K)))
    for k, factor in enumerate(factors):
        for i in range(4):
            for got, x in ((mixed, images.double()), (soft, targets)):
                assert_near(got[4 * k + i], factor * x[i] + (1 - factor) * x[i - 1], torch.float64)


@pytest.mark.parametrize('K', [1, 6])
def test_cutmix_targets_have_the_true_area_of_the_box(K):
    """Every pixel counted by hand, small images so that most boxes are clipped."""
    b, h, w = 3, 5, 7
    images = torch.arange(b).view(b, 1, 1, 1).expand(b, 3, h, w).float()  # an image is its own number
    targets = torch.eye(5)[:b]
    for _ in range(20):
        mixed, soft = CutMix(1.0, K=K).mix(images, targets)
        shares = []
        for k in range(K):
            for i in range(b):
                own = int((mixed[b * k + i, 0] == i).sum()) / (h * w)
                other = int((mixed[b * k + i, 0] == (i - 1) % b).sum()) / (h * w)
                assert own + other == pytest.approx(1)
                assert_near(soft[b * k + i], own * targets[i] + other * targets[i - 1], torch.float32)
            shares.append(own)
        assert shares == sorted(shares)


@pytest.mark.parametrize('stage', range(5))
def test_manifold_mixup_mixes_the_stage_and_only_there(stage):
    """Against a forward pass written out, in float64, of each factor by itself; eval mode, as batch norm couples
    a mini-batch."""
    model = build(dict(type='ManifoldMixup', stages=[stage], K=3)).double().eval()
    images, labels = batch(3)
    features, targets = same_draws(lambda: model.method(model, images.double(), labels))
    torch.manual_seed(3)
    torch.randint(1, ())
    factors = sample_weights(3, 2, alpha=2.0, dtype=torch.float64)[:, 0].sort().values.tolist()
    for k, factor in enumerate(factors):
        net, x = model.backbone, images.double()
        for number in range(5):
            if number == 1:
                x = net.maxpool(net.relu(net.norm1(net.conv1(x))))
            if number:
                x = getattr(net, f'layer{number}')(x)
            if number == stage:
                x = torch.stack([factor * x[i] + (1 - factor) * x[i - 1] for i in range(3)])
        assert_near(features[3 * k : 3 * k + 3], x, torch.float64)
        for i in range(3):
            expected = factor * torch.eye(5)[labels[i]] + (1 - factor) * torch.eye(5)[labels[i - 1]]
            assert_near(targets[3 * k + i], expected, torch.float32)
    assert not any(module._forward_hooks for module in model.modules())


def test_all_stages_are_drawn():
    model = build(dict(type='ManifoldMixup', stages=[0, 2, -1])).eval()
    seen = []
    for stage, module in enumerate(backbone_stages(model.backbone), start=1):
        module.register_forward_hook(
            lambda m, i, out, stage=stage: seen.append((stage, len(m._forward_hooks)))
        )
    drawn = set()
    images, labels = batch(2, 32)
    for _ in range(30):
        seen.clear()
        model.method(model, images, labels)
        drawn |= {stage for stage, hooks in seen if hooks > 1} or {0}
    assert drawn == {0, 2, 4}


@pytest.mark.parametrize(('tolerance', 'normalise'), [(0.1, False), (None, False), (0.1, True)])
def test_align_mixup_is_what_its_docstring_says(tolerance, normalise):
    assert AlignMixup().stages == (0, -1) and AlignMixup().tolerance == 0.1
    method = AlignMixup(iterations=50, tolerance=tolerance, normalise_rows=normalise)
    x = torch.randn(3, 4, 2, 3, dtype=torch.float64)
    flat = x.flatten(2)
    seen = set()
    for seed in range(8):
        torch.manual_seed(seed)
        mixed = method.mix_features(x, [0.3]).flatten(2)
        torch.manual_seed(seed)
        at_partner = int(torch.randint(2, ()))
        seen.add(at_partner)
        assignments = sinkhorn_assignment(flat, flat.roll(1, 0), iterations=50, tolerance=tolerance)
        assert (assignments.sum(2) - 1).abs().max() > 1e-3
        for i, R in enumerate(assignments):
            a, a2 = flat[i], flat[i - 1]
            if normalise:
                R = R / R.sum(0) if at_partner else R / R.sum(1, keepdim=True)
            expected = 0.3 * a @ R + 0.7 * a2 if at_partner else 0.3 * a + 0.7 * a2 @ R.T
            assert_near(mixed[i], expected, torch.float64)
    assert seen == {0, 1}
    with pytest.raises(ValueError, match=r'feature maps \(b, d, h, w\), the stage gives \(2, 3\)'):
        method.mix_features(torch.rand(2, 3), [0.5])


@pytest.mark.parametrize(
    ('backbone', 'channels', 'stage'), [(SWIN, 64, 2), (SWIN, 64, 4), (CSP, 128, 1), (CSP, 128, 4)]
)
def test_other_backbones_of_mmdet(backbone, channels, stage):
    model = build(dict(type='ManifoldMixup', stages=[stage], K=2), backbone=backbone, in_channels=channels)
    images, labels = batch(2)
    losses = model(images, labels, mode='loss')
    losses['loss_cls'].backward()
    assert losses['loss_cls'].isfinite()
    assert all(p.grad is not None for n, p in model.named_parameters() if 'norm' not in n)
    same = same_draws(lambda: model.eval().method(model, images, labels)[0])
    assert same.shape[0] == 4
    assert not torch.allclose(same[:2], same[2:])


def test_backbone_that_lists_no_stages_needs_names():
    with pytest.raises(ValueError, match=r'PyramidVisionTransformer does not list its stages: .*stage_names'):
        build(dict(type='ManifoldMixup'), backbone=PVT)
    named = dict(type='ManifoldMixup', stages=[1], stage_names=['layers.0.1.0'])
    model = build(named, backbone=PVT, in_channels=64)
    assert model.method(model, *batch(2))[0].shape[0] == 2
    with pytest.raises(ValueError, match=r"has no module 'layers\.9'"):
        build(dict(named, stage_names=['layers.9']), backbone=PVT)


def test_hook_goes_even_if_the_forward_pass_fails():
    stage = torch.nn.Identity()
    with pytest.raises(RuntimeError), changed_output(stage, lambda x: x + 1):
        assert stage(torch.zeros(1)) == 1
        raise RuntimeError
    assert stage(torch.zeros(1)) == 0


@pytest.mark.parametrize('method', METHODS, ids=str)
def test_methods_reach_every_parameter_and_repeat_with_the_seed(method):
    model = build(method)
    images, labels = batch(2, 32)
    first, second = (same_draws(lambda: model(images, labels, mode='loss')) for _ in range(2))
    assert torch.equal(first['loss_cls'], second['loss_cls'])
    first['loss_cls'].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    plain = build()
    assert model.state_dict().keys() == plain.state_dict().keys()
    plain.load_state_dict(model.state_dict())
    predictions = [m.eval()(images, mode='tensor') for m in (model, plain)]
    assert torch.equal(*predictions)


@pytest.mark.parametrize('method', [*METHODS[::3], dict(type='SelfDistillation')], ids=str)
def test_loss_of_mixed_precision_is_float32(method):
    model = build(method, 'MultiMixHead' if 'stages' not in method else 'LinearClsHead')
    if 'SelfDistillation' in method['type']:
        model.method.teacher = copy.deepcopy(model)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(*batch(2, 32), mode='loss')
    (loss,) = (value for key, value in losses.items() if 'loss' in key)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_several_factors_are_the_average_of_its_mixes():
    model = build(dict(type='InputMixup', K=3)).eval()
    images, labels = batch()
    loss = same_draws(lambda: model(images, labels, mode='loss'))['loss_cls']
    targets = torch.nn.functional.one_hot(labels, 5).float()
    mixed, soft = same_draws(lambda: model.method.mix(images, targets))
    single = [
        model.head.loss(model.extract_feat(mixed[i : i + 4]), soft[i : i + 4])['loss_cls'] for i in (0, 4, 8)
    ]
    torch.testing.assert_close(loss, sum(single) / 3)


@pytest.mark.parametrize('head', ['MultiMixHead', 'DenseMultiMixHead'])
@pytest.mark.parametrize(
    'method', ['CutMix', 'InputMixup', 'ManifoldMixup', dict(type='AlignMixup', stages=[0, -2])]
)
def test_mixing_before_the_head_goes_with_multimix_behind_it(head, method):
    method = method if isinstance(method, dict) else dict(type=method)
    model = build(method, head, multimix=dict(n=20))
    loss = model(*batch(), mode='loss')['loss_multimix']
    loss.backward()
    assert loss.isfinite()


@pytest.mark.parametrize('head', ['MultiMixHead', 'DenseMultiMixHead'])
@pytest.mark.parametrize('stages', [[0, -1], [4]])
def test_mixing_twice_at_the_last_stage_is_refused(head, stages):
    with pytest.raises(ValueError, match=f'last stage .*{head} both interpolate'):
        build(dict(type='ManifoldMixup', stages=stages), head)


@pytest.mark.parametrize(
    ('method', 'message'),
    [
        (dict(type='ManifoldMixup', stages=[]), 'at least one stage'),
        (dict(type='ManifoldMixup', stages=[5]), r'stages=\[5\], but ResNet has the stages 0 .* to 4'),
        (dict(type='SelfDistillation', label_weight=0, teacher_weight=0), 'must not both be 0'),
    ],
)
def test_bad_options_are_refused_at_construction(method, message):
    with pytest.raises(ValueError, match=message):
        build(method)


def distilled(head, w1, w2, **multimix):
    model = build(
        dict(type='SelfDistillation', label_weight=w1, teacher_weight=w2),
        head,
        multimix=dict(n=6, **multimix),
    ).double()
    model.method.teacher = copy.deepcopy(build().double()).eval()
    torch.nn.init.normal_(model.head.fc.weight)
    torch.nn.init.normal_(model.method.teacher.head.fc.weight)
    return model.eval()


@pytest.mark.parametrize(('w1', 'w2'), [(1.0, 1.0), (0.3, 2.0), (0.0, 1.0), (1.0, 0.0)])
@pytest.mark.parametrize('head', ['MultiMixHead', 'DenseMultiMixHead'])
def test_one_pass_is_two_terms_with_the_same_weights(head, w1, w2):
    """The paper's two terms in loops, in float64; and their gradient at the classifier."""
    dense = head == 'DenseMultiMixHead'
    model = distilled(head, w1, w2)
    images, labels = batch(3)
    images = images.double()
    fc, mixed = model.head.fc, model.head.multimix
    with torch.no_grad():
        z = model.extract_feat(images).flatten(2)
        T = model.method.teacher(images, mode='tensor').softmax(1)

    mixed.generator = torch.Generator().manual_seed(5)
    features, targets = model.method(model, images, labels)
    ours = model.head.losses(features, model.head(features), targets)['loss_multimix']

    draw = dict(dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    if dense:
        weights = sample_weights(6, 3, r=z.shape[2], **draw)
        attention = torch.stack([reference.attention_map(x, x.mean(1)) for x in z])
        terms = [reference.dense_multimix(z, y, weights, attention, fc.weight, fc.bias) for y in (labels, T)]
    else:
        weights = sample_weights(6, 3, **draw)
        terms = [reference.multimix(z.mean(2), y, weights, fc.weight, fc.bias) for y in (labels, T)]
    expected = w1 * terms[0] + w2 * terms[1]
    # float32, as the teacher's predictions are.
    assert_near(ours, expected, torch.float32)
    gradients = [torch.autograd.grad(loss, fc.weight)[0] for loss in (ours, expected)]
    assert_near(*gradients, torch.float32)


def test_no_gradient_and_no_parameter_of_the_teacher():
    model = distilled('MultiMixHead', 1.0, 1.0).train()
    before = copy.deepcopy(model.method.teacher.state_dict())
    names = set(model.state_dict())
    model.float()
    model.method.teacher.float()
    sum(v for k, v in model(*batch(), mode='loss').items() if 'loss' in k).backward()
    assert all(p.grad is None for p in model.method.teacher.parameters())
    assert names == set(build().state_dict())
    after = model.method.teacher.state_dict()
    assert all(torch.equal(after[k].double(), v.float().double()) for k, v in before.items())


def test_a_teacher_holds_no_teacher_of_the_runs_before():
    model = build(dict(type='SelfDistillation'))
    for _ in range(2):
        SelfDistillationHook().before_run(SimpleNamespace(model=model))
    assert model.method.teacher.method.teacher is None


def test_distillation_without_a_teacher_says_what_to_add():
    with pytest.raises(ValueError, match=r'default_hooks=dict\(distillation='):
        build(dict(type='SelfDistillation'))(*batch(), mode='loss')


def test_momentum_of_papers_is_refused():
    with pytest.raises(ValueError, match=r'for the 0\.999 of papers set 0\.001; got 0\.999'):
        SelfDistillationHook(momentum=0.999)
    assert SelfDistillationHook().ema_cfg['momentum'] == 0.001


@pytest.mark.parametrize('label', [-1, 5])
@pytest.mark.parametrize('kind', ['InputMixup', 'CutMix', 'SelfDistillation', 'ManifoldMixup', 'AlignMixup'])
def test_labels_of_no_class_are_refused(kind, label):
    model = build(dict(type=kind))
    if kind == 'SelfDistillation':
        model.method.teacher = copy.deepcopy(model)
    labels = torch.tensor([0, 1, 2, label])
    with pytest.raises(ValueError, match=rf'targets must lie in \[0, 4\], got {label}'):
        model(torch.randn(4, 3, 32, 32), labels, mode='loss')
