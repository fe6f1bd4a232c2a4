"""The arguments of a head's loss, in all the shapes that heads use, as examples."""

import torch

from mmdet_multimix.models.detection.loss_call import LossCall


def test_shapes_of_calls():
    logits = torch.randn(2, 6, 3)
    call = LossCall.of(logits, torch.zeros(2, 6, 3), torch.ones(2, 6, 1))  # YOLOv3
    assert call.logits.shape == call.labels.shape == (12, 3) and call.weights.shape == (12,)
    weights = torch.tensor([[0.0, 0, 0], [0, 1, 0]])
    call = LossCall.of(logits[0, :2], torch.tensor([1, 2]), weights)  # weights by class
    assert call.weights.tolist() == [0, 1] and call.labels.shape == (2,)
    call = LossCall.of(logits[0, :0], (torch.zeros(0).long(), torch.zeros(0)), torch.zeros(0))
    assert len(call.logits) == len(call.labels) == len(call.weights) == len(call.scores) == 0
