import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from mmdet_multimix.datasets import ClsDataset
from mmdet_multimix.engine import CheckClassesHook, EpochSeedHook, IterSeedHook
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


def test_fewer_images_than_a_batch_are_refused():
    with pytest.raises(ValueError, match='no batch of 8 in the 4 training images'):
        CheckClassesHook().before_train(runner(loader(['a', 'b'], batch_size=8)))


def of_every_generator():
    return random.random(), np.random.rand(), torch.rand(()).item()


def draw(seed, epoch):
    EpochSeedHook().before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch))
    return of_every_generator()


def test_epoch_and_seed_set_all_generators():
    assert draw(0, 3) == draw(0, 3)
    for other in (draw(0, 4), draw(1, 3)):
        assert all(a != b for a, b in zip(draw(0, 3), other, strict=True))


def test_iterations_are_repeated_wherever_a_run_was_stopped():
    def drawn(start, validated=()):
        """What iterations draw: a resumed run starts after a checkpoint, and does not validate there again."""
        hook, run, values = IterSeedHook(), SimpleNamespace(seed=7, iter=start), []
        hook.before_train_epoch(run)
        for index in range(start, 6):
            values.append(of_every_generator())
            hook.after_train_iter(run, index)
            run.iter += 1
            if run.iter in validated:
                torch.rand(3)
                hook.after_val_epoch(run)
        return values

    whole = drawn(0, validated=(3,))
    assert drawn(3) == whole[3:]
    assert len(set(whole)) == 6
