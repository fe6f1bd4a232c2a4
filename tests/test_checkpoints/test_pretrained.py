import pytest
import torch
from mmdet.registry import MODELS
from mmengine.model import BaseModule

from mmdet_multimix.checkpoints import MultiMixPretrained


def resnet(depth=18, **kwargs):
    return MODELS.build(dict(type='ResNet', depth=depth, base_channels=8, **kwargs))


@pytest.fixture
def trained(tmp_path):
    """A backbone with recognisable weights, and its checkpoint as training writes it."""
    model = resnet()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    state = {f'backbone.{key}': value for key, value in model.state_dict().items()}
    state['head.fc.weight'] = torch.ones(10, 64)
    path = tmp_path / 'epoch_1.pth'
    torch.save({'meta': {}, 'state_dict': state}, path)
    return model.state_dict(), str(path)


def assert_same(module, state):
    for key, value in module.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_init_cfg_loads_every_parameter(trained):
    state, path = trained
    model = resnet(init_cfg=dict(type='MultiMixPretrained', checkpoint=path))
    model.init_weights()
    assert_same(model, state)


def test_children_with_their_own_init_do_not_overwrite(trained):
    state, path = trained

    class Detector(BaseModule):
        def __init__(self):
            super().__init__()
            self.backbone = resnet(init_cfg=dict(type='MultiMixPretrained', checkpoint=path))
            self.backbone.layer1[0].init_cfg = dict(type='Constant', layer='Conv2d', val=7.0)

    model = Detector()
    model.init_weights()
    assert_same(model.backbone, state)


def test_set_on_the_detector_it_fills_the_backbone(trained):
    state, path = trained

    class Detector(BaseModule):
        def __init__(self):
            super().__init__(init_cfg=dict(type='MultiMixPretrained', checkpoint=path))
            self.backbone = resnet()
            self.neck = torch.nn.Conv2d(64, 8, 1)

    model = Detector()
    model.init_weights()
    assert_same(model.backbone, state)


def test_torchvision_names_fit(tmp_path):
    from torchvision.models import resnet18

    source = resnet18()
    torch.save(source.state_dict(), tmp_path / 'tv.pth')
    model = MODELS.build(dict(type='ResNet', depth=18))
    MultiMixPretrained(str(tmp_path / 'tv.pth'))(model)
    assert torch.equal(model.conv1.weight, source.conv1.weight)


def test_a_prefix_that_the_file_does_not_have_is_passed_over(tmp_path):
    """That of a base config, as RTMDet's, is merged into the init_cfg of an exported backbone."""
    source = resnet()
    torch.save(source.state_dict(), tmp_path / 'backbone.pth')
    model = resnet()
    MultiMixPretrained(str(tmp_path / 'backbone.pth'), prefix='backbone.')(model)
    assert_same(model, source.state_dict())


def test_averaged_weights_are_taken(tmp_path):
    """mmengine's EMA hook stores the averaged weights as state_dict and the others as ema_state_dict."""
    averaged, raw = resnet(), resnet()
    torch.save(
        {
            'state_dict': {f'backbone.{key}': value for key, value in averaged.state_dict().items()},
            'ema_state_dict': {f'module.backbone.{key}': value for key, value in raw.state_dict().items()},
        },
        tmp_path / 'ema.pth',
    )
    model = resnet()
    MultiMixPretrained(str(tmp_path / 'ema.pth'))(model)
    assert_same(model, averaged.state_dict())


@pytest.mark.parametrize(
    ('depth', 'channels', 'word'), [(34, 8, 'missing'), (18, 16, 'misshapen'), (50, 8, 'missing')]
)
def test_another_architecture_raises(trained, depth, channels, word):
    model = MODELS.build(dict(type='ResNet', depth=depth, base_channels=channels))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=word) as error:
        MultiMixPretrained(trained[1])(model)
    assert trained[1] in str(error.value) and 'min_coverage' in str(error.value)
    assert_same(model, before)


def test_a_deeper_network_raises_although_every_name_is_there(tmp_path):
    torch.save(resnet(34).state_dict(), tmp_path / 'r34.pth')
    with pytest.raises(ValueError, match='unexpected'):
        MultiMixPretrained(str(tmp_path / 'r34.pth'))(resnet(18))


def test_an_extra_bias_is_no_other_architecture(tmp_path):
    """Of caffe's ResNets, for one; mmdet leaves it out."""
    state = dict(resnet().state_dict(), **{'conv1.bias': torch.ones(8)})
    torch.save(state, tmp_path / 'caffe.pth')
    model = resnet()
    MultiMixPretrained(str(tmp_path / 'caffe.pth'))(model)
    assert_same(model, state)


def test_weights_that_are_not_finite_are_refused_at_any_coverage(trained, tmp_path):
    state = dict(trained[0], **{'conv1.weight': torch.full_like(trained[0]['conv1.weight'], torch.nan)})
    torch.save(state, tmp_path / 'nan.pth')
    with pytest.raises(ValueError, match=r'1 unusable: conv1\.weight: 1176 of 1176 values are not finite'):
        MultiMixPretrained(str(tmp_path / 'nan.pth'), min_coverage=0.5)(resnet())


def test_min_coverage_lets_a_part_be_loaded(trained):
    state, path = trained
    model = resnet(34)
    MultiMixPretrained(path, min_coverage=0.3)(model)
    assert torch.equal(model.conv1.weight, state['conv1.weight'])


def test_a_stage_less_is_no_other_architecture(trained):
    """A C4 detector has three stages in its backbone and the fourth in its shared head."""
    state, path = trained
    model = resnet(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,))
    MultiMixPretrained(path)(model)
    assert torch.equal(model.conv1.weight, state['conv1.weight'])


def test_missing_file():
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth'):
        MultiMixPretrained('nowhere.pth')(resnet())
