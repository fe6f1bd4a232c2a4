import pytest
import torch
from mmdet.registry import MODELS

from mmdet_multimix import MultiMix


@pytest.mark.parametrize('setting', ['paper', 'short'])
def test_it_is_the_sum_of_the_losses(setting):
    loss = MODELS.build(dict(type='MultiMixClsLoss', setting=setting, n=20))
    logits = torch.randn(8, 5, dtype=torch.bfloat16, requires_grad=True)
    labels = torch.randint(5, (8,))
    torch.manual_seed(1)
    ours = loss(logits, labels, avg_factor=8, weight=None)
    torch.manual_seed(1)
    expected = sum(MultiMix.from_setting(setting, n=20).losses(logits.float(), labels).values())
    assert ours == expected and ours.dtype == torch.float32
    ours.backward()
    assert logits.grad.abs().sum() > 0 and not list(loss.parameters())


def test_in_a_config_of_mmpretrain(tmp_path):
    """A step of its classifier, with its own way to mix images beside."""
    theirs = pytest.importorskip('mmpretrain.models')
    from mmengine.optim import OptimWrapper
    from mmpretrain.structures import DataSample

    model = theirs.build_classifier(
        dict(
            type='ImageClassifier',
            backbone=dict(
                type='ResNet', depth=18, num_stages=1, out_indices=(0,), strides=(1,), dilations=(1,)
            ),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(
                type='LinearClsHead',
                num_classes=5,
                in_channels=64,
                loss=dict(type='mmdet.MultiMixClsLoss', n=20),
            ),
            train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8)]),
            data_preprocessor=dict(num_classes=5, to_onehot=True),
        )
    )
    data = dict(
        inputs=[torch.randint(255, (3, 32, 32), dtype=torch.uint8) for _ in range(4)],
        data_samples=[DataSample().set_gt_label(index) for index in range(4)],
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = model.head.fc.weight.clone()
    log = model.train_step(data, OptimWrapper(optimizer))
    assert log['loss'].isfinite() and not torch.equal(before, model.head.fc.weight)
    assert isinstance(model.head.loss_module.multimix, MultiMix)
