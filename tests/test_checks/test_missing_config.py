from cli import tool

from mmdet_multimix.checks.missing_config import missing_config


def test_an_old_name_is_refused_with_the_new_one():
    output = tool('train.py', 'configs/pretrain/resnet18_cifar10_multi_mix_cutmix_short.py', fails=True)
    assert 'it is called resnet18_cifar10_cutmix_k5_short.py now' in output and 'Traceback' not in output


def test_other_names_get_no_advice():
    for name in (
        'configs/pretrain/resnet_tiny_digits_multimix.py',
        'my_multi_mix.py',
        'multi_mix/nothing.py',
    ):
        assert missing_config(name) == f'config {name} does not exist'
