"""What experiment files say of the measures, against what tools/evaluate.py takes."""

import re

import pytest
from cli import ROOT
from mmengine.config import Config

from experiments.alignment import alignmixup_note
from experiments.measures import Measures, check_frequencies, headers, read_measures, results_of
from mmdet_multimix.commands.evaluate import parse_args
from mmdet_multimix.evaluation.detection.settings import MEASURES

PRETRAIN = ROOT / 'configs/pretrain'


def parsed(arguments):
    """The command line of tools/evaluate.py with these arguments."""
    return parse_args(['config.py', 'checkpoint.pth', *arguments])


def test_the_arguments_are_those_of_the_tool():
    args = parsed(read_measures('x.py', {}).arguments)
    assert args.measures == ['ap', 'calibration'] and args.corruptions is None
    fewer = dict(corruptions=('fog', 'snow', 'fog'), severities=[1, 5], images=7)
    measures = read_measures('x.py', {'robustness': fewer})
    args = parsed(measures.arguments)
    assert args.measures == ['ap', 'calibration', 'corruptions'] and set(args.measures) <= set(MEASURES)
    assert (args.corruptions, args.severities, args.corrupted_images) == (['fog', 'snow'], [1, 5], 7)
    every = parsed(read_measures('x.py', {'robustness': True, 'calibration': False}).arguments)
    assert every.measures == ['ap', 'corruptions'] and every.corrupted_images is None
    assert len(every.corruptions) == 15 and every.severities == [1, 2, 3, 4, 5]
    assert read_measures('x.py', {'calibration': False}).arguments == []
    afterwards = parsed(read_measures('x.py', {'post_hoc': True}).arguments)
    assert afterwards.measures == ['ap', 'calibration', 'post_hoc'] and set(afterwards.measures) <= set(
        MEASURES
    )


def test_what_is_measured_is_said():
    assert Measures().about(['mAP', 'mAP']) == 'measured of each detector: mAP, D-ECE, LaECE, NLL'
    text = Measures(robustness=True, corruptions=('fog',), severities=(1, 3), images=9).about(['mAP'])
    assert text.startswith('measured of each detector: mAP, D-ECE, LaECE, NLL, mPC; mPC is the mean AP ')
    assert text.endswith('under 1 corruption at 2 of 5 severities, of 9 test images')
    assert Measures(calibration=False).note() == ''


def test_a_cell_keeps_the_measures_alone():
    report = {'ap': {'mAP': 0.5}, 'd_ece': None, 'laece': 0.2, 'nll': 0.4, 'lrp': 0.6, 'mpc': 0.3, 'rpc': 0.6}
    assert results_of(report) == {'d_ece': None, 'laece': 0.2, 'nll': 0.4, 'mpc': 0.3}
    afterwards = {method: {'d_ece': 0.1, 'laece': 0.2} for method in ('none', 'temperature', 'isotonic')}
    assert results_of({'post_hoc': afterwards}) == {
        'd_ece_temperature': 0.1,
        'laece_temperature': 0.2,
        'd_ece_isotonic': 0.1,
        'laece_isotonic': 0.2,
    }
    assert results_of({'ap': {}}) == {}
    assert results_of({'ap': {'mAP': 0.5, 'mAP_r': 0.1, 'mAP_f': 0.7}}) == {'mAP_r': 0.1, 'mAP_f': 0.7}


def test_rare_classes_are_measured_where_they_are_known(tmp_path):
    measures = read_measures('x.py', {'frequencies': True, 'calibration': False})
    assert parsed(measures.arguments).measures == ['ap']
    assert list(measures.columns) == ['AP rare', 'AP common', 'AP frequent']
    assert headers(measures)['change of mAP_r'] == 'gain'
    balanced, rare = tmp_path / 'balanced.json', tmp_path / 'rare.json'
    balanced.write_text('{"categories": [{"id": 1, "name": "a"}]}')
    rare.write_text('{"categories": [{"id": 1, "name": "a", "frequency": "r"}]}')
    found = {}
    for path in (balanced, rare):
        cfg = Config(dict(test_dataloader=dict(dataset=dict(type='CocoDataset', ann_file=str(path)))))
        found[path.stem] = check_frequencies(measures, cfg)
        assert check_frequencies(Measures(), cfg) == []
    assert found['rare'] == [] and f'no category of {balanced} has' in found['balanced'][0]


@pytest.mark.parametrize(
    ('keys', 'message'),
    [
        ({'calibration': 1}, 'x.py: calibration must be True or False, got 1'),
        ({'frequencies': 1}, 'x.py: frequencies must be True or False, got 1'),
        ({'frequencies': True, 'data': 'digits'}, 'x.py: frequencies is True, but the digits'),
        ({'post_hoc': 'yes'}, "x.py: post_hoc must be True or False, got 'yes'"),
        ({'robustness': 3}, 'x.py: robustness must be True, False, or a dict of corruptions,'),
        (
            {'robustness': {'severity': 1}},
            'x.py: robustness has unknown severity; known are corruptions, images',
        ),
        ({'robustness': {'corruptions': 'fog'}}, "x.py: robustness.corruptions must be a list, got 'fog'"),
        ({'robustness': {'corruptions': ['rain']}}, "x.py: robustness: unknown corruptions ['rain']: choose"),
        (
            {'robustness': {'severities': (1, 6)}},
            'x.py: robustness: unknown severities [6]: choose among 1, 2',
        ),
        ({'robustness': {'severities': ()}}, 'x.py: robustness: unknown severities []'),
        ({'robustness': {'images': 0}}, 'x.py: robustness.images must be a number of at least 1, got 0'),
        ({'robustness': {'images': True}}, 'robustness.images must be a number of at least 1, got True'),
    ],
)
def test_measures_that_cannot_be_had_are_refused(keys, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_measures('x.py', keys)


def test_tables_say_where_alignmixup_aligns():
    configs = {
        'mixup': Config.fromfile(PRETRAIN / 'resnet_tiny_digits_mixup.py'),
        'cross-entropy': Config.fromfile(PRETRAIN / 'resnet_tiny_digits_ce.py'),
    }
    assert alignmixup_note(configs) == ''
    configs['AlignMixup'] = cfg = Config.fromfile(PRETRAIN / 'resnet_tiny_digits_alignmixup.py')
    assert alignmixup_note(configs) == (
        'AlignMixup aligns at a random one of stages=(0, -1), in 100 iterations at most, stopped at a change below 0.1.'
    )
    cfg.model.method.update(stages=[-2], tolerance=None, normalise_rows=True)
    assert (
        alignmixup_note({'mine': cfg})
        == 'mine aligns at stage -2, in 100 iterations at most, rows normalised.'
    )
