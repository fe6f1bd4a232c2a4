import pytest
import torch
from checking import error_of, training_on
from mmdet.models import ResNet, SwinTransformer
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import PretrainedInit
from tiny_detectors import tiny_model
from tiny_sets import coco_with

from mmdet_multimix.checkpoints import MultiMixPretrained, load_whole, publish_backbone
from mmdet_multimix.checkpoints.normalisation import normalisation_of
from mmdet_multimix.checks import check_config
from mmdet_multimix.checks.checkpoints import check_start


def test_swin_reads_init_cfg_by_itself(tmp_path):
    (tmp_path / 'b.pth').touch()
    init = dict(type='MultiMixPretrained', checkpoint=str(tmp_path / 'b.pth'))
    dataset = coco_with(tmp_path / 'coco')
    text = error_of(training_on(dataset, model=dict(backbone=dict(type='SwinTransformer', init_cfg=init))))
    assert 'move it to the detector' in text
    check_config(training_on(dataset, model=dict(backbone=dict(type='ResNet', init_cfg=init))))


def test_the_type_of_an_initialiser_or_backbone_may_be_a_class(tmp_path):
    (tmp_path / 'b.pth').touch()
    dataset = coco_with(tmp_path / 'coco')
    for kind in (PretrainedInit, MultiMixPretrained):
        init = dict(type=kind, checkpoint=str(tmp_path / 'b.pth'))
        check_config(training_on(dataset, model=dict(backbone=dict(type=ResNet, init_cfg=init))))
        init['checkpoint'] = 'no.pth'
        text = error_of(training_on(dataset, model=dict(backbone=dict(type=ResNet, init_cfg=init))))
        assert 'model.backbone.init_cfg.checkpoint: no.pth does not exist' in text
    text = error_of(training_on(dataset, model=dict(backbone=dict(type=SwinTransformer, init_cfg=init))))
    assert 'SwinTransformer reads init_cfg' in text


@pytest.mark.parametrize('prefix', ['encoder.', 'backbone.backbone.', ''])
def test_a_checkpoint_of_which_nothing_is_in_the_model_is_no_start(tmp_path, prefix):
    backbone = dict(type='ResNet', depth=18, base_channels=8, norm_eval=False)
    model = dict(
        type='ImageClassifier',
        backbone=backbone,
        head=dict(type='LinearClsHead', num_classes=2, in_channels=64),
    )
    state = MODELS.build(backbone).state_dict()
    cfg = training_on(coco_with(tmp_path / 'coco'), model=model, load_from=str(tmp_path / 'a.pth'))
    torch.save(dict(state_dict={prefix + key: value for key, value in state.items()}), tmp_path / 'a.pth')
    before = torch.get_rng_state()
    assert 'load_from: checkpoint' in error_of(cfg) and 'has nothing of this model' in error_of(cfg)
    torch.save(
        dict(state_dict={f'backbone.{key}': value for key, value in state.items()}), tmp_path / 'a.pth'
    )
    check_config(cfg)
    assert torch.equal(torch.get_rng_state(), before)


class RenamesWeights(Hook):
    def after_load_checkpoint(self, runner, checkpoint):
        state = checkpoint['state_dict']
        checkpoint['state_dict'] = {key.replace('encoder.', 'backbone.'): state[key] for key in state}


def test_a_hook_of_ones_own_may_rename_the_weights(tmp_path, capsys):
    model = dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet', depth=18, base_channels=8, norm_eval=False),
        head=dict(type='LinearClsHead', num_classes=2, in_channels=64),
    )
    state = MODELS.build(model['backbone'].copy()).state_dict()
    torch.save(dict(state_dict={f'encoder.{key}': state[key] for key in state}), tmp_path / 'a.pth')
    cfg = training_on(coco_with(tmp_path / 'coco'), model=model, load_from=str(tmp_path / 'a.pth'))
    cfg.custom_hooks = [dict(type='NumClassCheckHook')]
    assert 'has nothing of this model' in error_of(cfg)
    cfg.custom_hooks.append(dict(type=RenamesWeights))
    check_config(cfg)
    assert 'warning: load_from: checkpoint' in capsys.readouterr().err


def test_a_semi_supervised_detector_starts_from_a_plain_one(tmp_path):
    detector = tiny_model('faster_rcnn_fpn')
    model = dict(
        type='SemiBaseDetector',
        semi_train_cfg=dict(),
        detector=detector,
        data_preprocessor=dict(
            type='MultiBranchDataPreprocessor', data_preprocessor=detector.data_preprocessor
        ),
    )
    state = MODELS.build(detector).state_dict()
    cfg = training_on(coco_with(tmp_path / 'coco'), model=model, load_from=str(tmp_path / 'a.pth'))
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    assert not list(check_start(cfg))
    load_whole(MODELS.build(cfg.model), cfg.load_from)
    torch.save(dict(state_dict={f'net.{key}': value for key, value in state.items()}), tmp_path / 'a.pth')
    assert 'has nothing of this model' in next(iter(check_start(cfg)))


def test_the_tilde_of_a_checkpoint_is_expanded_as_mmengine_does(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    backbone = dict(type='ResNet', depth=18, base_channels=8, norm_eval=False)
    head = dict(type='LinearClsHead', num_classes=2, in_channels=64)
    model = dict(type='ImageClassifier', backbone=backbone, head=head)
    torch.save(dict(state_dict=MODELS.build(model).state_dict()), tmp_path / 'a.pth')
    cfg = training_on(coco_with(tmp_path / 'coco'), model=model, load_from='~/a.pth')
    cfg.test_dataloader = cfg.train_dataloader
    check_config(cfg)
    check_config(cfg, 'test')
    for kind in ('Pretrained', 'MultiMixPretrained'):
        cfg.model.backbone.init_cfg = dict(type=kind, checkpoint='~/a.pth', prefix='backbone.')
        check_config(cfg)
        MODELS.build(cfg.model).init_weights()
    cfg.load_from = '~/no.pth'
    assert 'load_from: checkpoint ~/no.pth does not exist' in error_of(cfg)


@pytest.mark.parametrize(
    ('stored', 'prefix', 'said'),
    [
        ('backbone.', None, "as its names begin with 'backbone.'. Set prefix='backbone.'"),
        ('module.backbone.', None, "as its names begin with 'module.backbone.'"),
        ('', 'backbone', "as its names begin with ''"),
        ('', None, None),
        ('module.', None, None),
        ('backbone.', 'backbone', None),
        ('of.another.', None, "as its names begin with 'of.another.'"),
    ],
)
def test_a_file_of_which_mmengine_would_load_nothing(tmp_path, stored, prefix, said):
    backbone = dict(type='ResNet', depth=18, base_channels=8, norm_eval=False)
    state = {f'{stored}{key}': value for key, value in MODELS.build(backbone).state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth'))
    backbone['init_cfg'] = init | ({'prefix': prefix} if prefix else {})
    cfg = training_on(coco_with(tmp_path / 'coco'), model=dict(type='RetinaNet', backbone=backbone))
    if said is None:
        check_config(cfg)
        return
    text = error_of(cfg)
    assert 'model.backbone.init_cfg: nothing of ' in text and said in text
    cfg.model.backbone.init_cfg = dict(type='MultiMixPretrained', checkpoint=str(tmp_path / 'a.pth'))
    check_config(cfg)
    cfg.model.backbone.init_cfg, cfg.resume = backbone['init_cfg'], True
    cfg.load_from = str(tmp_path / 'a.pth')
    check_config(cfg)  # what is resumed replaces it


@pytest.mark.parametrize(
    ('options', 'fixed'),
    [
        (dict(), 'bn1.running_mean, layer1.0.bn1.running_mean'),
        (dict(norm_eval=False), None),
        (dict(norm_eval=False, frozen_stages=1), 'conv1.weight, bn1.weight'),
        (dict(norm_eval=False, norm_cfg=dict(type='BN', requires_grad=False)), 'bn1.weight, bn1.bias'),
        (dict(init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18')), None),
        (dict(pretrained='torchvision://resnet18'), None),
    ],
)
def test_a_backbone_that_stays_random_is_said(tmp_path, capsys, options, fixed):
    backbone = dict(type='ResNet', depth=18, base_channels=8, **options)
    cfg = training_on(coco_with(tmp_path / 'coco'), model=dict(type='RetinaNet', backbone=backbone))
    check_config(cfg)
    said = [line for line in capsys.readouterr().err.splitlines() if 'loads no weights' in line]
    if fixed is None:
        assert not said
        return
    (line,) = said
    assert line.startswith(f'warning: model.backbone loads no weights, but {fixed} and ')
    cfg.model.init_cfg = dict(type='Pretrained', checkpoint='https://a.b/whole.pth')
    check_config(cfg)
    assert 'loads no weights' not in capsys.readouterr().err


IMAGENET = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
OURS = dict(type='ImgDataPreprocessor', **IMAGENET)
MMDETS = dict(type='DetDataPreprocessor', bgr_to_rgb=True, **IMAGENET)


@pytest.mark.parametrize(
    ('learnt', 'given', 'said'),
    [
        (OURS, MMDETS, None),
        (OURS, MMDETS | dict(mean=[127.5] * 3, std=[64.0] * 3), None),
        (OURS, MMDETS | dict(bgr_to_rgb=False), 'trained on images in RGB, mean=[123.675, '),
        (
            OURS,
            dict(type='DetDataPreprocessor', mean=[103.53, 116.28, 123.675], std=[1.0] * 3),
            'std=[1.0, 1.0',
        ),
        (OURS, MMDETS | dict(mean=[0.0] * 3, std=[255.0] * 3), 'std=[255.0'),
        (OURS | dict(bgr_to_rgb=True), MMDETS, 'trained on images in BGR, mean='),
        (MMDETS, MMDETS, None),
        (dict(type='Another'), MMDETS, None),
        (OURS, dict(type='DetDataPreprocessor'), None),
    ],
)
@pytest.mark.parametrize('exported', [False, True])
def test_a_backbone_that_was_trained_on_other_numbers_is_said(
    tmp_path, capsys, learnt, given, said, exported
):
    backbone = dict(type='ResNet', depth=18, base_channels=8, norm_eval=False)
    state = {f'backbone.{key}': value for key, value in MODELS.build(backbone).state_dict().items()}
    # The text is read, and not run.
    text = Config(dict(model=dict(type='Any', data_preprocessor=learnt), custom=1)).pretty_text
    path = tmp_path / 'a.pth'
    torch.save(dict(meta=dict(cfg=f'{text}\nraise SystemExit'), state_dict=state), path)
    if exported:
        publish_backbone(path, tmp_path / 'b.pth')
        path = tmp_path / 'b.pth'
    backbone['init_cfg'] = dict(type='MultiMixPretrained', checkpoint=str(path))
    model = dict(type='RetinaNet', data_preprocessor=given, backbone=backbone)
    check_config(training_on(coco_with(tmp_path / 'coco'), model=model))
    lines = [line for line in capsys.readouterr().err.splitlines() if 'was trained on images' in line]
    assert len(lines) == (said is not None) and all(said in line for line in lines)


@pytest.mark.parametrize('meta', [{}, {'cfg': 'model = ('}, {'cfg': 'model = build()\n'}, {'cfg': 3}])
def test_a_checkpoint_that_does_not_tell_its_normalisation(meta):
    assert normalisation_of(dict(meta=meta, state_dict={})) is None
