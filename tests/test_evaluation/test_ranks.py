import pytest
import torch
from tolerances import assert_near

from mmdet_multimix.evaluation import check_scores, label_ranks, negative_log_likelihood, topk_accuracy
from mmdet_multimix.evaluation.ranks import confidence


def test_ranks_are_those_of_sorting_every_row():
    scores = torch.randint(0, 4, (200, 6)).float()  # many ties
    labels = torch.randint(0, 6, (200,))
    ranks = label_ranks(scores, labels)
    for row, label, rank in zip(scores.tolist(), labels.tolist(), ranks.tolist(), strict=True):
        order = sorted(range(6), key=lambda k: (-row[k], k))
        assert order.index(label) == rank


def test_topk_by_hand():
    assert topk_accuracy(torch.tensor([0, 1, 0, 4]), (1, 2, 5)) == {'top1': 50.0, 'top2': 75.0, 'top5': 100.0}


def test_likelihood_of_every_image():
    logs = torch.rand(20, 4).log_softmax(1)
    labels = torch.randint(0, 4, (20,))
    expected = torch.tensor([-logs[i, label] for i, label in enumerate(labels)])
    assert_near(negative_log_likelihood(logs, labels), expected, torch.float32)


def test_confidence_still_tells_sure_images_apart():
    sure = confidence(torch.tensor([[20.0, 0.0], [30.0, 0.0]]))
    assert sure[0] < sure[1] < 1
    assert_near(1 - sure, torch.tensor([20.0, 30.0]).double().neg().exp(), torch.float32)


@pytest.mark.parametrize(
    ('scores', 'labels', 'message'),
    [
        (torch.tensor([[0.0, float('nan')], [0.0, 1.0]]), [0, 0], '1 of 2 images are not finite'),
        (torch.tensor([[0.0, float('inf')]]), [0], '1 of 1 images are not finite'),
        (torch.rand(2, 3), [0, 3], 'labels from 0 to 3, but there are scores of 3'),
        (torch.rand(2, 3), [-1, 0], 'labels from -1'),
        (torch.rand(3), [0], r'got \(3,\)'),
    ],
)
def test_what_cannot_be_measured_is_refused(scores, labels, message):
    with pytest.raises(ValueError, match=message):
        check_scores(scores, torch.tensor(labels))
