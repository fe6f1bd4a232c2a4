"""Wrong calls of the tools end in one line, with exit code 1 or 2, before anything long."""

import pytest
import torch
from cli import ROOT
from forked import forked
from wrong_calls import CE, FEW, calls, command, detector_config, judged, write_files

from mmdet_multimix.checkpoints import publish_backbone

CALLS = calls()


@pytest.fixture(scope='session')
def places(tmp_path_factory, digits):
    """Files to give to the tools, and a checkpoint of a classifier and of a detector."""
    root = tmp_path_factory.mktemp('wrong')
    files = root / 'files'
    files.mkdir()
    code, said = forked('train.py', CE, '--work-dir', root / 'ce', options=FEW, log=root / 'said')
    assert code == 0, said[-5000:]
    write_files(files, root / 'ce/epoch_1.pth', digits)
    detector = detector_config(files)
    code, said = forked('train.py', detector, '--work-dir', root / 'detector', log=root / 'said')
    assert code == 0, said[-5000:]
    return {
        'files': files,
        'digits': digits,
        'ce': CE,
        'detector': detector,
        'trained': root / 'ce/epoch_1.pth',
        'detected': root / 'detector/iter_1.pth',
    }


def test_names_differ():
    assert len({call.name for call in CALLS}) == len(CALLS) > 300


@pytest.mark.parametrize('call', CALLS, ids=[call.name for call in CALLS])
def test_it_ends_in_one_line(call, places, tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    arguments, options = command(call, {**places, 'out': out})
    code, said = forked(call.tool, *arguments, options=options, log=tmp_path / 'said')
    traceback = said[max(0, said.find('Traceback') - 500) :][:4000]
    assert judged(call, code, said) == 'clear', f'{code}: {traceback} ... {said[-4000:]}'
    assert not list(out.rglob('*.pth'))
    assert 'weights_only' not in said  # nobody is told to switch safe loading off


def test_the_traceback_is_shown_where_it_is_asked_for(places, tmp_path):
    arguments = ('train.py', places['files'] / 'divides.py', '--work-dir', tmp_path / 'out')
    for value in ('1', '0', ''):
        code, said = forked(*arguments, env={'MULTIMIX_DEBUG': value}, log=tmp_path / 'said')
        assert code == 1 and ('Traceback' in said) == (value == '1')
        assert 'ZeroDivisionError' in said


FAULTY = """
_base_ = '{root}/configs/pretrain/resnet_tiny_digits_ce.py'
custom_imports = dict(imports=['faulty_hook'], allow_failed_imports=False)
custom_hooks = [dict(type='FaultyHook')]
"""
HOOK = """
from mmdet.registry import HOOKS
from mmengine.hooks import Hook

@HOOKS.register_module()
class FaultyHook(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        raise ValueError('a fault of the program')
"""


def test_a_fault_of_the_program_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'faulty_hook.py').write_text(HOOK)
    (tmp_path / 'config.py').write_text(FAULTY.format(root=ROOT))
    out = tmp_path / 'out'
    code, said = forked(
        'train.py', tmp_path / 'config.py', '--work-dir', out, options=FEW, log=tmp_path / 'said'
    )
    assert code == 1 and 'Traceback' in said and 'ValueError: a fault of the program' in said


def test_a_published_backbone_is_told_from_a_whole_model(places, tmp_path):
    """As by who gives the exported file where the training checkpoint belongs, or the other way round."""
    backbone = tmp_path / 'backbone.pth'
    publish_backbone(places['trained'], backbone)
    code, said = forked(
        'train.py',
        places['ce'],
        '--work-dir',
        tmp_path,
        options={**FEW, 'load_from': backbone},
        log=tmp_path / 'said',
    )
    assert (
        code == 1
        and "init_cfg=dict(type='MultiMixPretrained'" in said
        and "the keys 'meta', 'state_dict'" in said
    )
    torch.save(
        {'meta': None, 'state_dict': torch.load(places['trained'])['state_dict']}, tmp_path / 'no_meta.pth'
    )
    code, said = forked(
        'test.py',
        places['ce'],
        tmp_path / 'no_meta.pth',
        '--work-dir',
        tmp_path,
        options=FEW,
        log=tmp_path / 'said',
    )
    assert code == 0, said[-3000:]  # it has all the weights
