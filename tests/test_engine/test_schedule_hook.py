"""When MultiMix is on, and the scalars that tell what it mixes."""

import itertools

import pytest
import torch
from mmdet.registry import HOOKS, MODELS
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from test_multimix_hook import runner_of
from tiny_detectors import detector
from torch import nn

from mmdet_multimix.engine import MultiMixHook, MultiMixScheduleHook
from mmdet_multimix.engine.hooks.schedule_hook import mixed_numbers
from mmdet_multimix.models import MultiMix
from mmdet_multimix.models.detection import DetectionMultiMix
from mmdet_multimix.models.multimix import mixing_modules


@pytest.mark.parametrize(
    ('arguments', 'factors'),
    [
        (dict(), {0: 1, 7: 1, 1000: 1}),
        (dict(ramp=2), {0: 0, 5: 0.25, 10: 0.5, 20: 1, 500: 1}),
        (dict(ramp=0.5, stop=3), {0: 0, 1: 0.2, 5: 1, 29: 1, 30: 0, 1000: 0}),
        (dict(stop=0.5), {0: 1, 4: 1, 5: 0}),
    ],
)
def test_the_factor_depends_on_the_iteration_alone(arguments, factors):
    hook = MultiMixScheduleHook(**arguments)
    for iteration, factor in factors.items():
        assert hook.factor(iteration / 10) == pytest.approx(factor), iteration


def test_the_schedule_acts_on_all_that_mixes_and_undoes_itself():
    model = nn.ModuleList([MultiMix(loss_weight=2.0, clean_weight=1.0), DetectionMultiMix(loss_weight=0.5)])
    hook = MultiMixScheduleHook(ramp=10, stop=20, by_epoch=False)
    runner = runner_of(model, hook, loop=IterBasedTrainLoop)
    hook.before_train(runner)
    for runner.iter, factor in ((5, 0.5), (12, 1.0), (25, 0.0), (3, 0.3)):
        hook.before_train_iter(runner, 0)
        assert [module.loss_weight for module in model] == pytest.approx([2 * factor, 0.5 * factor])
        weight = runner.message_hub.get_scalar('train/multimix_weight').current()
        assert weight == pytest.approx(1.25 * factor)
    hook.after_train(runner)
    assert [module.loss_weight for module in model] == [2.0, 0.5]


def test_an_end_before_the_ramp_is_refused():
    for kind in ('MultiMixScheduleHook', 'MultiMixHook'):
        with pytest.raises(ValueError, match='stop must come after the ramp'):
            HOOKS.build(dict(type=kind, ramp=2, stop=2))


def test_epochs_of_a_run_that_counts_iterations():
    hook = MultiMixScheduleHook(ramp=1)
    with pytest.raises(ValueError, match='IterBasedTrainLoop counts iterations'):
        hook.before_train(runner_of(MultiMix(), hook, loop=IterBasedTrainLoop))


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)


class Mixing(BaseModel):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 5)
        self.multimix = MultiMix(64, clean_weight=0.5)

    def forward(self, inputs, mode):
        return {'loss': self.multimix(self.fc(torch.stack(inputs)), torch.arange(len(inputs)) % 5)}


def batches_of_16(sampler):
    return dict(
        dataset=[{'inputs': torch.randn(8)} for _ in range(8)],
        sampler=dict(type=sampler),
        batch_size=16,
        drop_last=True,
        collate_fn=pseudo_collate,
    )


def trained(folder, loader, hook, resume_from=None, **train_cfg):
    runner = Runner(
        model=Mixing(),
        load_from=resume_from,
        resume=resume_from is not None,
        work_dir=str(folder),
        train_dataloader=loader,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        train_cfg=train_cfg or dict(by_epoch=False, max_iters=4),
        log_processor=dict(by_epoch=False),
        custom_hooks=[hook],
        # mmengine's logger asks how many batches an epoch has.
        default_hooks=dict(checkpoint=None, logger=None),
        default_scope='mmdet',
        log_level='ERROR',
        experiment_name=folder.name,
    )
    runner.train()
    return runner


@pytest.mark.parametrize(
    ('schedule', 'weights'),
    [(dict(), [1, 1, 1, 1]), (dict(ramp=4, by_epoch=False), [0, 0.25, 0.5, 0.75])],
)
def test_batches_larger_than_an_epoch_are_trained(tmp_path, schedule, weights):
    hook = MultiMixScheduleHook(interval=1, **schedule)
    runner = trained(tmp_path, batches_of_16('InfiniteSampler'), hook)
    assert len(runner.train_dataloader) == 0 and runner.iter == 4
    logged = runner.message_hub.get_scalar('train/multimix_weight').data[0]
    assert logged.tolist() == pytest.approx(weights)


@pytest.mark.parametrize('sampler', ['InfiniteSampler', 'DefaultSampler'])
def test_a_schedule_in_epochs_without_a_length_is_refused_before_training(tmp_path, sampler):
    hook = MultiMixScheduleHook(stop=1)
    with pytest.raises(ValueError, match=r'len\(train_dataloader\) is 0, .* set by_epoch=False'):
        trained(tmp_path, batches_of_16(sampler), hook, by_epoch=True, max_epochs=2)


def test_a_schedule_of_nothing_and_two_schedules():
    hook = MultiMixScheduleHook()
    with pytest.raises(ValueError, match='nothing to schedule'):
        hook.before_train(runner_of(nn.Linear(1, 1), hook))
    hooks = MultiMixScheduleHook(ramp=1), MultiMixHook(stop=2)
    for hook in hooks:
        with pytest.raises(ValueError, match='two hooks'):
            MultiMixScheduleHook.before_train(hook, runner_of(MultiMix(), *hooks))


@pytest.mark.parametrize(
    ('hooks', 'acting'),
    [
        ((MultiMixScheduleHook(), MultiMixScheduleHook(ramp=10, by_epoch=False)), 1),
        ((MultiMixScheduleHook(stop=20, by_epoch=False), MultiMixScheduleHook()), 0),
        ((MultiMixScheduleHook(), MultiMixHook()), 1),
        ((MultiMixScheduleHook(), MultiMixScheduleHook()), 0),
    ],
)
def test_a_hook_without_a_schedule_yields_to_another(hooks, acting):
    model = MultiMix(loss_weight=2.0, clean_weight=1.0)
    runner = runner_of(model, *hooks, loop=IterBasedTrainLoop)
    for hook in hooks:
        MultiMixScheduleHook.before_train(hook, runner)
    assert [bool(hook._weights) for hook in hooks] == [i == acting for i in range(2)]
    runner.iter = 5
    for hook in hooks:
        MultiMixScheduleHook.before_train_iter(hook, runner, 0)
        MultiMixScheduleHook.after_train_iter(hook, runner, 0)
    assert model.loss_weight == pytest.approx(2.0 * hooks[acting].factor(5))
    for hook in hooks:
        hook.after_train(runner)
    assert model.loss_weight == 2.0


@pytest.mark.parametrize('first', [0, 1])
@pytest.mark.parametrize('mixing', [(), (0,)])
def test_a_schedule_of_another_hook_acts_on_what_this_one_adds(first, mixing):
    """mmengine calls default hooks before custom ones, here those of this package's configs."""
    model = detector('cascade_rcnn')
    for stage in mixing:  # a head that mixes by itself
        model.roi_head.bbox_head[stage].fc_cls.multimix = DetectionMultiMix(loss_weight=0.5)
    hooks = [MultiMixScheduleHook(stop=20, by_epoch=False, interval=1000), MultiMixHook(loss_weight=0.5)]
    runner = runner_of(model, *hooks, loop=IterBasedTrainLoop)
    for hook in (hooks[first], hooks[1 - first]):
        hook.before_train(runner)
    for runner.iter, weight in ((0, 0.5), (19, 0.5), (20, 0.0)):
        for hook in hooks:
            hook.before_train_iter(runner, 0)
        found = [module.loss_weight for module in mixing_modules(model).values()]
        assert found == [weight] * (3 + len(mixing))
        assert runner.message_hub.get_scalar('train/multimix_weight').current() == weight
    choosing = [module for module in model.modules() if isinstance(module, DetectionMultiMix)]
    assert sorted(module.draws.stream for module in choosing) == list(range(len(choosing)))
    for hook in hooks:
        hook.after_train(runner)
    assert len(mixing_modules(model)) == len(mixing)


def test_a_teacher_is_neither_scheduled_nor_in_the_means():
    model = nn.ModuleDict({'student': MultiMix(loss_weight=2.0), 'teacher': MultiMix(loss_weight=2.0)})
    hook = MultiMixScheduleHook(interval=1)
    runner = runner_of(model, hook)
    hook.before_train(runner)
    hook.before_train_iter(runner, 0)
    model['student'].losses(torch.randn(8, 3), torch.arange(8) % 3)
    hook.after_train_iter(runner, 0)
    assert runner.message_hub.get_scalar('train/multimix_examples').current() == 8


@pytest.mark.parametrize(
    ('alpha', 'examples', 'classes'),
    # Of b equal weights b examples; of one large one, one. Classes: 8 of 0, 2 of 1, 2 of the background.
    [(1e4, 12.0, 144 / 72), (1e-3, 1.0, 1.0)],
)
def test_effective_numbers_in_the_limits(alpha, examples, classes):
    module = DetectionMultiMix(alpha=alpha, among='all')
    labels = torch.tensor([0] * 8 + [1] * 2 + [3] * 2)
    module.losses(torch.randn(12, 4), labels)
    state = torch.get_rng_state()
    numbers = mixed_numbers(module)
    assert torch.equal(state, torch.get_rng_state())
    assert numbers['examples'] == 12
    assert float(numbers['examples_per_tuple']) == pytest.approx(examples, rel=0.02)
    assert float(numbers['classes_per_tuple']) == pytest.approx(classes, rel=0.02)


@pytest.mark.parametrize('soft', [False, True])
def test_numbers_do_not_depend_on_the_defaults_of_torch(soft):
    """Some programs compute in float64, or make all tensors where they train."""
    module = DetectionMultiMix(alpha=1.0)
    labels = torch.eye(4)[torch.arange(12) % 4] if soft else torch.arange(12) % 4
    module.losses(torch.randn(12, 4), labels)
    wanted = mixed_numbers(module)
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device('meta'):
            assert mixed_numbers(module) == wanted
    finally:
        torch.set_default_dtype(torch.float32)


def test_numbers_of_nothing():
    module = DetectionMultiMix(among='foreground')
    assert set(mixed_numbers(module).values()) == {0.0}
    module.losses(torch.randn(3, 4), torch.full((3,), 3))
    assert set(mixed_numbers(module).values()) == {0.0}


class Classifier(nn.Module):
    """Mixes a batch of random embeddings, as a head in training does."""

    def __init__(self, **strength):
        super().__init__()
        self.fc = nn.Linear(8, 5)
        nn.init.normal_(self.fc.weight, std=0.01)
        self.multimix = MultiMix(2000, **strength)

    def step(self):
        return self.multimix(self.fc(torch.randn(64, 8)), torch.randint(5, (64,)))


def logged_signals(strength, iterations=8, epoch=4):
    model, hook = Classifier(**strength), MultiMixScheduleHook(interval=2)
    runner = runner_of(model, hook)
    runner.train_dataloader = range(epoch)
    hook.before_train(runner)
    signals = []
    for runner.iter in range(iterations):
        hook.before_train_iter(runner, 0)
        model.step()
        hook.after_train_iter(runner, 0)
        if (runner.iter + 1) % 2 == 0:
            signals.append(runner.message_hub.get_scalar('train/multimix_signal').current())
    hook.after_train(runner)
    assert not model.multimix.watched
    return signals, runner


def test_the_signal_of_a_classifier_is_logged():
    signals, runner = logged_signals(dict(ess=3))
    assert len(signals) == 4 and all(abs(signal - 20.333 / 63) < 0.05 for signal in signals)
    assert runner.message_hub.get_scalar('train/multimix_examples').current() == 64
    assert 2 < runner.message_hub.get_scalar('train/multimix_examples_per_tuple').current() < 6


def test_a_faint_signal_is_warned_of_once(caplog):
    with caplog.at_level('WARNING'):
        signals, _ = logged_signals(dict(alpha=3.0), iterations=12)
    assert max(signals) < 0.01
    warnings = [record.getMessage() for record in caplog.records if 'multimix_signal' in record.getMessage()]
    assert len(warnings) == 1 and 'With ess=3.2' in warnings[0]
    with caplog.at_level('WARNING'):
        caplog.clear()
        logged_signals(dict(ess=60), iterations=12)
    assert 'multimix_signal stayed below' in caplog.text
    assert 'alpha' not in caplog.text  # which nobody has set
    with caplog.at_level('WARNING'):
        caplog.clear()
        logged_signals(dict(ess=3))
        assert not [record for record in caplog.records if 'multimix_signal' in record.getMessage()]


def classifier(clean_weight):
    return MODELS.build(
        dict(
            type='ImageClassifier',
            backbone=dict(type='ResNet', depth=18, base_channels=4, norm_eval=False),
            head=dict(
                type='MultiMixHead',
                num_classes=5,
                in_channels=32,
                multimix=dict(n=8, clean_weight=clean_weight),
            ),
        )
    )


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize(
    ('model', 'stop', 'fault'),
    [
        (lambda: classifier(0.0), 5, True),
        (lambda: classifier(0.0), 10, False),  # which the run does not reach
        (lambda: classifier(0.0), None, False),  # a ramp starts from nothing, as a warm-up does
        (lambda: classifier(0.5), 5, False),
        (lambda: nn.ModuleList([MultiMix()]), 5, False),  # somebody's own may have other losses
    ],
)
def test_a_classifier_is_not_left_without_a_loss(model, stop, fault, by_epoch):
    model, hook = model(), MultiMixScheduleHook(ramp=2, stop=stop, by_epoch=by_epoch)
    runner = runner_of(model, hook, loop=EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop)
    runner.train_loop._max_epochs = runner.train_loop._max_iters = 10
    if fault:
        with pytest.raises(
            ValueError, match='stop=5 ends the only loss of the classifier: give its MultiMix'
        ):
            hook.before_train(runner)
    else:
        hook.before_train(runner)


def test_a_weight_that_is_set_between_two_runs_stays():
    model, hook = nn.ModuleList([MultiMix()]), MultiMixScheduleHook(stop=2, by_epoch=False)
    runner = runner_of(model, hook, loop=IterBasedTrainLoop)
    runner.train_loop._max_iters = 4
    hook.before_train(runner)
    runner.iter = 3
    hook.before_train_iter(runner, 0)
    hook.after_train(runner)
    assert model[0].loss_weight == 1
    model[0].loss_weight = 0.0  # as it was last
    hook = MultiMixScheduleHook()
    hook.before_train(runner_of(model, hook))
    assert hook._weights == [(model[0], 0.0)]


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_a_schedule_in_epochs_goes_on_with_batches_of_another_size(tmp_path, batch_size):
    def loader(size):
        return {**batches_of_16('DefaultSampler'), 'batch_size': size, 'drop_last': False}

    hook = dict(type='MultiMixScheduleHook', ramp=1, stop=4)
    first = trained(tmp_path / 'a', loader(2), hook, by_epoch=True, max_epochs=2)
    first.save_checkpoint(str(tmp_path), 'epoch_2.pth', meta=dict(epoch=2, iter=8), by_epoch=True)
    second = trained(
        tmp_path / 'b',
        loader(batch_size),
        hook,
        by_epoch=True,
        max_epochs=6,
        resume_from=str(tmp_path / 'epoch_2.pth'),
    )
    iterations = 8 // batch_size
    weights = second.message_hub.get_scalar('train/multimix_weight').data[0]
    assert weights[-4 * iterations :].tolist() == [1] * 2 * iterations + [0] * 2 * iterations


class EndlessSampler:
    def __init__(self, dataset, **options):
        self.length = len(dataset)

    def __iter__(self):
        return itertools.cycle(range(self.length))


def test_a_sampler_without_a_length_is_trained(tmp_path):
    loader = {**batches_of_16('InfiniteSampler'), 'sampler': dict(type=EndlessSampler)}
    runner = trained(tmp_path, loader, dict(type='MultiMixScheduleHook', interval=1))
    assert runner.iter == 4 and len(runner.message_hub.get_scalar('train/multimix_signal').data[0]) == 4
