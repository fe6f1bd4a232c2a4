from cli import ROOT, tool

from mmdet_multimix.checks.missing_config import missing_config


def test_an_old_name_is_refused_with_the_new_one():
    output = tool('train.py', 'configs/pretrain/resnet18_cifar10_multi_mix_cutmix_short.py', fails=True)
    assert 'it is called resnet18_cifar10_cutmix_k5_short.py now' in output and 'Traceback' not in output


def test_an_old_name_as_the_base_of_a_config(tmp_path):
    base = ROOT / 'configs/pretrain/resnet_tiny_digits_multi_mix_mixup.py'
    (tmp_path / 'mine.py').write_text(f"_base_ = '{base}'\n")
    output = tool('train.py', tmp_path / 'mine.py', fails=True)
    assert 'it is called resnet_tiny_digits_mixup_k5.py now' in output and 'Traceback' not in output


def test_an_old_name_in_an_experiment(tmp_path):
    text = (ROOT / 'configs/transfer/digits.py').read_text().replace('../', f'{ROOT}/configs/')
    (tmp_path / 'mine.py').write_text(text.replace('digits_cutmix_k5', 'digits_multi_mix_cutmix'))
    output = tool('transfer.py', tmp_path / 'mine.py', '--dry-run', fails=True)
    assert 'it is called resnet_tiny_digits_cutmix_k5.py now' in output and 'Traceback' not in output


def test_other_names_get_no_advice():
    for name in (
        'configs/pretrain/resnet_tiny_digits_multimix.py',
        'my_multi_mix.py',
        'multi_mix/nothing.py',
    ):
        assert missing_config(name) == f'config {name} does not exist'
