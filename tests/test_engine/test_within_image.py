"""Which image, and which place, the examples of each family's head are from."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModule, revert_sync_batchnorm
from tiny_detectors import FAMILIES, samples, tiny_model
from tolerances import assert_near

from mmdet_multimix.models.detection.head_mixer import HeadMixer
from mmdet_multimix.models.detection.mixable_heads import bbox_heads

OBJECTS = (3, 0, 2)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


def detector(name, **multimix):
    model = MODELS.build(tiny_model(name))
    model.init_weights()
    model = revert_sync_batchnorm(model).train(name in ('dino', 'deformable_detr'))  # or their losses fail
    for path, head in bbox_heads(model).items():
        HeadMixer(path, head, **multimix)
    return model


def losses_of(model, name):
    torch.manual_seed(3)
    data = model.data_preprocessor(pseudo_collate(list(samples(name, OBJECTS))), True)
    return data, model(**data, mode='loss')


@pytest.mark.parametrize('name', FAMILIES)
def test_every_family_knows_the_images_of_its_examples(name):
    model = detector(name, n=20, among='foreground', within_image=True)
    heads = list(bbox_heads(model).values())
    for head in heads:
        head.multimix.record = True
    data, losses = losses_of(model, name)
    own = {key: value for key, value in model.parse_losses(losses)[1].items() if 'multimix' not in key}
    classes = [set(sample.gt_instances.labels.tolist()) for sample in data['data_samples']]
    size = data['inputs'].shape[-1]
    for head in heads:
        mix = head.multimix
        images, boxes = mix.mixed_rois[:, 0].long(), mix.mixed_rois[:, 1:]
        assert sorted(images.tolist()) == images.tolist() and set(images.tolist()) <= {0, 2}
        assert list(mix.group_sizes) == [int((images == image).sum()) for image in images.unique()]
        labels = mix.mixed_labels
        labels = labels.argmax(dim=1) if labels.is_floating_point() else labels
        assert all(label in classes[image] for image, label in zip(images, labels.tolist(), strict=True))
        assert boxes.isfinite().all()
        if not name.startswith(
            ('detr', 'deformable', 'dino', 'sparse')
        ):  # whose untrained boxes are anywhere
            # Every example lies near an object of its label.
            for image, box, label in zip(images, boxes, labels, strict=True):
                objects = data['data_samples'][image].gt_instances
                theirs = objects.bboxes[objects.labels == label]
                overlap = torch.min(box[2:], theirs[:, 2:]) - torch.max(box[:2], theirs[:, :2])
                assert (overlap > -size * 0.05).all(dim=1).any()

    plain = detector(name, n=20)
    plain.load_state_dict(model.state_dict())
    expected = plain.parse_losses(losses_of(plain, name)[1])[1]
    total = {'loss'}
    for key in set(own) - total:
        assert torch.equal(own[key], expected[key]), key


@pytest.mark.parametrize('name', ['retinanet', 'fcos', 'ssd300', 'yolox', 'detr', 'faster_rcnn_fpn'])
def test_without_mixing_across_images_other_images_do_not_matter(name):
    """The gradient of the mixed loss to the scores is the sum of those of each image alone."""
    among = 'all' if name in ('detr', 'faster_rcnn_fpn') else 'foreground'
    model = detector(name, n=5000, among=among, within_image=True, loss_weight=1.0, alpha=1e6)
    head = next(iter(bbox_heads(model).values()))
    seen = []
    inner = head.multimix.losses
    head.multimix.losses = lambda *args, **kwargs: seen.append(args) or inner(*args, **kwargs)
    losses = losses_of(model, name)[1]['loss_multimix']
    logits, labels, weights, scores, rois = (
        torch.cat(value) if isinstance(value, list) else value for value in seen[0]
    )
    total, count = 0, 0
    for image in (0, 1, 2):
        here = rois[:, 0] == image
        alone = HeadMixerTwin(head).losses(logits, labels, weights, scores, here)
        size = sum(head.multimix.group_sizes)
        if alone is not None:
            total, count = total + alone[0] * alone[1], count + alone[1]
            assert size
    # With this alpha every tuple is the mean of its image's examples.
    assert_near(losses, total / count, torch.float16)


class HeadMixerTwin:
    """The same choice and form for one image alone, without images."""

    def __init__(self, head):
        mix = head.multimix
        options = dict(n=50, among=mix.among, loss_weight=1.0, alpha=1e6, form=mix.form)
        self.mix = type(mix)(**options)

    def losses(self, logits, labels, weights, scores, here):
        parts = [None if x is None else x[here] for x in (logits, labels, weights, scores)]
        loss = self.mix.losses(*parts)['loss_multimix']
        size = len(self.mix.mixed_labels)
        return (loss, size) if size else None


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_knows_images_but_not_places(dtype):
    model = detector('retinanet', n=20, within_image=True)
    head = model.bbox_head
    head.multimix.record = True
    data = model.data_preprocessor(pseudo_collate(list(samples('retinanet', OBJECTS))), True)
    scores, boxes = head(model.extract_feat(data['inputs']))
    scores = [level.to(dtype) for level in scores]
    gts = [sample.gt_instances for sample in data['data_samples']]
    metas = [sample.metainfo for sample in data['data_samples']]
    head.loss_by_feat(scores, boxes, gts, metas)
    rois = head.multimix.mixed_rois
    assert set(rois[:, 0].tolist()) == {0, 2} and rois[:, 1:].isnan().all()


def test_scores_that_the_loss_does_not_take():
    model = detector('retinanet', within_image=True)
    forward = model.bbox_head.loss_cls.forward
    model.bbox_head.loss_by_feat_single, single = None, model.bbox_head.loss_by_feat_single
    model.bbox_head.loss_by_feat_single = lambda cls, *args, **kwargs: single(cls.detach(), *args, **kwargs)
    with pytest.raises(RuntimeError, match=r'RetinaHead.*bbox_head cannot be mixed with within_image=True'):
        losses_of(model, 'retinanet')
    assert model.bbox_head.loss_cls.forward == forward


class Vectors(BaseModule):
    """A head whose scores are no maps."""

    def __init__(self):
        super().__init__()
        self.loss_cls = MODELS.build(dict(type='FocalLoss'))

    def loss_by_feat(self, cls_scores, batch_gt_instances):
        return dict(loss_cls=self.loss_cls(cls_scores, torch.zeros(len(cls_scores)).long()))


def test_a_head_whose_scores_are_no_maps():
    head = Vectors()
    HeadMixer('bbox_head', head, n=20)
    head.multimix.record = True
    assert head.loss_by_feat(torch.randn(4, 3), [])['loss_multimix'] > 0
    assert head.multimix.mixed_rois is None
    head.multimix.within_image = True
    with pytest.raises(
        ValueError, match=r'bbox_head \(Vectors\) cannot be mixed with within_image=True: scores must'
    ):
        head.loss_by_feat(torch.randn(4, 3), [])
