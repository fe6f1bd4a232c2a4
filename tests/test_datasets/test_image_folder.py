import shutil

import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmdet_multimix.datasets import ImageFolderDataset, TinyImageNetDataset


@pytest.fixture
def root(tmp_path):
    """Two splits of solid images: cats are of level 10, dogs of level 200, owls of level 90."""
    for split in ('train', 'val'):
        for name, level in {'owl': 90, 'cat': 10, 'dog': 200}.items():
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for i in range(2):
                Image.fromarray(np.full((6, 6, 3), level, np.uint8)).save(folder / f'{i}.png')
    return tmp_path


def test_classes_are_the_sorted_folders(root):
    dataset = ImageFolderDataset(str(root), 'val')
    assert dataset.classes == ('cat', 'dog', 'owl')
    assert len(dataset) == 6
    assert [(item['gt_label'], int(item['inputs'][0, 0, 0])) for item in dataset][::2] == [
        (0, 10),
        (1, 200),
        (2, 90),
    ]


def test_given_classes_set_the_labels(root):
    dataset = ImageFolderDataset(str(root), classes=['owl', 'dog', 'cat'])
    assert dataset.metainfo['classes'] == ('owl', 'dog', 'cat')
    assert {(item['gt_label'], int(item['inputs'].max())) for item in dataset} == {(0, 90), (1, 200), (2, 10)}


def test_other_classes_than_the_folders_are_refused(root):
    with pytest.raises(ValueError, match='missing lion, unexpected owl'):
        ImageFolderDataset(str(root), classes=['cat', 'dog', 'lion'])


def test_hidden_folders_are_no_classes(root):
    for name in ('.ipynb_checkpoints', '.thumbs', '__MACOSX', '@eaDir'):
        shutil.copytree(root / 'train/cat', root / 'train' / name)
    assert ImageFolderDataset(str(root)).classes == ('cat', 'dog', 'owl')
    assert len(ImageFolderDataset(str(root), classes=['owl', 'dog', 'cat'])) == 6
    named = ImageFolderDataset(str(root), classes=['owl', 'dog', 'cat', '.thumbs'])
    assert named.classes[-1] == '.thumbs' and len(named) == 8


def test_hidden_files_are_no_images(root):
    (root / 'train/cat/._0.png').write_bytes(b'')
    assert len(ImageFolderDataset(str(root))) == 6


def test_images_whose_names_end_otherwise_are_said_once(root, logged):
    ImageFolderDataset(str(root))
    assert not logged
    folder = root / 'train/cat'
    for index in range(3):
        (folder / f'{index}.HEIC').write_bytes(b'heic')
    for name in ('a.jfif', 'a', 'b.jpg~', '.c'):
        shutil.copy(folder / '0.png', folder / name)
    for name in ('notes.txt', 'boxes.csv', 'a.json', 'a.xml', 'Thumbs.db', '.DS_Store', 'README', 'a.mp4'):
        (folder / name).write_bytes(b'no image')
    for per_class in (None, (0, 1), (1, 2)):
        assert len(ImageFolderDataset(str(root), per_class=per_class)) in (6, 3)
    (line,) = logged
    assert line.startswith(f'{root}/train has 6 images that are left out because of how their names end: ')
    assert ': 3 .heic, 1 .jfif' in line.replace('1 .jpg~, ', '').replace('1 without an ending, ', '')
    assert '1 .jpg~' in line and '1 without an ending' in line and 'convert them to JPEG' in line


@pytest.mark.parametrize(('ending', 'said'), [('.heic', '2 .heic'), ('', '2 without'), ('.jfif', '2 .jfif')])
def test_a_class_of_nothing_else_is_refused_with_the_reason(root, ending, said):
    for path in (root / 'train/owl').iterdir():
        path.rename(path.with_suffix(ending))
    with pytest.raises(FileNotFoundError, match=rf'classes owl\. .*2 images that are left out.*: {said}'):
        ImageFolderDataset(str(root))


def test_classes_that_differ_by_case_only_are_said(root, logged):
    assert len(ImageFolderDataset(str(root)).classes) == 3 and not logged
    for name in ('Cat', 'CAT', 'dogs'):
        shutil.copytree(root / 'train/cat', root / 'train' / name)
    assert len(ImageFolderDataset(str(root)).classes) == 6
    assert logged == [
        f"{root}/train has classes that differ by case only: 'CAT', 'Cat', 'cat'. Are they one?"
    ]


def grey16(path):
    Image.fromarray(np.linspace(0, 65535, 36, dtype=np.uint16).reshape(6, 6)).save(path)


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((8, 6), 80).convert('RGB').save(path, exif=exif)


def transparent(path):
    Image.effect_noise((6, 6), 80).convert('RGBA').save(path)


def palette(path):
    Image.effect_noise((6, 6), 80).convert('P').save(path)


def cmyk(path):
    Image.effect_noise((16, 16), 80).convert('CMYK').save(path)


@pytest.mark.parametrize(
    ('write', 'suffix'),
    [
        (grey16, 'png'),
        (turned, 'jpg'),
        (transparent, 'png'),
        (palette, 'png'),
        (grey16, 'tif'),
        (cmyk, 'jpg'),
    ],
)
def test_a_picture_is_the_same_in_pretraining_and_in_detection(root, write, suffix):
    path = root / f'train/cat/00.{suffix}'
    write(path)
    detected = LoadImageFromFile()(dict(img_path=str(path)))['img'][..., ::-1]  # BGR
    pretrained = ImageFolderDataset(str(root))[1]['inputs'].permute(1, 2, 0).numpy()
    assert np.array_equal(pretrained, detected)
    assert len(np.unique(pretrained)) > 20


@pytest.mark.parametrize('folder', ['@eaDir/00.png', '.ipynb_checkpoints', 'more/__MACOSX', 'more'])
def test_what_is_left_behind_inside_a_class_is_no_image(root, folder):
    """Synology keeps thumbnails beside the images of each folder."""
    before = len(ImageFolderDataset(str(root)))
    left = root / 'train/cat' / folder
    left.mkdir(parents=True)
    Image.new('RGB', (6, 6)).save(left / 'SYNOPHOTO_THUMB_M.png')
    assert len(ImageFolderDataset(str(root))) == before + (folder == 'more')


def test_a_data_set_in_a_hidden_folder_is_one(root):
    before = len(ImageFolderDataset(str(root)))
    hidden = root.rename(root.with_name('.cache'))
    assert len(ImageFolderDataset(str(hidden))) == before


@pytest.mark.parametrize('content', [b'', b'no image', b'\x89PNG\r\n\x1a\n'])
def test_a_file_that_is_no_image_is_named(root, content):
    (root / 'train/cat/0.png').write_bytes(content)
    with pytest.raises(ValueError, match=r'train/cat/0\.png cannot be read as an image'):
        ImageFolderDataset(str(root))[0]


def test_class_without_images_is_refused(root):
    (root / 'train' / 'yak').mkdir()
    with pytest.raises(FileNotFoundError, match='yak'):
        ImageFolderDataset(str(root))


def test_missing_folder_says_what_is_wanted(root):
    with pytest.raises(FileNotFoundError, match=r'no folder .*test: .*test/CLASS/'):
        ImageFolderDataset(str(root), 'test')


@pytest.fixture
def tiny_imagenet(tmp_path):
    """The archive's layout, two classes: n02 is of level 200, n01 of level 10."""
    (tmp_path / 'wnids.txt').write_text('n02\nn01\n')
    (tmp_path / 'val' / 'images').mkdir(parents=True)
    lines = []
    for i, (name, level) in enumerate([('n02', 200), ('n01', 10), ('n02', 200)]):
        image = Image.fromarray(np.full((6, 6, 3), level, np.uint8))
        (tmp_path / 'train' / name / 'images').mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / 'train' / name / 'images' / f'{name}_{i}.JPEG')
        image.save(tmp_path / 'val' / 'images' / f'val_{i}.JPEG')
        lines.append(f'val_{i}.JPEG\t{name}\t0\t0\t5\t5\n')
    (tmp_path / 'val' / 'val_annotations.txt').write_text(''.join(lines))
    return tmp_path


def labels_by_level(dataset):
    return [(item['gt_label'], int(item['inputs'].max()) > 100) for item in dataset]


def test_tiny_imagenet_as_its_archive_has_it(tiny_imagenet):
    train, val = (TinyImageNetDataset(str(tiny_imagenet), split) for split in ('train', 'val'))
    assert train.classes == val.classes == ('n01', 'n02')
    assert labels_by_level(train) == [(0, False), (1, True), (1, True)]
    assert labels_by_level(val) == [(1, True), (0, False), (1, True)]


def test_tiny_imagenet_sorted_into_folders(tiny_imagenet):
    for line in (tiny_imagenet / 'val' / 'val_annotations.txt').read_text().splitlines():
        name, wnid = line.split('\t')[:2]
        (tiny_imagenet / 'val' / wnid).mkdir(exist_ok=True)
        (tiny_imagenet / 'val' / 'images' / name).rename(tiny_imagenet / 'val' / wnid / name)
    (tiny_imagenet / 'val' / 'images').rmdir()
    (tiny_imagenet / 'val' / 'val_annotations.txt').unlink()
    val = TinyImageNetDataset(str(tiny_imagenet), 'val')
    assert labels_by_level(val) == [(0, False), (1, True), (1, True)]


@pytest.mark.parametrize(
    ('broken', 'message'),
    [
        ('wnids.txt', r'no .*wnids.txt\. Unpack tiny-imagenet-200'),
        ('val/val_annotations.txt', r'no .*val_annotations.txt\. Unpack'),
        ('val/images/val_1.JPEG', 'line 2: there is no image .*val_1.JPEG'),
    ],
)
def test_tiny_imagenet_that_is_not_whole(tiny_imagenet, broken, message):
    (tiny_imagenet / broken).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        TinyImageNetDataset(str(tiny_imagenet), 'val')


def test_tiny_imagenet_with_a_class_that_is_not_listed(tiny_imagenet):
    (tiny_imagenet / 'val' / 'val_annotations.txt').write_text('val_0.JPEG\tn77\t0\t0\t5\t5\n')
    with pytest.raises(ValueError, match=r"line 1: .*'val_0.JPEG\\tn77"):
        TinyImageNetDataset(str(tiny_imagenet), 'val')
    with pytest.raises(ValueError, match="'train' or 'val', got 'test'"):
        TinyImageNetDataset(str(tiny_imagenet), 'test')
