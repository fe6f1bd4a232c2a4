"""All measures of a small untrained classifier, each against its own computation on the whole set at once."""

import json
import math

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from PIL import Image
from tolerances import TOLERANCE, assert_near
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from mmdet_multimix.evaluation import detection_measures, fgsm, pgd, uniformity
from mmdet_multimix.evaluation.corruptions import corrupt
from mmdet_multimix.evaluation.ood_images import noise_batches
from mmdet_multimix.evaluation.pixel_classifier import PixelClassifier, load_classifier
from mmdet_multimix.evaluation.report import choose_drawn, write_report
from mmdet_multimix.evaluation.settings import MEASURES, Settings
from mmdet_multimix.evaluation.suite import Evaluation
from mmdet_multimix.evaluation.temperature import cross_fitted_confidence, fit_temperature

CLOSE = TOLERANCE[torch.float32]
FEW = dict(corruptions=('contrast', 'gaussian_noise'), severities=(1, 5))


def model_config(num_classes=7):
    return dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet', depth=18, base_channels=4, norm_eval=False),
        head=dict(type='LinearClsHead', num_classes=num_classes, in_channels=32),
        data_preprocessor=dict(type='ImgDataPreprocessor', mean=[120, 110, 100], std=[60, 50, 40]),
    )


def build(num_classes=7):
    torch.manual_seed(0)
    model = MODELS.build(model_config(num_classes))
    torch.nn.init.normal_(model.head.fc.weight)
    model.train()
    model(torch.randn(64, 3, 32, 32))  # statistics unlike the initial ones
    return model


class Images(Dataset):
    def __init__(self, count=23, num_classes=7, labels=None):
        self.metainfo = {'classes': tuple('abcdefghijklmnopqrstuvwxyz'[:num_classes])}
        self.inputs = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
        self.labels = torch.arange(count) % num_classes if labels is None else torch.tensor(labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return {'inputs': self.inputs[index], 'gt_label': int(self.labels[index])}


def evaluate(images, settings, num_classes=7, batch_size=10, **loader):
    classifier = PixelClassifier(build(num_classes))
    return Evaluation(classifier, DataLoader(images, batch_size=batch_size, **loader), settings).run()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'photos').mkdir()
    for i in range(5):
        Image.effect_noise((40, 20 + i), 60 + 10 * i).save(
            tmp_path / 'photos' / f'{i}.png'
        )  # grey, one class
    return tmp_path / 'photos'


def test_pixels_in_0_to_1_give_the_logits_of_the_model():
    model, images = build(), Images()
    expected = [result['pred_score'] for result in model.eval().test_step({'inputs': images.inputs})]
    classifier = PixelClassifier(model)
    features, logits = classifier.embed(images.inputs / 255)
    assert_near(logits.softmax(1), torch.stack(expected), torch.float32)
    assert_near(model.head.fc(features), logits, torch.float32)
    assert not model.training and not any(p.requires_grad for p in model.parameters())


def test_every_measure(folder):
    images = Images()
    results = evaluate(images, Settings(ood={'photos': folder}, pgd_steps=2, seed=3, **FEW))
    assert set(results.measures) == set(MEASURES)
    classifier = PixelClassifier(build())
    pixels, labels = images.inputs / 255, images.labels
    features, logits = classifier.embed(pixels)

    def top(logits, k):
        return 100 * (logits.topk(k).indices == labels[:, None]).any(1).double().mean().item()

    def expected(logits):
        nll = F.cross_entropy(logits, labels).item()
        return pytest.approx({'top1': top(logits, 1), 'top5': top(logits, 5), 'nll': nll}, rel=CLOSE)

    assert results.measures['accuracy'] == expected(logits)
    assert results.measures['embedding']['uniformity'] == pytest.approx(uniformity(features), rel=CLOSE)
    assert results.features.shape == (23, 32)

    attacked = classifier(fgsm(classifier, pixels, labels, 8 / 255))
    found = dict(results.measures['fgsm'])
    assert [found.pop(name) for name in ('eps', 'images')] == [8 / 255, 23]
    assert found == expected(attacked)
    assert found['nll'] > results.measures['accuracy']['nll']

    generator = torch.Generator().manual_seed(3)
    moved = [
        pgd(classifier, x, y, 4 / 255, 2 / 255, 2, generator)
        for x, y in zip(pixels.split(10), labels.split(10), strict=True)
    ]
    found = dict(results.measures['pgd'])
    assert [found.pop(name) for name in ('images', 'eps', 'step', 'steps')] == [23, 4 / 255, 2 / 255, 2]
    assert found == expected(classifier(torch.cat(moved)))

    found = results.measures['corruptions']
    assert found['images'] == 23 and set(found['types']) == set(FEW['corruptions'])
    tops = []
    for name, row in found['types'].items():
        for severity, top1 in row.items():
            changed = [
                torch.from_numpy(corrupt(image, name, int(severity), 3, index)).permute(2, 0, 1)
                for index, image in enumerate(images.inputs.permute(0, 2, 3, 1).numpy())
            ]
            assert top1 == pytest.approx(top(classifier(torch.stack(changed) / 255), 1))
            tops.append(top1)
    assert found['top1'] == pytest.approx(sum(tops) / 4)

    inside = logits.double().softmax(1).amax(1).numpy()
    noise = torch.cat(list(noise_batches('gaussian', 23, (32, 32), 23, 3)))
    outside = classifier(noise).double().softmax(1).amax(1).numpy()
    found = results.measures['ood']['gaussian']
    assert found == pytest.approx({'images': 23, **detection_measures(inside, outside)}, rel=CLOSE)
    assert results.measures['ood']['photos']['images'] == 5
    assert set(results.scores) == {'', 'uniform', 'gaussian', 'photos'}


def test_temperatures_are_fitted_on_the_other_half():
    torch.manual_seed(0)
    logits, labels = 6 * torch.randn(400, 5), torch.randint(0, 5, (400,))
    logits[torch.arange(400), labels] += 4
    logits[::2] *= 3  # the halves need temperatures of their own, and get each other's
    found, temperature = cross_fitted_confidence(logits, labels)
    fitted = []
    for half in range(2):
        grid = [
            (F.cross_entropy(logits[half::2] / t, labels[half::2]).item(), t)
            for t in np.geomspace(0.5, 60, 4000)
        ]
        fitted.append(min(grid)[1])
        assert fit_temperature(logits[half::2], labels[half::2]) == pytest.approx(fitted[half], rel=0.01)
    assert fitted[0] == pytest.approx(3 * fitted[1], rel=0.3)
    assert temperature == pytest.approx(sum(fitted) / 2, rel=0.01)
    for half in range(2):
        expected = (
            (logits[half::2] / fit_temperature(logits[1 - half :: 2], labels[1 - half :: 2]))
            .softmax(1)
            .amax(1)
        )
        assert_near(found[half::2].float(), expected, torch.float32)
    single, temperature = cross_fitted_confidence(logits[:1], labels[:1])
    assert temperature == 1 and single.item() == pytest.approx(logits[0].softmax(0).max().item())


@pytest.mark.parametrize('count', [1, 7, 22, 23, 100])
def test_some_images_are_attacked_evenly_spaced(count):
    images = Images()
    results = evaluate(images, Settings(('accuracy', 'fgsm'), attack_images=count)).measures
    chosen = torch.arange(min(count, 23)) * 23 // min(count, 23)
    assert len(set(chosen.tolist())) == min(count, 23)
    classifier = PixelClassifier(build())
    labels = images.labels[chosen]
    logits = classifier(fgsm(classifier, images.inputs[chosen] / 255, labels, 8 / 255))
    assert results['fgsm']['images'] == min(count, 23)
    assert results['fgsm']['nll'] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=CLOSE)
    all_of_them = classifier(images.inputs / 255)
    nll = F.cross_entropy(all_of_them, images.labels).item()
    assert results['accuracy']['nll'] == pytest.approx(nll, rel=CLOSE)


@pytest.mark.parametrize('count', [4, 10, 23])
def test_an_image_is_corrupted_alike_however_many_are(count):
    images = Images()
    settings = Settings(
        ('corruptions',), corruptions=('gaussian_noise',), severities=(5,), corrupted_images=count
    )
    found = evaluate(images, settings, batch_size=3).measures['corruptions']
    chosen = [index * 23 // count for index in range(count)]
    pixels = images.inputs.permute(0, 2, 3, 1).numpy()
    noisy = np.stack([corrupt(pixels[index], 'gaussian_noise', 5, 0, index) for index in chosen])
    logits = PixelClassifier(build())(torch.from_numpy(noisy).permute(0, 3, 1, 2).float() / 255)
    right = (logits.argmax(1) == images.labels[chosen]).float().mean().item()
    assert found['images'] == count and found['top1'] == pytest.approx(100 * right)


def test_batches_and_collation_do_not_matter():
    settings = Settings(('accuracy', 'calibration', 'embedding', 'ood', 'fgsm'))
    first = evaluate(Images(), settings).measures
    torch.manual_seed(0)

    def as_lists(items):
        return {key: [item[key] for item in items] for key in items[0]}

    torch.manual_seed(0)
    images = Images()
    one, lists = (
        evaluate(images, settings, batch_size=b, collate_fn=c) for b, c in ((23, None), (4, as_lists))
    )
    for name in ('accuracy', 'embedding', 'calibration'):
        assert one.measures[name] == pytest.approx(lists.measures[name], rel=CLOSE)
        assert set(one.measures[name]) == set(first[name])


@pytest.mark.parametrize(
    ('images', 'num_classes'),
    [
        (Images(1), 7),
        (Images(12, labels=[0, 1, 2, 4] * 3), 7),
        (Images(9, 2), 2),
        (Images(3, 2, labels=[1, 1, 1]), 2),
    ],
    ids=['one image', 'absent classes', 'two classes', 'one class'],
)
def test_small_sets_are_measured_and_reported(images, num_classes, tmp_path):
    results = evaluate(images, Settings(pgd_steps=1, **FEW), num_classes)
    assert ('top5' in results.measures['accuracy']) == (num_classes >= 5)
    files = write_report(tmp_path, results, {'config': 'tiny.py'}, images.metainfo['classes'])
    report = json.loads((tmp_path / 'report.json').read_text())  # strict: no NaN
    spread = report['measures']['embedding']['spread']
    assert (spread is None) == (len(set(images.labels.tolist())) == 1)
    assert ('n/a' in (tmp_path / 'report.md').read_text()) == (spread is None)
    assert sum(b['images'] for b in report['measures']['calibration']['bins']) == len(images)
    # Too few points for a t-SNE, and there is none, instead of an error.
    assert ((tmp_path / 'embedding.png') in files) == (len(images) > 3)


def test_a_report_holds_only_what_was_measured(tmp_path):
    images = Images()
    for measures, pictures in ((MEASURES, 3), (('fgsm',), 0)):
        results = evaluate(images, Settings(measures, pgd_steps=1, **FEW))
        files = write_report(tmp_path, results, {'config': 'tiny.py'}, images.metainfo['classes'])
        assert sorted(tmp_path.iterdir()) == sorted(files)
        assert len([path for path in files if path.suffix == '.png']) == pictures
        assert set(json.loads(files[0].read_text())['measures']) == set(measures)


def test_a_picture_of_many_images_shows_some_of_them():
    labels = np.arange(5000) % 100
    chosen, shown = choose_drawn(labels, 100)
    assert len(shown) == len(set(shown)) == 20 and (shown[0], shown[-1]) == (0, 99)
    assert len(chosen) == 1000 and set(labels[chosen]) == set(shown)
    chosen, shown = choose_drawn(labels % 10, 10, seed=1)
    assert len(chosen) == len(set(chosen)) == 2000 and list(shown) == list(range(10))
    assert (chosen != choose_drawn(labels % 10, 10, seed=2)[0]).any()


def test_the_picture_of_some_of_many_classes(tmp_path):
    labels = [0, 23, 12, 5] * 3
    results = evaluate(Images(12, 24, labels), Settings(('embedding',)), 24)
    assert write_report(tmp_path, results, {}, [f'class {i}' for i in range(24)])[-1].name == 'embedding.png'


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(measures=('accuracy', 'beauty')), r"unknown measures \['beauty'\]: choose among accuracy, "),
        (dict(measures=()), 'choose among'),
        (dict(measures=('accuracy',), ood={'a': 'a'}), 'ood is not among'),
        (dict(ood={'uniform': 'a'}), "'uniform' needs another name"),
        (dict(corruptions=('rain',)), 'unknown corruptions'),
    ],
)
def test_settings_that_mean_nothing_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


def test_sets_that_do_not_fit_are_refused(tmp_path):
    settings = Settings(('accuracy',))
    with pytest.raises(ValueError, match='num_classes is 7, but the test set has 3 classes'):
        evaluate(Images(9, 3), settings)
    with pytest.raises(ValueError, match='no images'):
        evaluate(Images(0), settings)
    floats = Images()
    floats.inputs = floats.inputs / 255
    with pytest.raises(ValueError, match=r'torch\.float32, not uint8'):
        evaluate(floats, settings)
    sizes = Images()
    sizes.inputs = [image[:, : 30 + i % 2] for i, image in enumerate(sizes.inputs)]
    with pytest.raises(ValueError, match='several sizes'):
        evaluate(sizes, settings, collate_fn=lambda items: {'inputs': [i['inputs'] for i in items]})
    with pytest.raises(FileNotFoundError, match='nowhere'):
        evaluate(Images(), Settings(ood={'x': tmp_path / 'nowhere'}))
    loader = DataLoader(Images(9, 3), batch_size=9)
    Evaluation(PixelClassifier(build(3), classes='abc'), loader, settings)
    with pytest.raises(ValueError, match="label 1 is class 'c' in training, but 'b' in the test set"):
        Evaluation(PixelClassifier(build(3), classes='acb'), loader, settings)


def test_images_too_small_to_be_corrupted_are_refused_before_anything_long():
    small = Images()
    small.inputs = small.inputs[..., :28]
    with pytest.raises(ValueError, match=r'at least 32 pixels a side, image 0 is uint8 \(32, 28, 3\)'):
        Evaluation(PixelClassifier(build()), DataLoader(small, batch_size=10), Settings(**FEW))
    Evaluation(PixelClassifier(build()), DataLoader(small, batch_size=10), Settings(('accuracy',)))


def test_a_diverged_model_is_named_as_such():
    model = build()
    model.head.fc.bias.data[2] = math.nan
    evaluation = Evaluation(PixelClassifier(model), DataLoader(Images(), batch_size=10), Settings())
    with pytest.raises(ValueError, match='10 of 10 images are not finite'):
        evaluation.run()


def save(path, model, **more):
    torch.save({'state_dict': model.state_dict(), 'meta': {'epoch': 4, 'iter': 9}, **more}, path)
    return path


def config(num_classes=7):
    return Config(dict(default_scope='mmdet', model=model_config(num_classes)))


def test_load_classifier_takes_the_weights_that_are_asked_for(tmp_path):
    """As EMAHook writes them: the averaged weights as state_dict, the trained ones under the average's names."""
    averaged, trained = build(), build()
    with torch.no_grad():
        trained.head.fc.bias.add_(1)
    swapped = {f'module.{key}': value for key, value in trained.state_dict().items()}
    path = save(tmp_path / 'ema.pth', averaged, ema_state_dict={'steps': torch.tensor(3), **swapped})
    for weights, model in ((None, averaged), ('ema', averaged), ('model', trained)):
        classifier, facts = load_classifier(config(), path, weights)
        assert facts == {'weights': weights or 'ema', 'epoch': 4, 'iter': 9} and classifier.classes is None
        assert torch.equal(classifier.model.head.fc.bias, model.head.fc.bias)

    path = save(tmp_path / 'plain.pth', trained)
    for weights in (None, 'model'):
        assert load_classifier(config(), path, weights)[1]['weights'] == 'model'
    with pytest.raises(ValueError, match=r'plain\.pth holds no averaged weights'):
        load_classifier(config(), path, 'ema')
    with pytest.raises(ValueError, match='one of ema, model'):
        load_classifier(config(), path, 'best')


def test_a_copy_of_the_model_in_the_checkpoint_is_not_taken_for_it(tmp_path):
    model = build()
    state = model.state_dict()
    state |= {f'teacher.{key}': value + 1 for key, value in model.state_dict().items()}
    torch.save({'state_dict': state}, tmp_path / 'a.pth')
    classifier, _ = load_classifier(config(), tmp_path / 'a.pth')
    assert torch.equal(classifier.model.head.fc.weight, model.head.fc.weight)


def test_checkpoints_of_another_model_are_refused_by_the_names_that_differ(tmp_path):
    path = save(tmp_path / 'a.pth', build())
    shapes = r'misshapen: head\.fc\.weight: \(7, 32\), wanted \(9, 32\)'
    with pytest.raises(ValueError, match=shapes):
        load_classifier(config(9), path)
    deeper = config()
    deeper.model.backbone.depth = 34
    with pytest.raises(ValueError, match=r'missing: backbone\.layer1\.2\.conv1\.weight.* and \d+ more'):
        load_classifier(deeper, path)
    path = save(tmp_path / 'r34.pth', MODELS.build(deeper.model))
    with pytest.raises(ValueError, match=r'unexpected: backbone\.layer1\.2'):
        load_classifier(config(), path)
    torch.save({'state_dict': build().backbone.state_dict()}, tmp_path / 'backbone.pth')
    with pytest.raises(ValueError, match=r'missing: backbone\.conv1\.weight'):
        load_classifier(config(), tmp_path / 'backbone.pth')
    detector = Config(dict(model=dict(type='FasterRCNN')))
    with pytest.raises(ValueError, match=r'FasterRCNN, which is not an ImageClassifier; .* detectors'):
        load_classifier(detector, path)
