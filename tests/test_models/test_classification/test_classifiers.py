import pytest
import torch
from mmdet.models.backbones import ResNet
from mmdet.registry import MODELS
from tolerances import assert_near

from mmdet_multimix.models.classification.cifar_resnet import CIFARResNet

TINY = {'type': 'ResNet', 'depth': 18, 'base_channels': 8, 'norm_eval': False}


def classifier(head='LinearClsHead', backbone=TINY, **kwargs):
    model = MODELS.build(
        {
            'type': 'ImageClassifier',
            'backbone': dict(backbone),
            'head': {'type': head, 'num_classes': 3, 'in_channels': 64},
            'data_preprocessor': {'type': 'ImgDataPreprocessor', 'mean': [1, 2, 3], 'std': [4, 5, 6]},
            **kwargs,
        }
    )
    model.init_weights()
    return model


def batch(b=2, size=64):
    return {
        'inputs': torch.randint(0, 256, (b, 3, size, size), dtype=torch.uint8),
        'gt_label': torch.arange(b) % 3,
    }


def test_modes():
    model = classifier().eval()
    data = model.data_preprocessor(batch())
    assert model(**data, mode='tensor').shape == (2, 3)
    assert set(model(**data, mode='loss')) == {'loss_cls', 'acc'}
    first, second = model(**data, mode='predict')
    assert first['pred_score'].shape == (3,)
    assert first['pred_score'].sum().item() == pytest.approx(1)
    assert first['pred_label'] == first['pred_score'].argmax()
    assert_near(first['feature'], model.extract_feat(data['inputs'])[0].mean(dim=(1, 2)), torch.float32)
    assert (first['gt_label'], second['gt_label']) == (0, 1)
    with pytest.raises(ValueError, match="got 'train'"):
        model(**data, mode='train')


def test_a_list_of_methods_is_refused():
    with pytest.raises(ValueError, match='method must be one of the methods, got 2 of them'):
        classifier(method=[dict(type='CutMix'), dict(type='ManifoldMixup')])


def test_prediction_without_labels_and_of_one_image():
    model = classifier().eval()
    (result,) = model(torch.rand(1, 3, 64, 64), mode='predict')
    assert set(result) == {'pred_score', 'pred_label', 'feature'}
    data = batch(1)
    assert len(model.test_step(data)) == 1


def test_head_gets_the_last_feature_map_channels_last():
    model = classifier().eval()
    images = torch.rand(2, 3, 64, 64)
    features = model.extract_feat(images)
    assert_near(features, model.backbone(images)[-1], torch.float32)
    assert features.shape == (2, 64, 2, 2)
    assert features.is_contiguous(memory_format=torch.channels_last)


def test_images_are_normalised_in_rgb():
    images = torch.tensor([[[[1]], [[7]], [[9]]]], dtype=torch.uint8)
    inputs = classifier().data_preprocessor({'inputs': images})['inputs']
    torch.testing.assert_close(inputs.flatten(), torch.tensor([0.0, 1.0, 1.0]))


def test_backbone_parameters_are_those_of_mmdet():
    ours = {key for key in classifier().state_dict() if key.startswith('backbone.')}
    assert ours == {f'backbone.{key}' for key in ResNet(depth=18, base_channels=8).state_dict()}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'norm_eval': True}, r'20 of its batch norms .*set backbone.norm_eval=False'),
        ({'frozen_stages': 1}, r'parameters are frozen \(conv1.weight, .*frozen_stages=-1'),
        ({'norm_cfg': {'type': 'BN', 'requires_grad': False}}, r'frozen \(bn1.weight, .*requires_grad=True'),
    ],
)
def test_backbone_that_would_not_be_trained_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        classifier(backbone={**TINY, **change})


def test_backbone_with_weights_may_be_frozen():
    init_cfg = {'type': 'Pretrained', 'checkpoint': 'somewhere.pth'}
    model = MODELS.build(
        {
            'type': 'ImageClassifier',
            'backbone': {**TINY, 'norm_eval': True, 'frozen_stages': 4, 'init_cfg': init_cfg},
            'head': {'type': 'LinearClsHead', 'num_classes': 3, 'in_channels': 64},
        }
    )
    assert not any(parameter.requires_grad for parameter in model.backbone.parameters())


def test_training_moves_batch_norm_statistics():
    model = classifier()
    before = model.backbone.bn1.running_mean.clone()
    model.train()
    model(**model.data_preprocessor(batch()), mode='loss')
    assert not torch.equal(model.backbone.bn1.running_mean, before)


def test_cifar_stem_keeps_the_resolution_and_the_names():
    backbone = CIFARResNet(depth=18, base_channels=8)
    assert [tuple(level.shape[2:]) for level in backbone(torch.rand(1, 3, 32, 32))] == [
        (32, 32),
        (16, 16),
        (8, 8),
        (4, 4),
    ]
    stock = {key: value.shape for key, value in ResNet(depth=18, base_channels=8).state_dict().items()}
    ours = {key: value.shape for key, value in backbone.state_dict().items()}
    assert stock.keys() == ours.keys()
    assert [key for key in ours if ours[key] != stock[key]] == ['conv1.weight']
    with pytest.raises(ValueError, match='deep_stem must be False'):
        CIFARResNet(depth=18, deep_stem=True)
