"""Which image, and which place, the examples of each family's head are from."""

import pytest
import torch
import torch.autograd.forward_ad as fwAD
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from tiny_detectors import FAMILIES, data_of, mix
from tiny_detectors import detector as plain_detector
from tolerances import assert_near

from mmdet_multimix.models.detection import DetectionMultiMix, MixedForm
from mmdet_multimix.models.detection.head_mixer import HeadMixer
from mmdet_multimix.models.detection.mixable_heads import bbox_heads
from mmdet_multimix.models.detection.origins import NEIGHBOURHOOD, Origins, untagged

OBJECTS = (3, 0, 2)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


def detector(name, **settings):
    model = plain_detector(name).train(name in ('dino', 'deformable_detr'))  # or their losses fail
    mix(model, **settings)
    return model


def losses_of(model, name):
    data = data_of(model, name, OBJECTS)
    torch.manual_seed(3)
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
        images, boxes = mix.mixed_origins[:, 0].long(), mix.mixed_origins[:, 1:]
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
    """The mixed loss, and its gradient to the scores, is the mean of those of each image alone."""
    among = 'all' if name in ('detr', 'faster_rcnn_fpn') else 'foreground'
    # With this alpha every tuple is the mean of its image's examples.
    settings = dict(among=among, loss_weight=1.0, alpha=1e6)
    model = detector(name, n=5000, within_image=True, **settings)
    mixing, seen = next(iter(bbox_heads(model).values())).multimix, []
    inner = mixing.losses

    def watched(logits, *rest):
        free = torch.cat(logits).detach().requires_grad_()
        seen.append((free, *(None if x is None else torch.cat(x) for x in rest)))
        return inner(free, *seen[-1][1:])

    mixing.losses = watched
    loss = losses_of(model, name)[1]['loss_multimix']
    (logits, labels, weights, scores, origins), sizes = seen[0], list(mixing.group_sizes)
    (gradient,) = torch.autograd.grad(loss, logits)
    alone = DetectionMultiMix(n=50, form=mixing.form, **settings)
    parts = []
    for image in (0, 1, 2):
        here = origins[:, 0] == image
        given = [None if x is None else x[here] for x in (logits, labels, weights, scores)]
        parts.append((alone.losses(*given)['loss_multimix'], len(alone.mixed_labels)))
    assert [size for _, size in parts if size] == sizes
    expected = sum(part * size for part, size in parts if size) / sum(sizes)
    (wanted,) = torch.autograd.grad(expected, logits)
    assert wanted.any()
    assert_near(loss, expected, torch.float16)
    assert_near(gradient, wanted, torch.float16)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_knows_images_but_not_places(dtype):
    model = detector('retinanet', n=20, among='balanced', within_image=True)
    head = model.bbox_head
    head.multimix.record = True
    data = data_of(model, 'retinanet', OBJECTS)
    scores, boxes = head(model.extract_feat(data['inputs']))
    scores = [level.to(dtype) for level in scores]
    gts = [sample.gt_instances for sample in data['data_samples']]
    metas = [sample.metainfo for sample in data['data_samples']]
    head.loss_by_feat(scores, boxes, gts, metas)
    rois = head.multimix.mixed_origins
    assert set(rois[:, 0].tolist()) == {0, 2} and rois[:, 1:].isnan().all()


def test_scores_that_the_loss_does_not_take():
    model = detector('retinanet', within_image=True)
    single = model.bbox_head.loss_by_feat_single
    model.bbox_head.loss_by_feat_single = lambda cls, *args, **kwargs: single(cls.detach(), *args, **kwargs)
    with pytest.raises(RuntimeError, match=r'RetinaHead.*bbox_head cannot be mixed with within_image=True'):
        losses_of(model, 'retinanet')
    # Nothing of the failed step is left: without the detour the same head is mixed.
    model.bbox_head.loss_by_feat_single = single
    assert losses_of(model, 'retinanet')[1]['loss_multimix'] > 0


def test_places_of_maps_are_neighbourhoods_of_an_image_that_is_not_square():
    height, width, sizes = 60, 200, [(6, 10), (3, 5), (1, 1)]
    maps = [torch.zeros(2, 4, h, w) for h, w in sizes]
    with fwAD.dual_level():
        origins = Origins(maps, boxes=True, shape=(height, width))
        tags = [untagged(level)[1].permute(0, 2, 3, 1) for level in origins.tagged]
        found = [origins.of(tag) for tag in tags]
    for (h, w), rows in zip(sizes, found, strict=True):
        expected = []
        for image in range(2):
            for i in range(h):
                for j in range(w):
                    x, y = (j + 0.5) * width / w, (i + 0.5) * height / h
                    rx = min(NEIGHBOURHOOD * width / w, width) / 2
                    ry = min(NEIGHBOURHOOD * height / h, height) / 2
                    expected.append([image, x - rx, y - ry, x + rx, y + ry])
        assert_near(rows, torch.tensor(expected), torch.float32)


def test_places_of_queries_are_their_boxes():
    queries = torch.rand(2, 3, 4)
    with fwAD.dual_level():
        origins = Origins(torch.zeros(6, 2, 3, 5), boxes=True, shape=(60, 200), queries=queries)
        rows = origins.of(untagged(origins.tagged[-1])[1])
    expected = [
        [image, *(200 * (x + s * w / 2) if k == 0 else 60 * (y + s * h / 2) for s in (-1, 1) for k in (0, 1))]
        for image in range(2)
        for x, y, w, h in queries[image].tolist()
    ]
    assert_near(rows, torch.tensor(expected), torch.float32)


class Vectors(BaseModule):
    """A head whose scores are no maps."""

    def __init__(self):
        super().__init__()
        self.loss_cls = MODELS.build(dict(type='FocalLoss'))

    def loss_by_feat(self, cls_scores, batch_gt_instances):
        return dict(loss_cls=self.loss_cls(cls_scores, torch.zeros(len(cls_scores)).long()))


def test_a_head_whose_scores_are_no_maps():
    head = Vectors()
    HeadMixer('bbox_head', head, DetectionMultiMix(n=20, form=MixedForm('focal')))
    head.multimix.record = True
    assert head.loss_by_feat(torch.randn(4, 3), [])['loss_multimix'] > 0
    assert head.multimix.mixed_origins is None
    head.multimix.within_image = True
    with pytest.raises(
        ValueError, match=r'bbox_head \(Vectors\) cannot be mixed with within_image=True: scores must'
    ):
        head.loss_by_feat(torch.randn(4, 3), [])
