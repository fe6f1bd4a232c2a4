"""Pascal VOC's XML in the layouts that people have."""

import unicodedata

import mmcv
import pytest
from photographs import BOXES, SIZE, WHOLE, flat_voc, photograph, prepared, xml
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mmdet_multimix.checks.images import loaded_size
from mmdet_multimix.preparing import PreparingError


def test_a_flat_folder_with_endings_in_capitals(tmp_path):
    said, splits, report = prepared(flat_voc(tmp_path / 'cards'))
    assert splits == {'train': {f'IMG_{index}.JPG': WHOLE for index in range(4)}}
    assert report['classes'] == ['cat', 'dog'] and '4 images' in said and '--split 0.2' in said


def test_folders_of_train_and_test(tmp_path):
    flat_voc(tmp_path / 'cards/train', 3)
    flat_voc(tmp_path / 'cards/test', 2, '.jpeg')
    _, splits, _ = prepared(tmp_path / 'cards')
    assert {name: len(images) for name, images in splits.items()} == {'train': 3, 'test': 2}
    assert set(splits['test']) == {'test/IMG_0.jpeg', 'test/IMG_1.jpeg'}


@pytest.mark.parametrize(
    'folders', [('JPEGImages', 'Annotations'), ('images', 'xml'), ('a/pics', 'b/labels')]
)
def test_folders_of_images_and_annotations(tmp_path, folders):
    for name in ('my photo', 'Grüße.v2', 'x'):
        photograph(tmp_path / f'set/{folders[0]}/{name}.png')
        xml(tmp_path / f'set/{folders[1]}/{name}.xml')
    _, splits, _ = prepared(tmp_path / 'set')
    assert splits['train'] == {f'{folders[0]}/{name}.png': WHOLE for name in ('Grüße.v2', 'my photo', 'x')}


def test_vocs_own_lists_are_the_splits(tmp_path):
    for year, names in (('VOC2007', 'abc'), ('VOC2012', 'ade')):
        for name in names:
            photograph(tmp_path / f'kit/{year}/JPEGImages/{name}.jpg', seed=ord(name) + len(names))
            xml(tmp_path / f'kit/{year}/Annotations/{name}.xml')
        (tmp_path / f'kit/{year}/ImageSets/Main').mkdir(parents=True)
    (tmp_path / 'kit/VOC2007/ImageSets/Main/train.txt').write_text('a\n')
    (tmp_path / 'kit/VOC2007/ImageSets/Main/val.txt').write_text('b\n\n')
    (tmp_path / 'kit/VOC2012/ImageSets/Main/trainval.txt').write_text('a\nd\n')
    (tmp_path / 'kit/VOC2012/ImageSets/Main/test.txt').write_text('e\n')
    _, splits, report = prepared(tmp_path / 'kit')
    assert set(splits['train']) == {
        f'VOC20{path}.jpg' for path in ('07/JPEGImages/a', '12/JPEGImages/a', '12/JPEGImages/d')
    }
    assert set(splits['val']) == {'VOC2007/JPEGImages/b.jpg'}
    assert set(splits['test']) == {'VOC2012/JPEGImages/e.jpg'}
    lost = f'{tmp_path}/kit/VOC2007/JPEGImages/c.jpg'
    assert report['files_left_out'] == {'images that are in no list of ImageSets': [lost]}  # and said once


@pytest.mark.parametrize('names', ['a.jpg\nb', 'a 1\nb', 'a\nb\nlost'])
def test_names_in_lists_that_lead_nowhere_are_named(tmp_path, names):
    for name in 'ab':
        photograph(tmp_path / f'kit/JPEGImages/{name}.jpg', seed=ord(name))
        xml(tmp_path / f'kit/Annotations/{name}.xml')
    listed = tmp_path / 'kit/ImageSets/Main/train.txt'
    listed.parent.mkdir(parents=True)
    listed.write_text(names)
    (wrong,) = {'a.jpg', 'a 1', 'lost'} & set(names.split('\n'))
    _, splits, report = prepared(tmp_path / 'kit')
    assert len(splits['train']) == (2 if wrong == 'lost' else 1)
    assert report['files_left_out']['names in ImageSets without annotations'] == [f'{wrong} ({listed})']
    listed.rename(listed.with_name('val.txt'))
    with pytest.raises(PreparingError, match=r'none to train on\. 1 names in ImageSets without'):
        prepared(tmp_path / 'kit')


def test_annotations_that_name_another_image_that_is_there_are_said(tmp_path):
    """Who renames images with their annotations leaves the old names in these; others count them differently."""
    root = tmp_path / 'set'
    for index in range(3):
        photograph(root / f'images/{index}.jpg', seed=index)
        xml(root / f'labels/{index}.xml', filename=f'{index + 1}.JPG')
    said, splits, _ = prepared(root)
    assert splits['train'] == {f'images/{index}.jpg': WHOLE for index in range(3)}
    assert '2 annotations say in filename that they are of another image' in said and '0.xml' in said
    for index in range(3):
        xml(root / f'labels/{index}.xml', filename=f'{index}.png')
    assert 'say in filename' not in prepared(root)[0]


def kit(root, lists, names):
    """VOC's folders, with images of some names and lists of them."""
    for number, name in enumerate(names):
        photograph(root / f'JPEGImages/{name}.jpg', seed=number)
        xml(root / f'Annotations/{name}.xml')
    for name, listed in lists.items():
        path = root / f'ImageSets/Main/{name}'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(''.join(f'{line}\n' for line in listed))
    return root


@pytest.mark.parametrize(
    ('train', 'val'),
    [
        ('Train.txt', 'Validation.txt'),
        ('default.txt', 'Val.txt'),
        ('TRAIN.TXT', 'valid.txt'),
        ('train2007.txt', 'val2007.txt'),
    ],
)
def test_lists_in_any_spelling_are_the_splits(tmp_path, train, val):
    """CVAT names them as its users name their subsets, and as default what is in none."""
    lists = {train: ['a', 'my photo'], val: ['c'], 'cat_train.txt': ['a  1', 'my photo  1']}
    _, splits, report = prepared(kit(tmp_path / 'set', lists, ['a', 'my photo', 'c']))
    assert {split: set(images) for split, images in splits.items()} == {
        'train': {'JPEGImages/a.jpg', 'JPEGImages/my photo.jpg'},
        'val': {'JPEGImages/c.jpg'},
    }
    assert not report['files_left_out']


def test_lists_without_main_are_the_splits(tmp_path):
    root = kit(tmp_path / 'set', {'../train.txt': ['a'], '../val.txt': ['b']}, ['a', 'b'])
    assert {split: len(images) for split, images in prepared(root)[1].items()} == {'train': 1, 'val': 1}


@pytest.mark.parametrize('line', ['{}.jpg', 'JPEGImages/{0}.jpg Annotations/{0}.xml', 'Blüte'])
def test_lists_without_main_that_name_files_are_said(tmp_path, line):
    """They may be of another tool, and no image would be left."""
    root = kit(tmp_path / 'set', {}, ['a', 'b'])
    (root / 'ImageSets').mkdir()
    for name, split in (('a', 'train'), ('b', 'val')):
        (root / f'ImageSets/{split}.txt').write_text(line.format(name), encoding='latin-1')
    said, splits, report = prepared(root)
    assert len(splits['train']) == 2 and not report['files_left_out']
    assert ('lists of images that are not read' in said) == ('{' in line)


@pytest.mark.parametrize('line', ['{}', 'JPEGImages/{}.jpg', 'JPEGImages\\{}.jpg Annotations\\{}.xml'])
def test_lists_in_another_place_are_said(tmp_path, line):
    """All of their images are learnt."""
    root = kit(tmp_path / 'set', {}, ['a', 'b'])
    (root / 'notes.txt').write_text('a\n')
    (root / 'test.txt').write_text('of the camera\n')
    assert 'lists of images' not in prepared(root)[0]
    (root / 'Val.txt').write_text(line.format('a', 'a'))
    said, splits, _ = prepared(root)
    assert set(splits) == {'train'} and 'are in ImageSets/Main, where names have no endings: ' in said
    assert f'move them there: {root}/Val.txt\n' in said


def test_a_list_of_all_without_a_split_says_nothing(tmp_path):
    root = kit(tmp_path / 'set', {'default.txt': ['a', 'lost']}, ['a', 'b'])
    said, splits, report = prepared(root)
    assert len(splits['train']) == 2 and not report['files_left_out'] and 'lists of images' not in said


@pytest.mark.parametrize('ending', ['', '.jpg'])
def test_lists_of_classes_are_the_splits_where_there_are_no_others(tmp_path, ending):
    """VoTT writes these alone."""
    names = ['a', 'my photo', 'c', 'video.mp4#t=1.5']
    lists = {
        f'{label}_{split}.txt': [f'{name}{ending} {flag}' for name in listed]
        for label, flag in (('cat', '1'), ('a_dog', '-1'))
        for split, listed in (('train', names[:2]), ('val', names[2:]))
    }
    _, splits, report = prepared(kit(tmp_path / 'set', lists, names))
    assert {split: set(images) for split, images in splits.items()} == {
        'train': {f'JPEGImages/{name}.jpg' for name in names[:2]},
        'val': {f'JPEGImages/{name}.jpg' for name in names[2:]},
    }
    assert not report['files_left_out']


def test_lists_of_classes_that_name_no_annotation_say_nothing(tmp_path):
    root = kit(tmp_path / 'set', {'cat_val.txt': ['lost 1'], 'dog.txt': ['a 1']}, ['a', 'b'])
    _, splits, report = prepared(root)
    assert len(splits['train']) == 2 and not report['files_left_out']


@pytest.mark.parametrize('between', ['/', '\\'])
def test_lists_with_folders(tmp_path, between):
    names = ['one/a', 'one/b', 'two/a']
    lists = {'train.txt': ['one/a', 'one/b'], 'val.txt': ['two/a']}
    lists = {path: [name.replace('/', between) for name in listed] for path, listed in lists.items()}
    _, splits, report = prepared(kit(tmp_path / 'set', lists, names))
    assert {split: set(images) for split, images in splits.items()} == {
        'train': {'JPEGImages/one/a.jpg', 'JPEGImages/one/b.jpg'},
        'val': {'JPEGImages/two/a.jpg'},
    }
    assert not report['files_left_out']


def test_images_of_one_name_are_told_apart_by_what_the_annotations_say(tmp_path):
    root = flat_voc(tmp_path / 'set', 1)
    for name in ('a.png', 'a.jpg', 'b.png', 'b.jpg'):
        photograph(root / name)
    xml(root / 'a.xml', filename='a.png')
    xml(root / 'b.xml', filename='something.gif')
    _, splits, report = prepared(root)
    assert set(splits['train']) == {'IMG_0.JPG', 'a.png'}
    (reason,) = [reason for reason in report['files_left_out'] if 'which of two images' in reason]
    assert report['files_left_out'][reason] == [str(root / 'b.xml')]
    assert len(report['files_left_out']['images without annotations']) == 3


def test_what_cannot_be_used_is_left_out_and_said(tmp_path):
    root = flat_voc(tmp_path / 'set', 2)
    xml(root / 'nothing.xml')
    (root / 'broken.xml').write_text('<annotation><object>')
    (root / 'other.xml').write_text('<project/>')
    photograph(root / 'broken.jpg')
    (root / 'empty.jpg').write_bytes(b'')
    xml(root / 'empty.xml')
    (root / 'text.png').write_text('no image')
    xml(root / 'text.xml')
    (root / 'phone.HEIC').write_bytes(b'heic')
    photograph(root / 'small.jpg', (30, 20))
    xml(root / 'small.xml')
    said, splits, report = prepared(root)
    assert set(splits['train']) == {'IMG_0.JPG', 'IMG_1.JPG'}
    reasons = ' '.join(report['files_left_out'])
    for reason in (
        'annotations without an image', 'cannot be read (ParseError', 'that are empty files',
        'images that cannot be read', 'convert them to JPEG', 'not as large', 'images without annotations',
    ):  # fmt: skip
        assert reason in reasons and reason in said
    assert '30 x 20, not 60 x 40' in str(report['files_left_out'])


@pytest.mark.parametrize('size', [None, (0, 0)])
def test_annotations_without_a_size(tmp_path, size):
    photograph(tmp_path / 'set/a.bmp')
    xml(tmp_path / 'set/a.xml', size=size)
    assert prepared(tmp_path / 'set')[1]['train'] == {'a.bmp': WHOLE}


@pytest.mark.parametrize('encoding', ['gb2312', 'iso-8859-1', 'utf-16', 'UTF-8'])
def test_encodings(tmp_path, encoding):
    photograph(tmp_path / 'set/a.png')
    path = xml(tmp_path / 'set/a.xml', head=f"<?xml version='1.0' encoding='{encoding}'?>\n")
    name = '猫' if encoding in ('gb2312', 'utf-16', 'UTF-8') else 'é'
    path.write_bytes(path.read_text().replace('cat', name).encode(encoding))
    assert prepared(tmp_path / 'set')[2]['classes'] == sorted(['dog', name])


@pytest.mark.parametrize(
    'head', ['', "<?xml version='1.0'?>", "\r\n<?xml version='1.0' encoding='utf-8'?>\r\n"]
)
@pytest.mark.parametrize('encoding', ['utf-8', 'gb2312'])
def test_a_byte_order_mark(tmp_path, head, encoding):
    """It is right where the encoding that is declared is not."""
    photograph(tmp_path / 'set/a.png')
    path = xml(tmp_path / 'set/a.xml', head=head.replace('utf-8', encoding))
    path.write_bytes(f'\ufeff{path.read_text().replace("cat", "猫")}'.encode())
    assert prepared(tmp_path / 'set')[2]['classes'] == ['dog', '猫']


def test_objects_in_a_namespace(tmp_path):
    root = flat_voc(tmp_path / 'set', 1)
    path = root / 'IMG_0.xml'
    path.write_text(
        path.read_text().replace('<annotation>', '<!-- mine --><annotation xmlns="http://x.org/a">')
    )
    assert prepared(root)[1]['train'] == {'IMG_0.JPG': WHOLE}


def test_boxes_that_are_not_learnt(tmp_path):
    root = flat_voc(tmp_path / 'set', 1)
    photograph(root / 'bad.png', seed=9)
    far, nan = (100, 100, 120, 120), ('nan', 1, 5, 9)
    objects = [('cat', box) for box in ((9, 9, 9, 20), (20, 9, 10, 20), far, nan, (-9, -5, 30, 99))]
    objects += [('', (1, 1, 9, 9)), ('dog', BOXES['dog']), ('dog', BOXES['dog'])]
    xml(root / 'bad.xml', objects)
    said, splits, report = prepared(root)
    assert splits['train']['bad.png'] == [('cat', (0, 0, 30, SIZE[1]), 0), ('dog', BOXES['dog'], 0)]
    dropped = report['splits']['train']['boxes_left_out']
    assert dropped == {
        'thinner than a pixel': {'cat': 1},
        'of negative size': {'cat': 1},
        'outside of their image': {'cat': 1},
        'without a box': {'cat': 1},
        'given twice': {'dog': 1},
        'of other classes': {'(no name)': 1},
    }
    assert 'note: 1 boxes reach over the border' in said


def test_a_class_or_set_of_which_no_box_is_left_is_refused(tmp_path):
    root = flat_voc(tmp_path / 'set', 2)
    xml(root / 'IMG_0.xml', [('cat', (0.1, 0.1, 0.5, 0.5)), ('dog', BOXES['dog'])])
    xml(root / 'IMG_1.xml', [('dog', BOXES['dog'])])
    with pytest.raises(PreparingError, match=r"none of the 1 boxes of 'cat' .* coordinates in 0..1"):
        prepared(root)
    assert not (tmp_path / 'set_out').exists()
    assert prepared(root, classes=['dog'])[2]['classes'] == ['dog']


def test_difficult_objects_are_neither_learnt_nor_background(tmp_path):
    root = flat_voc(tmp_path / 'set', 2)
    path = root / 'IMG_0.xml'
    path.write_text(path.read_text().replace('</name>', '</name><difficult>1</difficult>', 1))
    said, splits, report = prepared(root)
    assert splits['train']['IMG_0.JPG'] == [('cat', BOXES['cat'], 1), ('dog', BOXES['dog'], 0)]
    assert report['splits']['train']['boxes'] == dict(cat=1, dog=2) and '1 objects are crowds' in said


@pytest.mark.parametrize('text', ['False', 'false', ' 0 ', '0.0', 'no', 'Unspecified', ''])
def test_objects_that_are_not_difficult_in_any_spelling(tmp_path, text):
    root = flat_voc(tmp_path / 'set', 2)
    for path in root.glob('*.xml'):
        path.write_text(path.read_text().replace('</name>', f'</name><difficult>{text}</difficult>'))
    assert prepared(root)[1]['train'] == {f'IMG_{index}.JPG': WHOLE for index in range(2)}


@pytest.mark.parametrize(
    ('degrees', 'box'),
    [
        ('0.0', (10, 15, 40, 25)),
        ('90.0', (20, 5, 30, 35)),
        ('270', (20, 5, 30, 35)),
        ('180.0', (10, 15, 40, 25)),
        ('30', (9.51, 8.17, 40.49, 31.83)),
        ('askew', (10, 15, 40, 25)),
        ('nan', (10, 15, 40, 25)),
    ],
)
def test_rotated_boxes_become_the_upright_ones_around_them(tmp_path, degrees, box):
    """CVAT writes the box before it is rotated, and beside it by how much it is."""
    root = flat_voc(tmp_path / 'set', 1)
    xml(root / 'IMG_0.xml', [('cat', (10, 15, 40, 25))])
    attribute = f'<attribute><name>rotation</name><value>{degrees}</value></attribute>'
    text = (
        (root / 'IMG_0.xml')
        .read_text()
        .replace('</object>', f'<attributes>{attribute}</attributes></object>')
    )
    (root / 'IMG_0.xml').write_text(text)
    said, splits, _ = prepared(root)
    assert splits['train']['IMG_0.JPG'] == [('cat', pytest.approx(box, abs=0.01), 0)]
    assert ('1 boxes were drawn rotated: the upright box' in said) == (box != (10, 15, 40, 25))


@pytest.mark.parametrize('ending', ['jpg', 'png', 'tif', 'webp', 'bmp'])
def test_formats_that_are_turned_or_not_are_taken_as_mmdet_loads_them(tmp_path, ending):
    path = photograph(tmp_path / f'set/a.{ending}', SIZE, exif=8)
    height, width = mmcv.imread(str(path)).shape[:2]
    xml(tmp_path / 'set/a.xml', [('cat', (3, 4, 20, 30))], (width, height))
    assert prepared(tmp_path / 'set')[1]['train'] == {f'a.{ending}': [('cat', (3, 4, 20, 30), 0)]}


def test_umlauts_of_another_system_and_another_case(tmp_path):
    root = tmp_path / 'set'
    photograph(root / unicodedata.normalize('NFC', 'Blüte.jpg'))
    xml(root / unicodedata.normalize('NFD', 'blüte.XML'))
    assert prepared(root)[1]['train'] == {unicodedata.normalize('NFC', 'Blüte.jpg'): WHOLE}


def test_links_that_lead_nowhere(tmp_path):
    root = flat_voc(tmp_path / 'set', 2)
    (root / 'lost.jpg').symlink_to('/nowhere.jpg')
    (root / 'lost.xml').symlink_to('/nowhere.xml')
    (root / 'folder.xml').mkdir()
    (root / 'folder.jpg').mkdir()
    assert set(prepared(root)[1]['train']) == {'IMG_0.JPG', 'IMG_1.JPG'}


@pytest.mark.parametrize('turn', range(1, 9))
def test_photographs_that_lie_on_their_side(tmp_path, turn):
    """Boxes of the stored image are turned with it, those of the upright image stay."""
    root, size = tmp_path / 'set', (64, 40)
    root.mkdir()
    image = Image.new('RGB', size)
    image.paste((255, 255, 255), (8, 8, 32, 24))
    exif = Image.Exif()
    exif[0x0112] = turn
    for name in ('stored', 'upright'):
        image.save(root / f'{name}.jpg', exif=exif, quality=95)
    loaded = mmcv.imread(str(root / 'stored.jpg'))
    rows, columns = (loaded[..., 0] > 128).nonzero()
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    swapped = turn >= 5
    assert (loaded.shape[1], loaded.shape[0]) == (size[::-1] if swapped else size)
    xml(root / 'stored.xml', [('white', (8, 8, 32, 24))], size)
    xml(root / 'upright.xml', [('white', tuple(seen))], size[::-1] if swapped else size)
    said, splits, _ = prepared(root)
    assert splits['train']['upright.jpg'] == [('white', seen, 0)]
    if swapped:
        assert splits['train']['stored.jpg'] == [('white', seen, 0)] and '1 images lie on their side' in said
    assert ('2 images are turned by 180' in said) == (turn in (2, 3, 4))


@pytest.mark.parametrize(
    ('size', 'turn', 'is_said'), [((40, 40), 6, True), ((40, 40), 1, False), (SIZE, 6, False)]
)
def test_square_photographs_that_are_turned_are_named_as_their_size_tells_nothing(
    tmp_path, size, turn, is_said
):
    photograph(tmp_path / 'set/a.jpg', size, exif=turn)
    xml(tmp_path / 'set/a.xml', [('cat', (5, 6, 25, 30))], size)
    said = prepared(tmp_path / 'set')[0]
    assert ('nothing says on which image their boxes were drawn' in said) == is_said


@pytest.mark.parametrize('ending', ['jpg', 'png'])
@pytest.mark.parametrize('camera', [None, 'mine'])
def test_a_turn_that_only_xmp_tells_of_is_none(tmp_path, ending, camera):
    """As programs for photographs leave it behind: Pillow reads it, OpenCV does not."""
    path = photograph(tmp_path / f'set/a.{ending}')
    text = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    info = PngInfo()
    info.add_itxt('XML:com.adobe.xmp', text)
    exif = Image.Exif()
    exif.update({} if camera is None else {0x0110: camera})
    options = dict(xmp=text.encode()) if ending == 'jpg' else dict(pnginfo=info)
    Image.open(path).save(path, exif=exif, **options)
    assert mmcv.imread(str(path)).shape[1::-1] == SIZE and loaded_size(path) in (SIZE, None)
    xml(tmp_path / 'set/a.xml')
    said, splits, _ = prepared(tmp_path / 'set')
    assert splits['train'] == {path.name: WHOLE} and 'lie on their side' not in said


@pytest.mark.parametrize(
    ('image', 'mask', 'annotation'),
    [
        ('images/0.jpg', 'annotations/trimaps/0.png', 'annotations/xmls/0.xml'),  # as Oxford-IIIT Pet
        ('train/images/0.jpg', 'train/labels/masks/0.png', 'train/labels/0.xml'),
        ('a/images/0.jpg', 'a/0.png', 'a/xml/train/0.xml'),
    ],
)
def test_a_mask_that_is_nearer_than_the_image_of_the_name(tmp_path, image, mask, annotation):
    root = tmp_path / 'set'
    photograph(root / image)
    photograph(root / mask, seed=1)
    xml(root / annotation, filename='0.jpg')
    assert prepared(root)[1] == {'train': {image: WHOLE}}


def test_a_mask_is_not_taken_for_an_image_that_is_missing(tmp_path):
    root = tmp_path / 'set'
    for index in range(3):
        photograph(root / f'images/{index}.jpg', seed=index)
        photograph(root / f'masks/{index}.png', seed=9 + index)
        xml(root / f'labels/{index}.xml', filename=f'{index}.jpg')
    (root / 'images/1.jpg').unlink()
    photograph(root / 'images/2.png', seed=2)  # converted since
    (root / 'images/2.jpg').unlink()
    (root / 'masks/2.png').unlink()
    _, splits, report = prepared(root)
    assert splits['train'] == {'images/0.jpg': WHOLE, 'images/2.png': WHOLE}
    assert report['files_left_out']['annotations without an image'] == [f'{root}/labels/1.xml']
    assert report['files_left_out']['images without annotations'] == [f'{root}/masks/{i}.png' for i in (0, 1)]


def test_images_in_a_folder_of_their_own_that_were_converted_are_taken(tmp_path):
    root = tmp_path / 'set'
    for name, ending in (('0', 'jpg'), ('1', 'png')):
        photograph(root / f'images/{ending}/{name}.{ending}', seed=int(name))
        xml(root / f'labels/{name}.xml', filename=f'{name}.jpg')
    assert set(prepared(root)[1]['train']) == {'images/jpg/0.jpg', 'images/png/1.png'}


def test_images_of_one_name_in_folders_as_those_of_the_annotations(tmp_path):
    root = tmp_path / 'set'
    for number, split in enumerate(('train', 'val')):
        photograph(root / f'images/{split}/0.png', seed=number)
        xml(root / f'annotations/{split}/0.xml', filename='0.jpg')  # converted since
    assert prepared(root)[1] == {split: {f'images/{split}/0.png': WHOLE} for split in ('train', 'val')}


@pytest.mark.parametrize(
    ('images', 'annotations'),
    [
        (('a/images/0.jpg', 'b/images/0.png'), ('a/annotations/0.xml', 'b/annotations/0.xml')),
        (('a/images/0.jpg', 'b/train/0.jpg'), ('a/train/0.xml', 'b/train/0.xml')),
    ],
)
def test_an_image_of_another_part_that_has_annotations_is_theirs(tmp_path, images, annotations):
    root = tmp_path / 'set'
    for number, (image, path) in enumerate(zip(images, annotations, strict=True)):
        photograph(root / image, seed=number)
        xml(root / path, [('cat', (5 + number, 6, 25, 30))], filename='0.png')
    boxes = {image: boxes for images in prepared(root)[1].values() for image, boxes in images.items()}
    assert {image: found[0][1][0] for image, found in boxes.items()} == {images[0]: 5, images[1]: 6}
    (root / images[0]).unlink()
    boxes = {image: boxes for images in prepared(root)[1].values() for image, boxes in images.items()}
    assert {image: found[0][1][0] for image, found in boxes.items()} == {images[1]: 6}
