import argparse
import json

import pandas as pd
import pytest
from cli import call

from experiments.benchmark import measures, ops, report, step
from experiments.benchmark.measure import interleaved, peak_memory, summary
from mmdet_multimix.evaluation.detection import measure_files


def arguments(module, *given):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args(given)


def is_picture(path):
    return path.read_bytes()[:4] == b'\x89PNG'


def hold(size):
    """A step that holds this many bytes, beside what stays of it."""
    return lambda: (bytearray(b'\x01') * size).count(0)


def test_the_peak_is_that_of_the_step_and_of_no_other():
    mebibytes = [peak_memory(hold, (size << 20,), (10,), 'cpu') / 2**20 for size in (96, 32)]
    assert mebibytes == pytest.approx([96, 32], abs=4)


def broken():
    raise ValueError('no such layer')


def test_what_is_wrong_in_the_measuring_process_is_said_here():
    with pytest.raises(ValueError, match='no such layer'):
        peak_memory(broken, (), (), 'cpu')


def test_contestants_take_turns_and_the_first_turns_do_not_count():
    order = []
    steps = {name: lambda name=name: order.append(name) for name in 'ab'}
    times = interleaved(steps, 'cpu', repetitions=3, warmup=2)
    assert order == list('ab') * 5
    assert {name: len(values) for name, values in times.items()} == {'a': 3, 'b': 3}
    # Of five values the quartiles are the second and the fourth, of one all three are that one.
    assert summary(pd.Series([9.0, 1.0, 3.0, 2.0, 5.0])) == {'median': 3.0, 'q1': 2.0, 'q3': 5.0}
    assert summary(pd.Series([7.0])) == {'median': 7.0, 'q1': 7.0, 'q3': 7.0}


MACHINE = {'device': 'a CPU', 'threads': 2, 'torch': '2.x'}


def cells_of(table):
    """The rows of a Markdown table as lists, without the line of dashes."""
    lines = [line.strip('|').split('|') for line in table.splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line] for line in lines if not set(line[0]) <= {':', '-'}]


def test_tables_of_operations():
    def took(median, q1, q3):
        return {'median': median, 'q1': q1, 'q3': q3, 'memory': 2**20}

    results = {
        'plain': took(0.2, 0.19, 0.23),
        'ours': took(0.05, 0.049, 0.0512),
        'floor': took(0.01, 0.01, 0.01),
    }
    ratios = dict(speedup=4.02, over_floor=5.004, memory_share=0.25)
    rows = [dict(case='dense', mode='fp32', results=results, **ratios)]
    scaling = [dict(n=2000, median=0.3, q1=0.29, q3=0.31, memory=3 << 20, repetitions=5)]
    text = report.ops_tables(dict(machine=MACHINE, rows=rows, scaling=scaling))
    assert text.startswith('a CPU, threads: 2, torch 2.x: median ± interquartile range')
    assert cells_of(text) == [
        ['setting', 'precision', 'plain', 'ours', 'floor', 'plain / ours', 'ours / floor', 'memory'],
        ['dense', 'fp32', '200 ± 40 ms', '50.0 ± 2.2 ms', '10.0 ms', '4.0x', '5.00x', '25% of plain'],
        ['n', 'ours', 'per 1000 tuples', 'extra memory'],
        ['2,000', '300 ± 20 ms', '150.00 ms', '3 MiB'],
    ]
    assert len(cells_of(report.ops_tables(dict(machine=MACHINE, rows=rows, scaling=[])))) == 2


def test_a_table_of_steps():
    about = dict(setting='ResNet-50', batch=8, mode='fp32', q1=1.0, q3=1.5)
    flat, ratios = dict(median=1.0, q1=1.0, q3=1.0), dict(median=1.02, q1=0.99, q3=1.05)
    rows = [
        dict(about, method='plain', median=1.25, ratio=1.0, ratios=flat),
        dict(
            about,
            method='ours',
            median=1.3,
            ratio=1.02,
            ratios=ratios,
            mixing=flat,
            mixing_shares=dict(median=0.015),
        ),
    ]
    assert cells_of(report.step_table(dict(machine=MACHINE, rows=rows)))[1:] == [
        ['ResNet-50', '8', 'fp32', 'plain', '1.250 ± 0.500 s', '+0.0 % (+0.0 to +0.0)', ''],
        ['ResNet-50', '8', 'fp32', 'ours', '1.300 ± 0.500 s', '+2.0 % (-1.0 to +5.0)', '1.50 %'],
    ]


def test_operations(tmp_path, capsys):
    given = ('--cases', 'RoI', '--repetitions', '2', '--no-scaling', '--device', 'cpu')
    ops.run(arguments(ops, *given, '--out', str(tmp_path)))
    result = json.loads((tmp_path / 'ops_cpu.json').read_text())
    (row,) = result['rows']
    assert row['sizes'] == {'b': 1024, 'd': 1024, 'c': 81, 'n': 1000, 'r': None, 'ess': 3}
    assert set(row['results']) == {'plain', 'ours', 'floor'}
    for figures in row['results'].values():
        assert 0 < figures['q1'] <= figures['median'] <= figures['q3'] and figures['memory'] > 0
    assert result['machine']['torch'] and result['machine']['threads']
    assert is_picture(tmp_path / 'ops_cpu.png')
    assert 'RoI' in capsys.readouterr().out


def test_steps(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(step, 'IMAGENET_SIZE', 64)
    monkeypatch.setattr(step, 'COCO_SIZE', (128, 160))
    given = ('--batch', '2', '--images', '1', '--repetitions', '1', '--device', 'cpu')
    step.run(arguments(step, *given, '--out', str(tmp_path)))
    rows = json.loads((tmp_path / 'step_cpu.json').read_text())['rows']
    groups = [list(step.CLASSIFIERS), list(step.DETECTORS)]
    assert [row['method'] for row in rows] == [*groups[0], *groups[1]]
    assert [row['batch'] for row in rows] == [2] * len(groups[0]) + [1] * len(groups[1])
    plain = [row for row in rows if row['method'] in (groups[0][0], groups[1][0])]
    assert all(row['ratio'] == 1 and 'mixing' not in row for row in plain)
    # Of the same step: a part of it, and not nothing.
    assert all(0 < row['mixing']['median'] < row['median'] for row in rows if row not in plain)
    assert is_picture(tmp_path / 'step_cpu.png')
    assert 'Dense MultiMix' in capsys.readouterr().out


def test_measures_of_a_detector(tmp_path, monkeypatch, capsys):
    given = ('--images', '60', '--detections', '40', '--out', tmp_path)
    call(monkeypatch, 'benchmark.py', 'measures', *given)  # which has no --device
    result = json.loads((tmp_path / 'measures_cpu.json').read_text())
    assert (result['images'], result['detections'], result['machine']['torch'] is None) == (60, 40, False)
    assert all(value > 0 for value in result['seconds'].values()) and len(result['seconds']) == 2
    assert '60 images, 40 detections each' in capsys.readouterr().out
    # As a detector's: it finds most objects, and most of its boxes are wrong.
    scene = measures.write_scene(tmp_path, 60, 40, seed=0)
    values = measure_files(*scene).values
    assert 0.05 < values['ap']['mAP_50'] < 0.8 and 0.3 < values['lrp'] < 1 and 0 < values['d_ece'] < 0.5


def test_a_batch_that_does_not_fit_is_halved(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(step, 'IMAGENET_SIZE', 32)
    build = step._build

    def fussy(cfg, args):
        model = build(cfg, args)
        loss = model.loss

        def limited(inputs, labels):
            if len(inputs) > 2:
                raise RuntimeError("can't allocate memory: you tried to allocate 1 bytes")
            return loss(inputs, labels)

        model.loss = limited
        return model

    monkeypatch.setattr(step, '_build', fussy)
    given = ('--batch', '4', '--only', 'classifier', '--repetitions', '1', '--device', 'cpu')
    result = step.run(arguments(step, *given, '--out', str(tmp_path)))
    assert {row['batch'] for row in result['rows']} == {2}
    assert 'batch 4 does not fit, trying 2' in capsys.readouterr().out
