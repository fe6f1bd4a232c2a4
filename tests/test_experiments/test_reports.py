"""What the reports say of runs that are done, failed or missing; all expectations are computed by hand."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from cli import ROOT
from PIL import Image

from experiments.comparison import load_comparison
from experiments.comparison_cells import choice, step_of
from experiments.comparison_report import COLUMNS, leaders
from experiments.comparison_report import write_report as write_comparison
from experiments.measures import Measures
from experiments.results import markdown_table, paired_gains, run_state, shown, summarise, unfinished
from experiments.sweep_report import write_report as write_sweep
from experiments.transfer import load_experiment
from experiments.transfer_report import write_report as write_transfer

PRETRAIN = ROOT / 'configs/pretrain'


def table_of(text):
    return [line for line in text.splitlines() if line.startswith('| ')]


def is_picture(path):
    return path.read_bytes()[:4] == b'\x89PNG'


def experiment_file(folder, **fields):
    path = folder / 'mine.py'
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in fields.items()))
    return path


def test_a_summary_has_mean_deviation_and_error():
    # Deviations from 4 are -2, 0, 2: variance (4 + 0 + 4) / 2, deviation 2, error 2 / sqrt(3).
    found = summarise([2.0, None, 4.0, float('nan'), 6.0])
    assert found == {'mean': 4.0, 'std': 2.0, 'error': pytest.approx(2 / 3**0.5), 'values': [2.0, 4.0, 6.0]}
    assert summarise([7]) == {'mean': 7.0, 'std': None, 'error': None, 'values': [7.0]}
    assert summarise([]) is None and summarise([None]) is None
    assert json.loads(json.dumps(found)) == found


def test_gains_are_taken_pair_by_pair():
    runs = pd.DataFrame(
        [('new', 2, 9.0), ('base', 0, 1.0), ('new', 0, 1.5), ('base', 1, 2.0), ('new', 1, 1.0)],
        columns=['method', 'seed', 'x'],
    )
    gains = paired_gains(runs, 'method', 'x', 'base')
    assert gains[[2, 4]].tolist() == [0.5, -1.0]
    assert gains[[0, 1, 3]].isna().all()  # no partner with seed 2; the baseline itself
    assert paired_gains(runs, 'method', 'x', 'absent').isna().all()


def test_texts_of_summaries_and_tables():
    summary = summarise([0.1, 0.2, 0.3])
    assert shown(summary) == '0.200 ± 0.100'
    assert shown(summary, 1, 'error', '+') == '+0.2 ± 0.1'
    assert shown(summarise([-0.25]), 2, sign='+') == '-0.25' and shown(None) == ''
    assert shown(summarise([-0.0004]), sign='+') == '+0.000' and shown(summarise([-0.0004])) == '0.000'
    rows = markdown_table([{'a': 'x', 'b': '1.50'}, {'b': '007', 'c': '± 1'}]).splitlines()
    # Texts stay as they are, though some look like numbers; what a row lacks stays empty.
    assert [rows[0], *rows[2:]] == ['| a | b | c |', '| x | 1.50 |  |', '|  | 007 | ± 1 |']
    assert set(rows[1]) == {'|', '-'}


def test_runs_that_are_missing_are_counted_and_failed_ones_named():
    names = [f'run{index}' for index in range(9)]
    results = {names[0]: {}}
    assert unfinished(names[:1], results, {}) == ''
    assert unfinished(names[:3], results, {'run1': 'exit 1'}) == '\nFailed: `run1`.\n\nStill to do: 1 run.\n'
    failures = dict.fromkeys(names, 'exit 1')  # run0 has failed before, and was repeated
    text = unfinished([*names, 'run8'], results, failures)
    assert text == '\nFailed: `run1`, `run2`, `run3`, `run4`, `run5` and 3 more.\n'


def test_states_of_runs(tmp_path):
    results, failures = {'a': {'error': 1.0}}, {'a': 'exit 1', 'b': 'exit 2'}
    a, b, c = (run_state(name, tmp_path / 'x.py', tmp_path, results, failures) for name in 'abc')
    assert a == {'folder': f'{tmp_path}/a', 'config': f'{tmp_path}/x.py', 'state': 'done', 'error': 1.0}
    assert (b['state'], b['message'], c['state']) == ('failed', 'exit 2', 'to do')


@pytest.fixture
def transfer(tmp_path):
    """Two methods and one from scratch, one detector, two seeds, a published figure."""
    path = experiment_file(
        tmp_path,
        methods={
            'cross-entropy': str(PRETRAIN / 'resnet_tiny_digits_ce.py'),
            'MultiMix': str(PRETRAIN / 'resnet_tiny_digits_multimix.py'),
            'from scratch': None,
        },
        detectors={
            'R-CNN': dict(
                config=str(ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'),
                metrics={'mAP': 'coco/bbox_mAP', 'mAP 50': 'coco/bbox_mAP_50'},
            )
        },
        seeds=2,
        published=[dict(method='CutMix', detector='R-CNN', value=0.3516, source='somebody, 2019')],
    )
    return load_experiment(path)


def test_a_transfer_table_keeps_ours_and_published_apart(transfer, tmp_path):
    values = {
        ('cross-entropy', 0): 0.40,
        ('cross-entropy', 1): 0.50,
        ('MultiMix', 0): 0.43,
        ('MultiMix', 1): 0.51,
        ('from scratch', 0): 0.20,
    }
    results = {}
    for cell in transfer.cells():
        if cell.pretraining:
            results[cell.pretraining] = {'top1': 90.0 + cell.seed, 'top1_best': 95.0, 'seconds': 1.0}
        if (value := values.get((cell.method, cell.seed))) is not None:
            results[cell.name] = {'coco/bbox_mAP': value, 'coco/bbox_mAP_50': 2 * value, 'seconds': 3.0}
    for number, cell in enumerate(transfer.cells()):
        if cell.method == 'MultiMix':  # the others were measured by an older version
            results[cell.name] |= {'d_ece': 0.1 + number / 10, 'laece': 0.2}
    failed = transfer.cells()[-1].name
    text = write_transfer(tmp_path, transfer, results, {failed: 'exit 1'})
    assert text == (tmp_path / 'mine/table.md').read_text()
    # The deviation of a pair is its distance by the root of 2: 0.1, 0.08, 0.2 and 0.16 give 0.071, 0.057, 0.141
    # and 0.113. Gains of 0.03 and 0.01: the error is half their distance.
    assert table_of(text) == [
        '| pretraining | seeds | top-1 | mAP | gain | mAP 50 | D-ECE | change | LaECE | change | NLL | change |',
        '| cross-entropy | 2 | 90.5 (95.0) | 0.450 ± 0.071 |  | 0.900 ± 0.141 |  |  |  |  |  |  |',
        '| MultiMix | 2 | 90.5 (95.0) | 0.470 ± 0.057 | +0.020 ± 0.010 | 0.940 ± 0.113 | 0.350 ± 0.212 |  '
        '| 0.200 ± 0.000 |  |  |  |',
        '| from scratch | 1 |  | 0.200 | -0.200 | 0.400 |  |  |  |  |  |  |',
        '| CutMix [P] (somebody, 2019) |  |  | 0.3516 |  |  |  |  |  |  |  |  |',
    ]
    assert f'Failed: `{failed}`.' in text and 'Still to do' not in text and 'Not alike' not in text
    report = json.loads((tmp_path / 'mine/results.json').read_text())
    assert set(report) == {
        *('experiment', 'baseline', 'seeds', 'detectors', 'published', 'cells', 'pretraining'),
    }
    states = {(cell['method'], cell['seed']): cell['state'] for cell in report['cells']}
    assert states.pop(('from scratch', 1)) == 'failed' and set(states.values()) == {'done'}
    assert report['cells'][-1]['message'] == 'exit 1'
    assert [row['method'] for row in report['detectors']['R-CNN']] == list(transfer.methods)
    ours = report['detectors']['R-CNN'][1]
    assert ours['gain']['values'] == pytest.approx([0.03, 0.01]) and ours['seeds'] == [0, 1]
    assert ours['metrics']['mAP 50']['values'] == [0.86, 1.02] and ours['top1']['values'] == [90.0, 91.0]
    assert {entry['state'] for entry in report['pretraining']} == {'done'} and len(report['pretraining']) == 4
    assert is_picture(tmp_path / 'mine/r_cnn.png')


@pytest.mark.parametrize('nothing', [float('nan'), None])
def test_a_transfer_of_a_metric_that_has_no_value_somewhere(transfer, tmp_path, nothing):
    results = {
        cell.name: {
            'coco/bbox_mAP': nothing if cell.method == 'MultiMix' else 0.5,
            'coco/bbox_mAP_50': nothing,
        }
        for cell in transfer.cells()
    }
    done = {name: {**result, 'seconds': 1.0} for name, result in results.items()}
    lines = table_of(write_transfer(tmp_path, transfer, done, {}))
    for method in ('cross-entropy', 'MultiMix', 'from scratch'):
        (line,) = (line for line in lines if line.startswith(f'| {method} '))
        assert ('0.500 ± 0.000' in line) == (method != 'MultiMix')
    assert is_picture(tmp_path / 'mine/r_cnn.png')


def test_a_transfer_table_before_the_baseline_is_there(transfer, tmp_path):
    text = write_transfer(tmp_path, transfer, {}, {})
    assert 'No cell is done yet.' in text and 'Still to do: 10 runs.' in text
    assert len(table_of(text)) == 2 and not list(tmp_path.rglob('*.png'))
    cell = next(cell for cell in transfer.cells() if (cell.method, cell.seed) == ('MultiMix', 1))
    # A metric that a run did not give; the backbone's result is missing as well.
    text = write_transfer(
        tmp_path, transfer, {cell.name: {'coco/bbox_mAP': 0.5, 'seconds': 1.0}}, {}, draw=False
    )
    assert '| MultiMix | 1 |  | 0.500 |  |  |  |  |  |  |' in text and not list(tmp_path.rglob('*.png'))


def test_runs_of_different_numbers_of_processes_are_told_apart(transfer, tmp_path):
    names = [cell.name for cell in transfer.cells()][:2]
    results = {name: {'coco/bbox_mAP': 0.5, 'seconds': 3.0, 'processes': [1]} for name in names}
    assert 'Not alike' not in write_transfer(tmp_path, transfer, results, {}, draw=False)
    results[names[1]]['processes'] = [8]
    assert 'Not alike: runs had 1, 8 processes' in write_transfer(tmp_path, transfer, results, {}, draw=False)


@pytest.mark.parametrize('kind', ['sweep', 'comparison'])
def test_other_tables_tell_numbers_of_processes_apart_too(kind, sweep, comparison, tmp_path):
    experiment, write = {'sweep': (sweep, write_sweep), 'comparison': (comparison, write_comparison)}[kind]
    first, *others = (cell.name for cell in experiment.cells())
    done = {**result('slow', 5.0, 0.02, bins((1, 0.5, 0.5), (1, 0.5, 0.5)), 80.0), 'mAP': 0.5}
    results = {name: {**done, 'processes': [1]} for name in (first, *others)}
    assert 'Not alike' not in write(tmp_path, experiment, results, {}, draw=False)
    results[first]['processes'] = [1, 8]
    assert 'Not alike: runs had 1, 8 processes' in write(tmp_path, experiment, results, {}, draw=False)


def test_errors_under_corruptions_have_a_column(comparison, tmp_path):
    names = [cell.name for cell in comparison.cells()]
    done = result('slow', 5.0, 0.02, bins((1, 0.5, 0.5), (1, 0.5, 0.5)), 80.0)
    results = {name: {**done, 'corruptions': 40.0 + i} for i, name in enumerate(names[:1])}
    text = write_comparison(tmp_path, comparison, results, {}, draw=False)
    assert '| method | error under corruptions, % | OOD AUROC, % |' in text and '| 40.0 | 80.0 |' in text


@pytest.fixture
def comparison(tmp_path):
    """Two methods with two candidates each, one number of images, two seeds."""
    path = experiment_file(
        tmp_path,
        methods={
            'cross-entropy': dict(
                config=str(PRETRAIN / 'resnet_tiny_digits_ce.py'),
                candidates={'recipe': {}, 'slow': {'optim_wrapper.optimizer.lr': 0.01}},
            ),
            'MultiMix': dict(
                config=str(PRETRAIN / 'resnet_tiny_digits_multimix.py'),
                candidates={'short': {}, 'long': {'model.head.multimix.alpha': (0.5, 2.0)}},
            ),
        },
        images_per_class=(10,),
        seeds=2,
        tuning=dict(images_per_class=10, validation=(60, 70), seeds=(100, 101)),
    )
    return load_comparison(path)


@pytest.mark.parametrize(
    'values, more_is_better, expected',
    [
        # The standard deviation of (v - s, v + s) is s times the root of 2. Lead 1, spreads 0.707 and 0.141.
        (dict(a=[1.5, 2.5], b=[2.9, 3.1]), False, {'a'}),
        (dict(a=[1.5, 2.5], b=[2.9, 3.1]), True, {'b'}),
        # Lead 1, spread of the second 1.41: it may be chance.
        (dict(a=[1.9, 2.1], b=[2.0, 4.0]), False, set()),
        # The third does not matter, however far or wide.
        (dict(a=[2.0, 2.2], b=[3.0, 3.2], c=[0.0, 90.0]), False, {'a'}),
        # A single seed has no spread to lead by, a single method nobody to lead.
        (dict(a=[2.0], b=[3.0]), False, set()),
        (dict(a=[2.0, 2.1]), False, set()),
        # A lead as large as the spread is not larger: 2 against 2, in numbers that are exact.
        (dict(a=[0.0, 2.0, 4.0], b=[4.0, 4.0, 4.0]), False, set()),
    ],
)
def test_who_leads_by_more_than_the_spread(values, more_is_better, expected):
    rows = [{'method': name, 'measures': {'x': summarise(series)}} for name, series in values.items()]
    rows.append({'method': 'not measured', 'measures': {'x': None}})
    assert leaders(rows, 'x', more_is_better) == expected


def result(candidate, error, ece, bins, auroc):
    measured = {'error': error, 'error_best': error - 0.5, 'ece': ece, 'nll': 0.1, 'ood': auroc}
    return {'candidate': candidate, **measured, 'alignment': None, 'bins': bins, 'seconds': 1.0}


def bins(low, high):
    """Two bins of `(images, confidence, accuracy)`."""
    return [
        {'from': i / 2, 'to': (i + 1) / 2, 'images': n, 'confidence': c, 'accuracy': a}
        for i, (n, c, a) in enumerate((low, high))
    ]


def test_a_comparison_table_is_that_of_its_results(comparison, tmp_path):
    results = {
        trial.name: {'error': 2.0 if trial.candidate in ('slow', 'short') else 3.0, 'nll': 0.2}
        for trial in comparison.trials()
    }
    first, second = bins((0, 0.0, 0.0), (10, 0.9, 1.0)), bins((4, 0.4, 0.5), (30, 0.8, 0.6))
    finals = {
        ('cross-entropy', 0): result('slow', 5.0, 0.02, first, 80.0),
        ('cross-entropy', 1): result('slow', 6.0, 0.04, second, 90.0),
        ('MultiMix', 0): result('short', 3.0, 0.02, first, 85.0),
        ('MultiMix', 1): result('short', 3.4, 0.03, first, 86.0),
    }
    for cell in comparison.cells():
        results[cell.name] = finals[cell.method.name, cell.seed]
    cost = {
        'baseline': 'cross-entropy',
        'repetitions': 5,
        'machine': {'device': 'a CPU', 'threads': 1},
        'methods': {
            'cross-entropy': {'candidate': 'slow', 'time': 1.0, 'memory': 1.0},
            'MultiMix': {'candidate': 'long', 'time': 9.0, 'memory': 9.0},  # not the one that was chosen
        },
    }
    (tmp_path / 'cost.json').write_text(json.dumps(cost))
    text = write_comparison(tmp_path, comparison, results, {'other': 'exit 1'})
    assert text == (tmp_path / 'table.md').read_text()
    assert table_of(text) == [
        '| method | seeds | error, % | change | at the best epoch, % | ECE | change | NLL | change '
        '| time | memory | chosen |',
        '| cross-entropy | 2 | 5.50 ± 0.71 |  | 5.00 ± 0.71 | 0.030 ± 0.014 |  | 0.100 ± 0.000 |  '
        '| 1.00x | 1.00x | slow |',
        # -2 and -2.6, 0 and -0.01 seed by seed.
        '| MultiMix | 2 | **3.20 ± 0.28** | -2.30 ± 0.30 | **2.70 ± 0.28** | 0.025 ± 0.007 '
        '| -0.005 ± 0.005 | 0.100 ± 0.000 | +0.000 ± 0.000 |  |  | short |',
        '| method | OOD AUROC, % |',
        '| cross-entropy | 85.0 ± 7.1 |',
        '| MultiMix | 85.5 ± 0.7 |',
    ]
    assert 'relative to cross-entropy: median of 5 interleaved repetitions' in text and 'Failed' not in text
    report = json.loads((tmp_path / 'results.json').read_text())
    assert set(report) == {'experiment', 'baseline', 'seeds', 'chosen', 'rows', 'cost', 'tuning', 'final'}
    assert report['chosen'] == {
        name: choice(comparison, method, results) for name, method in comparison.methods.items()
    }
    row = report['rows'][0]
    assert set(row['measures']) == set(COLUMNS) and row['measures']['alignment'] is None
    # Both seeds as one set: 4 images at 0.4; of 40, 10 at 0.9 and 30 at 0.8, 10 and 18 of them right.
    assert [entry['images'] for entry in row['bins']] == [4, 40]
    assert [(entry['from'], entry['to']) for entry in row['bins']] == [(0.0, 0.5), (0.5, 1.0)]
    found = [entry[key] for entry in row['bins'] for key in ('confidence', 'accuracy')]
    assert found == pytest.approx([0.4, 0.5, 0.825, 0.7])
    # Nobody was in the lower bin of the other method: no division by zero.
    assert [entry['images'] for entry in report['rows'][1]['bins']] == [0, 20]
    assert {cell['state'] for cell in report['final'] + report['tuning']} == {'done'}
    assert not any('bins' in cell for cell in report['final'])
    for name in ('methods', 'error_against_ece', 'reliability_100'):
        assert is_picture(tmp_path / f'{name}.png')


@pytest.mark.parametrize(
    ('method', 'options', 'shown'),
    [
        ('MultiMix', {}, ['1.00x', '2.50x']),
        ('MultiMix', {'model.backbone.base_channels': 8}, ['1.00x', '']),
        ('cross-entropy', {'model.backbone.base_channels': 8}, ['', '']),  # to which the other is relative
    ],
)
def test_the_cost_of_what_has_been_edited_is_not_shown(comparison, tmp_path, method, options, shown):
    chosen = {'cross-entropy': 'slow', 'MultiMix': 'short'}
    methods = {
        name: {'candidate': candidate, 'of': step_of(comparison, comparison.methods[name], candidate)}
        for name, candidate in chosen.items()
    }
    methods['cross-entropy'] |= {'time': 1.0, 'memory': 1.0}
    methods['MultiMix'] |= {'time': 2.5, 'memory': 2.5}
    machine = {'device': 'a CPU', 'threads': 1}
    cost = {'baseline': 'cross-entropy', 'repetitions': 5, 'machine': machine, 'methods': methods}
    (tmp_path / 'cost.json').write_text(json.dumps(cost))
    results = {
        cell.name: {'candidate': chosen[cell.method.name], 'error': 5.0, 'nll': 0.1, 'seconds': 1.0}
        for cell in comparison.cells()
    }
    for candidate in comparison.methods[method].candidates.values():
        candidate.update(options)
    text = write_comparison(tmp_path, comparison, results, {}, draw=False)
    assert [line.split(' | ')[-3].strip() for line in table_of(text)[1:]] == shown


def test_a_comparison_of_nothing_and_of_failures(comparison, tmp_path):
    failed = comparison.cells()[0].name
    text = write_comparison(tmp_path, comparison, {}, {failed: 'exit 1'})
    assert 'Nothing is done yet.' in text
    assert text.endswith(f'\nFailed: `{failed}`.\n\nStill to do: 11 runs.\n')
    report = json.loads((tmp_path / 'results.json').read_text())
    assert report['final'][0]['state'] == 'failed' and report['final'][0]['message'] == 'exit 1'
    assert report['final'][1]['state'] == 'to do' and not list(tmp_path.glob('*.png'))


def test_a_comparison_without_calibration_draws_the_errors_alone(comparison, tmp_path):
    results = {comparison.cells()[0].name: {'candidate': 'slow', 'error': 5.0, 'nll': 0.1, 'seconds': 1.0}}
    assert '| cross-entropy | 1 | 5.00 |  | 0.100 |  | slow |' in write_comparison(
        tmp_path, comparison, results, {}
    )
    assert [path.name for path in tmp_path.glob('*.png')] == ['methods.png']


def test_a_comparison_draws_the_methods_that_have_results(comparison, tmp_path):
    result = {'candidate': 'slow', 'error': 5.0, 'nll': 0.1, 'seconds': 1.0}
    by_method = {cell.method.name: cell.name for cell in comparison.cells()}
    heights = []
    for methods in (['MultiMix'], ['cross-entropy', 'MultiMix']):
        write_comparison(tmp_path, comparison, {by_method[name]: result for name in methods}, {})
        with Image.open(tmp_path / 'methods.png') as picture:
            heights.append(picture.height)
    assert heights[0] < heights[1]


@pytest.fixture
def sweep():
    """Three settings with 50 and 25 images, two seeds."""
    cells = [
        SimpleNamespace(name=f'{setting}/{images}/{seed}', setting=setting, images=images, seed=seed)
        for seed in range(2)
        for images in (50, 25)
        for setting in ('plain', 'all', 'odd')
    ]
    return SimpleNamespace(
        metric='mAP',
        settings=['plain', 'all', 'odd'],
        images=[50, 25],
        detector='x.py',
        measures=Measures(calibration=False),
        cells=lambda: cells,
    )


def test_a_sweep_table_has_gains_over_the_first_setting(sweep, tmp_path):
    values = {'plain/50/0': 0.3, 'plain/50/1': 0.5, 'all/50/0': 0.4, 'all/50/1': 0.8, 'all/25/1': 0.2}
    results = {name: {'mAP': value, 'seconds': 1.0} for name, value in values.items()}
    text = write_sweep(tmp_path, sweep, results, {'odd/25/0': 'exit 1'})
    assert text == (tmp_path / 'table.md').read_text()
    assert text.startswith('mAP: mean ± standard deviation over seeds, on the test set; gain over "plain"')
    # Deviations: 0.2 and 0.4 by the root of 2. Gains 0.1 and 0.3: the error is half their distance.
    assert table_of(text) == [
        '| setting | seeds | mAP | gain |',
        '| all | 1 | 0.200 |  |',
        '| setting | seeds | mAP | gain |',
        '| plain | 2 | 0.400 ± 0.141 |  |',
        '| all | 2 | 0.600 ± 0.283 | +0.200 ± 0.100 |',
    ]
    assert text.index('## 25 training images') < text.index('## 50 training images')
    assert text.endswith('\nFailed: `odd/25/0`.\n\nStill to do: 6 runs.\n')
    report = json.loads((tmp_path / 'results.json').read_text())
    assert set(report) == {'metric', 'rows', 'cells'}
    places = [(row['images'], row['setting']) for row in report['rows']]
    assert places == [(50, 'plain'), (50, 'all'), (25, 'all')]
    assert report['rows'][1] == {
        'setting': 'all',
        'images': 50,
        'seeds': [0, 1],
        'values': [0.4, 0.8],
        'mean': pytest.approx(0.6),
        'std': pytest.approx(0.4 / 2**0.5),
        'gains': pytest.approx([0.1, 0.3]),
        'gain': pytest.approx(0.2),
        'gain_error': pytest.approx(0.1),
        'measures': {},
    }
    assert report['rows'][2]['gains'] == [] and report['rows'][2]['gain'] is None
    states = [cell['state'] for cell in report['cells']]
    assert (states.count('done'), states.count('failed'), states.count('to do')) == (5, 1, 6)
    assert is_picture(tmp_path / 'changes.png')


@pytest.mark.parametrize('nothing', [float('nan'), None])
@pytest.mark.parametrize('rows', [('plain',), ('all',), ('plain', 'all')])
def test_a_sweep_of_a_metric_that_has_no_value_somewhere(sweep, tmp_path, nothing, rows):
    """mmdet's precision of a class without an object is NaN."""
    results = {
        f'{setting}/50/{seed}': {'mAP': nothing if setting in rows else 0.5, 'seconds': 1.0}
        for setting in ('plain', 'all')
        for seed in range(2)
    }
    lines = table_of(write_sweep(tmp_path, sweep, results, {}))
    for setting in ('plain', 'all'):
        (line,) = (line for line in lines if line.startswith(f'| {setting} '))
        metric, gain = (field.strip() for field in line.split('|')[3:5])
        assert metric == ('' if setting in rows else '0.500 ± 0.000')
        assert gain == ('' if setting == 'plain' or rows else '+0.000 ± 0.000')


def test_a_sweep_of_nothing(sweep, tmp_path):
    text = write_sweep(tmp_path, sweep, {}, {})
    assert table_of(text) == [] and text.count('No cell is done yet.') == 2
    assert 'Still to do: 12 runs.' in text and not list(tmp_path.glob('*.png'))


def measured(d_ece, laece, **more):
    return {'mAP': 0.5, 'd_ece': d_ece, 'laece': laece, 'nll': 0.5, **more, 'seconds': 1.0}


def test_a_sweep_table_has_the_changes_of_every_measure(sweep, tmp_path):
    results = {
        'plain/50/0': measured(0.20, 0.30, mpc=0.2),
        'plain/50/1': measured(0.30, 0.30, mpc=0.2),
        'all/50/0': measured(0.10, 0.2998, mpc=0.3),
        'all/50/1': measured(0.24, 0.2998, mpc=0.3),
        'odd/50/0': measured(None, 0.25, mpc=0.1),  # it was sure of nothing
    }
    sweep.measures = Measures()
    text = write_sweep(tmp_path, sweep, results, {})
    # Pairs of D-ECE differ by -0.1 and -0.06: the error is half the distance of these. What is left of -0.0002 is no
    # negative zero.
    assert table_of(text) == [
        '| setting | seeds | mAP | gain | D-ECE | change | LaECE | change | NLL | change |',
        '| plain | 2 | 0.500 ± 0.000 |  | 0.250 ± 0.071 |  | 0.300 ± 0.000 |  | 0.500 ± 0.000 |  |',
        '| all | 2 | 0.500 ± 0.000 | +0.000 ± 0.000 | 0.170 ± 0.099 | -0.080 ± 0.020 | 0.300 ± 0.000 '
        '| +0.000 ± 0.000 | 0.500 ± 0.000 | +0.000 ± 0.000 |',
        '| odd | 1 | 0.500 | +0.000 |  |  | 0.250 | -0.050 | 0.500 | +0.000 |',
    ]
    assert 'D-ECE, LaECE and NLL are errors: less is better.' in text and 'mPC' not in text
    rows = json.loads((tmp_path / 'results.json').read_text())['rows']
    assert rows[1]['measures']['D-ECE']['values'] == [0.10, 0.24]
    assert rows[1]['measures']['D-ECE']['change']['values'] == pytest.approx([-0.1, -0.06])
    assert rows[2]['measures']['D-ECE'] is None

    sweep.measures = Measures(calibration=False, post_hoc=True)
    for name, value in (('plain/50/0', 0.2), ('all/50/0', 0.1)):
        results[name]['laece_isotonic'] = value
    text = write_sweep(tmp_path, sweep, results, {})
    assert (
        '| D-ECE, temperature | change | LaECE, temperature | change | D-ECE, isotonic | change | LaECE,'
        in text
    )
    assert table_of(text)[2].endswith('|  |  | 0.100 | -0.100 |')

    sweep.measures = Measures(calibration=False, robustness=True, severities=(1, 5), images=40)
    text = write_sweep(tmp_path, sweep, results, {})
    assert (
        table_of(text)[2] == '| all | 2 | 0.500 ± 0.000 | +0.000 ± 0.000 | 0.300 ± 0.000 | +0.100 ± 0.000 |'
    )
    assert 'under 15 corruptions at 2 of 5 severities, of 40 test images.' in text and 'LaECE' not in text
