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
    """The two lines of docs/pretraining.md, and a step with mmpretrain's own way to mix images beside."""
    theirs = pytest.importorskip('mmpretrain.models')
    from mmengine.config import Config
    from mmengine.optim import OptimWrapper
    from mmengine.registry import DefaultScope
    from mmpretrain.structures import DataSample

    (tmp_path / 'mine.py').write_text(
        "_base_ = 'mmpretrain::resnet/resnet18_8xb16_cifar10.py'\n"
        "custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)\n"
        "model = dict(head=dict(loss=dict(_delete_=True, type='mmdet.MultiMixClsLoss', n=20)),\n"
        "             train_cfg=dict(augments=[dict(type='Mixup', alpha=0.8)]))\n"
    )
    cfg = Config.fromfile(tmp_path / 'mine.py')
    cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)  # as mmengine's runner has it
    with DefaultScope.overwrite_default_scope('mmpretrain'):  # as mmpretrain's runner has it
        model = theirs.build_classifier(cfg.model)
    assert type(model).__module__.startswith('mmpretrain') and type(model.head).__module__.startswith(
        'mmpretrain'
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
