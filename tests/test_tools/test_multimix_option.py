"""--multimix of the train command, on a config that says nothing of MultiMix."""

import pytest
from cli import ROOT
from mmengine.config import Config
from mmengine.hooks import Hook

from mmdet_multimix.checks import PreflightError
from mmdet_multimix.commands.multimix_option import add_multimix
from mmdet_multimix.commands.train import main, parse_args

OTHERS = [dict(type='EMAHook'), dict(type='CheckInvalidLossHook', interval=50)]


@pytest.fixture
def config(tmp_path):
    """A plain detector as a user has it, with hooks of its base."""
    base = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'
    (tmp_path / 'base.py').write_text(
        f"_base_ = '{base}'\ncustom_hooks = [dict(type='CheckInvalidLossHook', interval=1)]\n"
    )
    (tmp_path / 'mine.py').write_text("_base_ = 'base.py'\n")
    return tmp_path / 'mine.py'


@pytest.mark.smoke
def test_it_trains_and_the_dumped_config_repeats_it(config, digits_options, tmp_path, capsys):
    options = {
        **digits_options,
        'train_cfg.max_iters': 2,
        'train_cfg.val_interval': 3,
        'experiment_name': tmp_path.name,
    }
    overrides = [f'{key}={value}' for key, value in options.items()]
    work = tmp_path / 'run'
    before = config.read_text()
    main(
        [
            str(config),
            '--work-dir',
            str(work),
            '--multimix',
            'n=20',
            'ess=3',
            'loss_weight=0.5',
            '--cfg-options',
            *overrides,
        ]
    )
    (log,) = work.glob('*/*.log')
    said = capsys.readouterr().out
    assert "--multimix: {'type': 'MultiMixHook', 'n': 20, 'ess': 3, 'loss_weight': 0.5}" in said
    text = log.read_text()
    assert 'MultiMix in roi_head.bbox_head' in text and 'loss_multimix' in text
    assert config.read_text() == before

    dumped = Config.fromfile(work / 'mine.py')
    kinds = [hook['type'] for hook in dumped.custom_hooks]
    assert kinds.count('MultiMixHook') == 1 and 'CheckInvalidLossHook' in kinds
    assert 'mmdet_multimix' in dumped.custom_imports['imports']
    again = tmp_path / 'again'
    main(
        [
            str(work / 'mine.py'),
            '--work-dir',
            str(again),
            '--cfg-options',
            f'experiment_name={tmp_path.name}_again',
        ]
    )
    (log,) = again.glob('*/*.log')
    assert 'loss_multimix' in log.read_text()


def test_the_hooks_of_a_config_stay():
    cfg = Config(dict(custom_hooks=OTHERS, custom_imports=dict(imports='theirs')))
    add_multimix(cfg, {'ess': 3})
    assert cfg.custom_hooks == [*OTHERS, dict(type='MultiMixHook', ess=3)]
    assert cfg.custom_imports == dict(imports=['theirs', 'mmdet_multimix'])
    cfg, built = Config({}), Hook()
    cfg._cfg_dict['custom_hooks'] = [built]  # as a config in Python may have it
    add_multimix(cfg, {})
    assert cfg.custom_hooks[0] is built and cfg.custom_hooks[1] == dict(type='MultiMixHook')
    for empty in ({}, dict(custom_hooks=None, custom_imports=None)):
        cfg = Config(empty)
        add_multimix(cfg, {})
        assert cfg.custom_hooks == [dict(type='MultiMixHook')]
        assert cfg.custom_imports == dict(imports=['mmdet_multimix'], allow_failed_imports=False)


def test_a_hook_that_is_there_is_set_not_doubled():
    from mmdet_multimix.engine import MultiMixHook

    for kind in ('MultiMixHook', 'mmdet.MultiMixHook', MultiMixHook):
        cfg = Config(dict(custom_hooks=[dict(type=kind, n=20, loss_weight=0.1), *OTHERS]))
        add_multimix(cfg, {'loss_weight': 0.5})
        assert cfg.custom_hooks == [dict(type=kind, n=20, loss_weight=0.5), *OTHERS]


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'los_weight': 1}, "no setting 'los_weight'; did you mean loss_weight"),
        ({'zzz': 1}, "no setting 'zzz': it has n, among, .*ramp"),
        ({'ess': 3, 'alpha': 1}, 'ess'),
    ],
)
def test_a_bad_setting_is_named(settings, message):
    with pytest.raises(PreflightError, match=f'--multimix: .*{message}'):
        add_multimix(Config({}), settings)


def test_a_classifier_is_told_where_its_mixing_is():
    with pytest.raises(PreflightError, match=r'for detectors; .*MultiMixHead'):
        add_multimix(Config.fromfile(ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'), {})


def test_values_are_read_as_those_of_cfg_options():
    args = parse_args(['mine.py', '--multimix', 'ess=(2,4)', 'among=all', 'within_image=True', '--amp'])
    assert args.multimix == dict(ess=(2, 4), among='all', within_image=True) and args.amp
    assert parse_args(['mine.py', '--multimix']).multimix == {} and parse_args(['mine.py']).multimix is None
