"""Every method as users run it: trained, stopped, resumed, evaluated, exported, and loaded by a detector."""

from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdet_multimix.checkpoints import publish_backbone, read_checkpoint
from mmdet_multimix.evaluation.pixel_classifier import load_classifier

ROOT = Path(__file__).parents[2]
METHODS = [
    path.stem.removeprefix('resnet_tiny_digits_') for path in ROOT.glob('configs/pretrain/*_digits_*.py')
]
# One of each way to draw random numbers: an unbroken run must draw those of the resumed one.
DRAWS = ('cutmix_k5', 'alignmixup', 'dense_multimix_distill')


def config(method, work_dir, epochs, **changes):
    """A shipped config on 100 small images, two iterations an epoch."""
    cfg = Config.fromfile(ROOT / 'configs' / 'pretrain' / f'resnet_tiny_digits_{method}.py')
    for loader, split in ((cfg.train_dataloader, (0, 10)), (cfg.val_dataloader, (0, 3))):
        loader.dataset.per_class = split
        loader.dataset.transforms = [dict(type='Resize', size=32, interpolation='bilinear')]
    cfg.test_dataloader = cfg.val_dataloader
    cfg.train_cfg.max_epochs = epochs
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'{Path(work_dir).parent.name}_{Path(work_dir).name}_{epochs}'
    cfg.merge_from_dict(changes)
    return cfg


def train(*args, **changes):
    runner = Runner.from_cfg(config(*args, **changes))
    runner.train()
    return runner


def assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(
            actual[key], value, rtol=1e-5, atol=1e-6, msg=lambda m, key=key: f'{key}: {m}'
        )


@pytest.fixture(autouse=True)
def quick_dumps(monkeypatch):
    """mmengine formats the config seven times a run, which takes longer than these runs."""
    monkeypatch.setattr(Config, 'pretty_text', property(lambda cfg: cfg.text))


class Tested(Hook):
    """The weights that are tested."""

    def after_test_iter(self, runner, *args, **kwargs):
        self.state = {k: v.clone() for k, v in runner.model.state_dict().items()}


class Remember(Hook):
    """The weights after each iteration."""

    priority = 'LOWEST'

    def __init__(self):
        self.states = []

    def after_train_iter(self, runner, *args, **kwargs):
        self.states.append({k: v.clone() for k, v in runner.model.state_dict().items()})


@pytest.mark.parametrize('method', sorted(METHODS))
def test_method_from_training_to_a_detector(method, tmp_path):
    train(method, tmp_path / 'broken', 1)
    train(method, tmp_path / 'broken', 2, resume=True)
    resumed = read_checkpoint(tmp_path / 'broken' / 'epoch_2.pth')
    if method in DRAWS:
        train(method, tmp_path / 'straight', 2)
        straight = read_checkpoint(tmp_path / 'straight' / 'epoch_2.pth')
        assert_same(resumed['state_dict'], straight['state_dict'])

    cfg = config(method, tmp_path / 'test', 1, load_from=str(tmp_path / 'broken' / 'epoch_2.pth'))
    metrics = Runner.from_cfg(cfg).test()
    assert 0 <= metrics['accuracy/top1'] <= 100

    backbone = tmp_path / 'backbone.pth'
    publish_backbone(tmp_path / 'broken' / 'epoch_2.pth', backbone)
    detector = Config.fromfile(ROOT / 'configs' / 'detection' / 'faster_rcnn_tiny_digits.py').model
    detector.backbone.init_cfg = dict(type='MultiMixPretrained', checkpoint=str(backbone))
    detector = MODELS.build(detector)
    detector.init_weights()
    trained = {k[9:]: v for k, v in resumed['state_dict'].items() if k.startswith('backbone.')}
    assert_same(detector.backbone.state_dict(), trained)


@pytest.mark.parametrize('evaluate', ['teacher', 'student'])
def test_teacher_or_student_is_evaluated_exported_and_resumed(evaluate, tmp_path):
    """The teacher against the average of the student's weights after each iteration, computed here."""
    momentum = 0.3

    def run(work_dir, epochs, **changes):
        options = {
            'default_hooks.distillation.momentum': momentum,
            'default_hooks.distillation.evaluate': evaluate,
        }
        runner = Runner.from_cfg(config('multimix_distill', work_dir, epochs, **options, **changes))
        after_each = Remember()
        runner.register_hook(after_each)
        runner.train()
        return runner, after_each.states

    runner, students = run(tmp_path / 'straight', 2)
    assert len(students) == 4
    teacher = students[0]  # mmengine's average starts there
    for student in students[1:]:
        teacher = {
            k: torch.lerp(v, student[k], momentum) if v.is_floating_point() else v for k, v in teacher.items()
        }
    ours = {k: v for k, v in runner.model.method.teacher.state_dict().items() if 'num_batches' not in k}
    assert_same(ours, {k: v for k, v in teacher.items() if 'num_batches' not in k})
    assert not torch.allclose(teacher['head.fc.weight'], students[-1]['head.fc.weight'])
    assert not any('teacher' in key for key in students[-1])

    saved = read_checkpoint(tmp_path / 'straight' / 'epoch_2.pth')
    expected = ours if evaluate == 'teacher' else students[-1]
    assert_same({k: saved['state_dict'][k] for k in ours}, {k: expected[k] for k in ours})

    # Each by its name for tools/evaluate.py, whichever the run evaluated.
    path, cfg = tmp_path / 'straight' / 'epoch_2.pth', config('multimix_distill', tmp_path, 1)
    for asked, model in ((None, expected), ('ema', ours), ('model', students[-1])):
        classifier, facts = load_classifier(cfg, path, asked)
        assert facts['weights'] == (asked or ('ema' if evaluate == 'teacher' else 'model'))
        assert_same({k: classifier.model.state_dict()[k] for k in ours}, {k: model[k] for k in ours})

    # The same runner tests what it has trained.
    tested = Tested()
    runner.register_hook(tested)
    runner.test()
    assert_same({k: tested.state[k] for k in ours}, {k: expected[k] for k in ours})

    run(tmp_path / 'broken', 1)
    resumed, _ = run(tmp_path / 'broken', 2, resume=True)
    theirs = resumed.model.method.teacher.state_dict()
    assert_same({k: theirs[k] for k in ours}, ours)
    again = read_checkpoint(tmp_path / 'broken' / 'epoch_2.pth')
    assert_same(again['state_dict'], saved['state_dict'])


def test_teacher_starts_from_the_weights_that_the_student_starts_from(tmp_path):
    """mmengine copies the model before it initialises it."""
    cfg = config('dense_multimix_distill', tmp_path, 1)
    runner = Runner.from_cfg(cfg)
    seen = []
    loss = runner.model.loss

    def first(*args):
        if not seen:
            seen.extend([runner.model.state_dict(), runner.model.method.teacher.state_dict()])
            seen[:] = [{k: v.clone() for k, v in state.items()} for state in seen]
        return loss(*args)

    runner.model.loss = first
    runner.train()
    assert_same(*seen)


@pytest.mark.parametrize('first', ['teacher', 'student'])
@pytest.mark.parametrize('second', ['teacher', 'student'])
def test_a_resumed_run_may_evaluate_the_other_model(tmp_path, first, second):
    def run(evaluate, epochs, resume):
        options = {
            'default_hooks.distillation.momentum': 0.3,
            'default_hooks.distillation.evaluate': evaluate,
        }
        runner = Runner.from_cfg(config('multimix_distill', tmp_path, epochs, resume=resume, **options))
        started, loss = [], runner.model.loss

        def states():
            models = (runner.model, runner.model.method.teacher)
            return [{key: value.clone() for key, value in model.state_dict().items()} for model in models]

        def noted(*args):
            if not started:
                started.extend(states())
            return loss(*args)

        runner.model.loss = noted
        runner.train()
        return started, states()

    _, saved = run(first, 1, False)
    restored, _ = run(second, 2, True)
    for before, after in zip(saved, restored, strict=True):
        assert_same(before, after)


def test_hook_on_a_model_without_the_method_is_refused(tmp_path):
    cfg = config('multimix', tmp_path, 1)
    cfg.default_hooks.distillation = dict(type='SelfDistillationHook')
    with pytest.raises(
        ValueError, match=r'method=dict\(type=SelfDistillation\), but model.method is NoneType'
    ):
        Runner.from_cfg(cfg).train()
