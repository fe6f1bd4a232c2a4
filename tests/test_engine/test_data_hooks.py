import random
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler, InfiniteSampler, worker_init_fn
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from mmdet_multimix.datasets import ClsDataset
from mmdet_multimix.engine import CheckClassesHook, EpochSeedHook, IterSeedHook, MissedValidationHook
from mmdet_multimix.evaluation import ClsAccuracy


def loader(classes, num_images=4, batch_size=2):
    dataset = ClsDataset([None] * num_images, [0] * num_images, classes)
    return DataLoader(dataset, batch_size=batch_size, drop_last=True)


def runner(train, val=None, num_classes=2, metrics=(), resume=False):
    return SimpleNamespace(
        _resume=resume,
        model=SimpleNamespace(head=SimpleNamespace(num_classes=num_classes)),
        train_dataloader=train,
        val_loop=val and object(),
        val_dataloader=val,
        val_evaluator=SimpleNamespace(metrics=metrics),
        test_dataloader=val,
    )


def test_fitting_data_passes():
    hook = CheckClassesHook()
    hook.before_train(runner(loader(['a', 'b'])))
    hook.before_train(runner(loader(['a', 'b']), loader(['a', 'b'])))
    hook.before_test(runner(None, loader(['a', 'b'])))


def test_head_of_another_size_is_refused():
    with pytest.raises(ValueError, match='num_classes is 3, but ClsDataset has 2 classes'):
        CheckClassesHook().before_train(runner(loader(['a', 'b']), num_classes=3))
    with pytest.raises(ValueError, match='num_classes is 2, but ClsDataset has 3 classes'):
        CheckClassesHook().before_train(runner(loader(['a', 'b']), loader(['a', 'b', 'c'])))
    with pytest.raises(ValueError, match='num_classes is 2, but ClsDataset has 3 classes'):
        CheckClassesHook().before_test(runner(None, loader(['a', 'b', 'c'])))


def test_other_classes_in_validation_are_refused():
    with pytest.raises(ValueError, match="label 1 is class 'b' in the training set, but 'c'"):
        CheckClassesHook().before_train(runner(loader(['a', 'b']), loader(['a', 'c'])))


OTHER_CLASSES = r'in the checkpoint|the checkpoint has 3 classes'


@pytest.mark.parametrize('stored', [['b', 'a'], ['a', 'c'], ['a', 'b', 'c']])
def test_a_checkpoint_of_other_classes_is_refused(stored):
    hook = CheckClassesHook()
    hook.after_load_checkpoint(None, {'meta': {'dataset_meta': {'classes': stored}}})
    two = loader(['a', 'b'])
    hook.before_train(runner(two, two))  # a new start from its weights
    with pytest.raises(ValueError, match=OTHER_CLASSES):
        hook.before_train(runner(two, two, resume=True))
    with pytest.raises(ValueError, match=OTHER_CLASSES):
        hook.before_test(runner(None, two))
    hook.after_load_checkpoint(None, {'state_dict': {}})
    hook.before_test(runner(None, two))


def test_more_ranks_than_classes_are_refused():
    two = loader(['a', 'b'])
    CheckClassesHook().before_train(runner(two, two, metrics=[ClsAccuracy(topk=(1, 2))]))
    with pytest.raises(ValueError, match=r'ClsAccuracy has topk=\(1, 5\), but there are 2 classes: set topk'):
        CheckClassesHook().before_train(runner(two, two, metrics=[ClsAccuracy()]))


@pytest.mark.parametrize('topk', [5, (1, 5), None])
def test_metrics_of_ones_own_mean_by_topk_what_they_like(topk):
    two = loader(['a', 'b'])
    CheckClassesHook().before_train(runner(two, two, metrics=[SimpleNamespace(topk=topk)]))


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(ValueError, match='no batch of 8 in the 4 training images'):
        CheckClassesHook().before_train(runner(loader(['a', 'b'], batch_size=8)))


def of_every_generator():
    return random.random(), np.random.rand(), torch.rand(()).item()


def draw(seed, epoch):
    hook, run = (
        EpochSeedHook(),
        SimpleNamespace(seed=seed, epoch=epoch, train_dataloader=loader(['a', 'b']), train_loop=None),
    )
    hook.before_train(run)
    hook.before_train_epoch(run)
    return of_every_generator()


def test_epoch_and_seed_set_all_generators():
    assert draw(0, 3) == draw(0, 3)
    for other in (draw(0, 4), draw(1, 3)):
        assert all(a != b for a, b in zip(draw(0, 3), other, strict=True))


class Draws(Dataset):
    """Samples that are what every generator gives."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return index, *of_every_generator()


def epochs(start, stop, **options):
    """What the batches of epochs hold, in a run that begins or goes on at `start`."""
    loader = DataLoader(Draws(), batch_size=2, collate_fn=tuple, **options)
    hook, run = EpochSeedHook(), SimpleNamespace(seed=7, train_dataloader=loader, train_loop=object())
    hook.before_train(run)
    for run.epoch in range(start, stop):
        hook.before_train_epoch(run)
        yield [*loader, of_every_generator()]


@pytest.mark.parametrize(
    'options',
    [
        {},
        dict(num_workers=2),
        dict(num_workers=2, persistent_workers=True),
        dict(num_workers=3, persistent_workers=True, prefetch_factor=4),
        dict(num_workers=7, persistent_workers=True),  # more workers than batches
    ],
)
def test_epochs_load_the_same_wherever_a_run_was_stopped(options):
    whole = list(epochs(0, 4, **options))
    for start in (1, 3):
        assert list(epochs(start, 4, **options)) == whole[start:]
    drawn = [sample[1:] for epoch in whole for batch in epoch[:-1] for sample in batch]
    assert len(set(drawn)) == 4 * 10


def iterations(start, stop, sampler=None, **options):
    """The same of iterations, through mmengine's own iterator, which is told what to pass over."""
    torch.manual_seed(start)  # whatever was drawn before
    sampler = sampler(Draws()) if sampler else InfiniteSampler(Draws(), seed=3)
    # As mmengine seeds workers: upstream starts them before any hook is called.
    options['worker_init_fn'] = partial(
        worker_init_fn, num_workers=options['num_workers'], rank=0, seed=7, disable_subprocess_warning=True
    )
    loader = DataLoader(Draws(), batch_size=2, collate_fn=tuple, sampler=sampler, **options)
    run = SimpleNamespace(seed=7, iter=start, train_dataloader=loader)
    run.train_loop = SimpleNamespace(dataloader_iterator=_InfiniteDataloaderIterator(loader))
    IterSeedHook().before_train_epoch(run)
    batches = run.train_loop.dataloader_iterator
    if hasattr(_InfiniteDataloaderIterator, 'skip_iter'):
        batches.skip_iter(start)
    else:  # upstream
        for _ in range(start):
            next(batches)
    for run.iter in range(start, stop):
        yield next(batches), of_every_generator()
        torch.rand(run.iter + 1)  # a validation


@pytest.mark.parametrize('sampler', [None, DefaultSampler, SequentialSampler])
@pytest.mark.parametrize('workers', [0, 2])
def test_iterations_load_the_same_wherever_a_run_was_stopped(sampler, workers, monkeypatch):
    """With a sampler that can be told to skip, one that shuffles anew in each epoch, and a plain one."""
    monkeypatch.setattr('time.sleep', lambda seconds: None)  # mmengine's at the end of an epoch
    whole = list(iterations(0, 8, sampler, num_workers=workers))
    for start in (1, 4, 5, 6):
        assert list(iterations(start, 8, sampler, num_workers=workers)) == whole[start:]
    assert len({drawn for _, drawn in whole}) == 8


def test_iterations_and_epochs_are_not_mistaken_for_each_other():
    with pytest.raises(ValueError, match='IterSeedHook is for loops that count iterations'):
        IterSeedHook().before_train(SimpleNamespace(train_loop=object()))
    loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    with pytest.raises(
        ValueError, match='EpochSeedHook is for loops that count epochs; for IterBasedTrainLo'
    ):
        EpochSeedHook().before_train(SimpleNamespace(train_loop=loop))


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize('done', [5, 7, 8, 9, 10, 11, 12])
def test_a_missed_validation_is_due_as_in_an_unbroken_run(by_epoch, done):
    """With an interval that changes on the way, as in RTMDet's and Mask2Former's configs."""

    def validated(start):
        ran = []
        runner = SimpleNamespace(visualizer=SimpleNamespace(dataset_meta=None))
        kind = EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop
        key = 'epochs' if by_epoch else 'iters'
        loop = kind(
            runner,
            DataLoader([1, 2]),
            **{f'max_{key}': 12},
            val_interval=5,
            dynamic_intervals=[(8, 1), (11, 9)],
        )
        runner.train_loop, runner.model = loop, SimpleNamespace(train=lambda: None)
        runner.val_loop = SimpleNamespace(run=lambda: ran.append(loop.epoch if by_epoch else loop.iter))

        def call_hook(name, **given):
            if name == 'before_train' and start:
                MissedValidationHook().before_train(runner)

        def run_iter(*given):
            loop._iter += 1

        runner.call_hook, loop.run_iter = call_hook, run_iter
        if by_epoch:
            loop._epoch = start
        else:
            loop._iter = start
        loop.run()
        return ran

    assert validated(done) == [at for at in validated(0) if at >= done]


def test_a_loop_of_ones_own_needs_no_more_than_its_counters():
    loop = SimpleNamespace(epoch=2, max_epochs=2, val_begin=1, val_interval=5)
    ran = []
    runner = SimpleNamespace(train_loop=loop, val_loop=SimpleNamespace(run=lambda: ran.append(loop.epoch)))
    MissedValidationHook().before_train(runner)
    assert ran == [2]
