import argparse
import json

from experiments.benchmark import measures, ops, step
from mmdet_multimix.evaluation.detection import measure_files


def arguments(module, *given):
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args(given)


def is_picture(path):
    return path.read_bytes()[:4] == b'\x89PNG'


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


def test_measures_of_a_detector(tmp_path, capsys):
    given = ('--images', '60', '--detections', '40', '--out', str(tmp_path))
    measures.run(arguments(measures, *given))
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
