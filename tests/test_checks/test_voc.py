import pytest
from checking import error_of, training_on
from mmdet.datasets import XMLDataset
from mmdet.registry import DATASETS
from tiny_sets import voc_with

from mmdet_multimix.checks import check_config, check_data


def test_voc_classes_that_never_appear(tmp_path):
    dataset = voc_with(tmp_path / 'voc', ('horse', 'sheep'))
    text = error_of(training_on(dataset))
    assert "'cat', 'dog'" in text and "'horse', 'sheep'" in text


def test_a_subset_of_voc_classes_is_fine(tmp_path):
    dataset = voc_with(tmp_path / 'voc', ('cat', 'dog', 'sheep'))
    check_config(training_on(dataset))
    never = dict(dataset, metainfo=dict(classes=('cat', 'dog', 'sheep', 'horse')))
    check_config(training_on(never))  # every name is known: a class may have no objects


def test_a_misspelt_voc_class_is_looked_for_in_all_annotations(tmp_path, monkeypatch):
    monkeypatch.setattr('mmdet_multimix.checks.voc._XML_FILES_READ', 1)
    dataset = voc_with(tmp_path / 'voc', ('cat', 'sheep', 'dog'))
    check_config(training_on(dataset))
    text = error_of(training_on(dict(dataset, metainfo=dict(classes=('cat', 'dogs')))))
    assert (
        "train_dataloader.dataset: the classes 'dogs' are in none of the annotations" in text
        and "'cat', 'dog', 'sheep'" in text
    )
    # In other sets a class may be rare, and parts of a training set may have labels of their own.
    part = dict(dataset, metainfo=dict(classes=('cat', 'cow')))
    check_config(training_on(dict(type='ConcatDataset', datasets=[part, part])))


def test_voc_files_that_are_missing_or_damaged(tmp_path):
    dataset = voc_with(tmp_path / 'voc')
    (tmp_path / 'voc/Annotations/1.xml').write_text('<a>')
    assert 'not readable XML' in error_of(training_on(dataset))
    (tmp_path / 'voc/Annotations/1.xml').unlink()
    assert 'lists 1, but' in error_of(training_on(dataset))


def rewrite(root, old, new, index=0):
    path = root / f'voc/Annotations/{index}.xml'
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize('name', ['Cat', ' cat', 'CAT '])
def test_names_that_differ_by_case_from_a_class_are_said(tmp_path, capsys, name):
    dataset = voc_with(tmp_path / 'voc', (name, 'dog', 'cat'))
    check_config(training_on(dataset))
    assert (
        f'1 objects of {tmp_path}/voc/ImageSets/Main/train.txt are named {name!r}' in capsys.readouterr().err
    )
    rewrite(tmp_path, '<name>cat', '<name>sheep', 2)
    assert "the classes 'cat' are in none of the annotations" in error_of(training_on(dataset))


@pytest.mark.parametrize(
    ('old', 'new', 'reason'),
    [
        ('<difficult>0', '<difficult>1', 'crowds or difficult'),
        ('<xmax>8', '<xmax>1', 'of negative size'),
        (
            '<xmin>2</xmin><ymin>2</ymin><xmax>8</xmax><ymax>9',
            '<xmin>0</xmin><ymin>0</ymin><xmax>1</xmax><ymax>1',
            'coordinates in 0..1',
        ),
        ('<xmax>8', '<xmax>2.4', 'thinner than a pixel'),
    ],
)
def test_a_set_or_class_without_boxes_left_is_refused(tmp_path, old, new, reason):
    dataset = voc_with(tmp_path / 'voc')
    rewrite(tmp_path, old, new, 0)
    if reason != 'crowds or difficult':
        assert "none of the 1 boxes of 'cat'" in error_of(training_on(dataset))
    rewrite(tmp_path, old, new, 1)
    text = error_of(training_on(dataset))
    assert 'none of the 2 boxes of' in text and reason in text


def test_names_with_spaces_are_read_as_mmdet_does(tmp_path):
    dataset = voc_with(tmp_path / 'voc')
    for folder, suffix in (('Annotations', 'xml'), ('JPEGImages', 'jpg')):
        (tmp_path / f'voc/{folder}/0.{suffix}').rename(tmp_path / f'voc/{folder}/my photo.{suffix}')
    listed = tmp_path / 'voc/ImageSets/Main/train.txt'
    for text in ('my photo\n1\n', 'my photo\r\n1'):
        listed.write_text(text)
        assert len(DATASETS.build(dataset)) == 2
        check_config(training_on(dataset))
    listed.write_text('my photo\n1\n\n')
    with pytest.raises(FileNotFoundError):
        DATASETS.build(dataset)
    assert f'line 3 of {listed} is blank' in error_of(training_on(dataset))


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('<width>12', '<width>12.0', "has the width as '12.0'"),
        ('<height>10</height>', '', 'has the height as None'),
        ('<xmax>8', '<xmax>8,5', "has xmax of object 1, 'cat', as '8,5'"),
        ('<ymin>2', '<ymin>', "has ymin of object 1, 'cat', as ''"),
        ('bndbox', 'polygon', "has xmin of object 1, 'cat', as None"),
        ('<xmin>2', '<xmin>nan', "has xmin of object 1, 'cat', as 'nan'"),
        ('<difficult>0', '<difficult>Unspecified', "has difficult of object 1, 'cat', as 'Unspecified'"),
    ],
)
def test_what_ends_the_reading_of_mmdet_is_named_with_its_file(tmp_path, old, new, said):
    dataset = voc_with(tmp_path / 'voc')
    rewrite(tmp_path, old, new)
    with pytest.raises((ValueError, TypeError, AttributeError)):
        DATASETS.build(dataset)
    path = tmp_path / 'voc/Annotations/0.xml'
    assert f'dataset: {path} {said}, where mmdet reads a number' in error_of(training_on(dataset))
    if 'object' in said:  # of another class mmdet reads nothing but the name
        rewrite(tmp_path, '<name>cat', '<name>sheep')
        assert str(path) not in error_of(training_on(dataset))


def test_an_object_without_a_name_is_named(tmp_path):
    dataset = voc_with(tmp_path / 'voc')
    rewrite(tmp_path, '<name>cat</name>', '')
    with pytest.raises(AttributeError):
        DATASETS.build(dataset)
    path = tmp_path / 'voc/Annotations/0.xml'
    assert f'{path} has object 1 without a name, on which mmdet ends' in error_of(training_on(dataset))
    rewrite(tmp_path, '<object>', '<object><name/>')
    assert len(DATASETS.build(dataset)) == 2
    dataset['metainfo'] = dict(classes=('dog',))
    check_config(training_on(dataset))


@pytest.mark.parametrize(('old', 'new'), [('<xmax>8', '<xmax> 8.0 '), ('<difficult>0', '<difficult> 0\n')])
def test_numbers_that_mmdet_reads_are_no_fault(tmp_path, old, new):
    dataset = voc_with(tmp_path / 'voc')
    rewrite(tmp_path, old, new)
    assert len(DATASETS.build(dataset)) == 2
    check_config(training_on(dataset))


@pytest.mark.parametrize(
    ('encoding', 'said'),
    [('utf-8-sig', 'begins with a byte order mark'), ('utf-16', 'not in UTF-8'), ('latin-1', 'not in UTF-8')],
)
def test_a_list_in_an_encoding_that_mmdet_does_not_read_is_named(tmp_path, encoding, said):
    dataset = voc_with(tmp_path / 'voc')
    listed = tmp_path / 'voc/ImageSets/Main/train.txt'
    listed.write_bytes('0\r\n1\r\né'.encode(encoding))
    with pytest.raises((FileNotFoundError, UnicodeDecodeError)):
        DATASETS.build(dataset)
    text = error_of(training_on(dataset))
    assert f'dataset: {listed} ' in text and said in text and 'Save it' in text


def test_an_object_with_an_empty_name_is_passed_over(tmp_path):
    dataset = voc_with(tmp_path / 'voc')
    rewrite(tmp_path, '<a>', '<a><object><name/></object>')
    assert len(DATASETS.build(dataset)) == 2
    check_config(training_on(dataset))


def test_an_encoding_that_python_cannot_read_is_named(tmp_path):
    dataset = voc_with(tmp_path / 'voc')
    path = tmp_path / 'voc/Annotations/0.xml'
    path.write_bytes(b'<?xml version="1.0" encoding="gb2312"?>' + path.read_bytes())
    with pytest.raises(ValueError, match='multi-byte'):
        DATASETS.build(dataset)
    assert f'{path} is not readable XML' in error_of(training_on(dataset))
    path.write_bytes(path.read_bytes().replace(b'gb2312', b'iso-8859-2'))
    check_config(training_on(dataset))


class Pngs(XMLDataset):
    """Lists its files itself."""

    def load_data_list(self):
        self.cat2label = {name: label for label, name in enumerate(self.metainfo['classes'])}
        names = ('0', '1')
        return [
            self.parse_data_info(dict(img_id=n, file_name=f'{n}.png', xml_path=f'{self.img_subdir}/{n}.xml'))
            for n in names
        ]


class Elsewhere(XMLDataset):
    """Has its annotations in another folder."""

    def __init__(self, ann_subdir='xmls', **kwargs):
        super().__init__(ann_subdir=ann_subdir, **kwargs)


def as_wider(root, dataset):
    """mmdet's layout of WIDER Face."""
    (root / 'WIDER_train').mkdir()
    (root / 'Annotations').rename(root / 'WIDER_train/Annotations')
    (root / 'JPEGImages').rename(root / 'WIDER_train/0--Parade')
    for path in (root / 'WIDER_train/Annotations').iterdir():
        path.write_text(path.read_text().replace('<a>', '<a><folder>0--Parade</folder>'))
    return dict(dataset, type='WIDERFaceDataset', data_prefix=dict(img='WIDER_train'))


def with_pngs(root, dataset):
    for index in range(2):
        (root / f'JPEGImages/{index}.jpg').rename(root / f'{index}.png')
    (root / 'Annotations').rename(root / 'JPEGImages/xmls')
    for path in (root / 'JPEGImages/xmls').iterdir():
        path.rename(root / f'JPEGImages/{path.name}')
    return dict(dataset, type=Pngs, img_subdir=str(root / 'JPEGImages'))


def elsewhere(root, dataset):
    (root / 'Annotations').rename(root / 'xmls')
    return dict(dataset, type=Elsewhere)


@pytest.mark.parametrize('change', [as_wider, with_pngs, elsewhere])
def test_the_files_of_a_type_that_reads_them_itself_are_not_judged(tmp_path, change):
    dataset = change(tmp_path / 'voc', voc_with(tmp_path / 'voc'))
    assert len(DATASETS.build(dict(dataset))) == 2
    cfg = training_on(dataset, val_dataloader=dict(dataset=dict(dataset, test_mode=True)))
    check_config(cfg)
    assert check_data([cfg], {}) == []
