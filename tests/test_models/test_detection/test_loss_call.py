"""The arguments of a head's loss, in all the shapes that heads use, as examples."""

from types import SimpleNamespace

import pytest
import torch

from mmdet_multimix.models.detection.loss_call import LossCall, check_call


def test_shapes_of_calls():
    logits = torch.randn(2, 6, 3)
    call = LossCall.of(logits, torch.zeros(2, 6, 3), torch.ones(2, 6, 1))  # YOLOv3
    assert call.logits.shape == call.labels.shape == (12, 3) and call.weights.shape == (12,)
    weights = torch.tensor([[0.0, 0, 0], [0, 1, 0]])
    call = LossCall.of(logits[0, :2], torch.tensor([1, 2]), weights)  # weights by class
    assert call.weights.tolist() == [0, 1] and call.labels.shape == (2,)
    call = LossCall.of(logits, (torch.zeros(2, 6).long(), torch.rand(2, 6)), None)  # images by queries
    assert call.labels.shape == call.scores.shape == (12,)
    for weights in (torch.zeros(0), torch.zeros(0, 1), torch.zeros(0, 3)):
        call = LossCall.of(logits[0, :0], (torch.zeros(0).long(), torch.zeros(0)), weights)
        assert len(call.logits) == len(call.labels) == len(call.scores) == 0
        assert call.weights.shape == (0,)


MAPS = torch.randn(2, 6, 4, 4)
LABELS = torch.zeros(2, 4, 4).long()


@pytest.mark.parametrize(
    ('logits', 'labels', 'fits'),
    [
        (MAPS, LABELS, False),  # as segmentation has them, with a softmax
        (MAPS, torch.zeros_like(MAPS), False),  # and with a sigmoid
        (MAPS[..., :3], torch.zeros(2, 4, 3).long(), False),
        (MAPS.flatten(2), LABELS.flatten(1), False),
        (MAPS.permute(0, 2, 3, 1), LABELS, True),
        (MAPS.permute(0, 2, 3, 1)[..., :5], torch.zeros(2, 4, 4, 5), True),
        (MAPS.permute(0, 2, 3, 1).reshape(-1, 6), LABELS.flatten(), True),
        (MAPS.permute(0, 2, 3, 1).reshape(-1, 6), (LABELS.flatten(), torch.ones(32)), True),
        (MAPS.reshape(-1, 6), LABELS.flatten()[:5], False),
        (MAPS[:0, :, 0, 0], LABELS[:0, 0, 0], True),
    ],
)
def test_maps_are_not_taken_for_rows(logits, labels, fits):
    head = SimpleNamespace(num_classes=5)
    if fits:
        check_call(head, 'bbox_head', logits, labels)
        check_call(SimpleNamespace(num_classes=9, cls_out_channels=logits.shape[-1]), '', logits, labels)
    else:
        with pytest.raises(
            RuntimeError, match='bbox_head cannot be mixed, which takes a row of the scores of its 5'
        ):
            check_call(head, 'bbox_head', logits, labels)
