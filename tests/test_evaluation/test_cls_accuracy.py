import pytest
import torch
from mmengine.evaluator import Evaluator
from sklearn.metrics import top_k_accuracy_score

from mmdet_multimix.evaluation import ClsAccuracy


def samples(scores, labels):
    return [{'pred_score': s, 'gt_label': y} for s, y in zip(scores, labels, strict=True)]


def test_agrees_with_scikit_learn_over_batches():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(203, 7, generator=generator).softmax(1)
    labels = torch.randint(0, 7, (203,), generator=generator)
    metric = ClsAccuracy(topk=(1, 3, 5))
    for rows in torch.arange(203).split(20):
        metric.process({}, samples(scores[rows], labels[rows]))
    result = metric.evaluate(203)
    for k in (1, 3, 5):
        expected = 100 * top_k_accuracy_score(labels, scores, k=k, labels=range(7))
        assert result[f'accuracy/top{k}'] == pytest.approx(expected)


def test_by_hand():
    metric = ClsAccuracy(topk=(1, 2))
    scores = torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    metric.process({}, samples(scores, torch.tensor([0, 1, 2, 2])))
    assert metric.evaluate(4) == {'accuracy/top1': 50.0, 'accuracy/top2': 75.0}


def test_one_image():
    metric = ClsAccuracy(topk=(1,))
    metric.process({}, samples(torch.tensor([[0.1, 0.9]]), [1]))
    assert metric.evaluate(1) == {'accuracy/top1': 100.0}


def test_repeated_images_of_uneven_processes_are_left_out():
    metric = ClsAccuracy(topk=(1,))
    metric.process({}, samples(torch.tensor([[0.1, 0.9]] * 4), [1, 1, 1, 0]))
    assert metric.evaluate(3) == {'accuracy/top1': 100.0}


def test_topk_that_means_nothing_is_refused():
    with pytest.raises(ValueError, match='top-5 accuracy of 3 classes'):
        ClsAccuracy().process({}, samples(torch.rand(2, 3), [0, 1]))


def test_model_with_other_classes_than_the_dataset_is_refused():
    evaluator = Evaluator(ClsAccuracy(topk=(1,)))
    evaluator.dataset_meta = {'classes': ('a', 'b', 'c')}
    with pytest.raises(ValueError, match='gives 2 scores, but the dataset has 3 classes'):
        evaluator.process(samples(torch.rand(2, 2), [0, 1]), {})
