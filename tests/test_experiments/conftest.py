import pytest
from tiny_sets import write_coco, write_voc


@pytest.fixture(scope='session')
def coco(tmp_path_factory):
    root = tmp_path_factory.mktemp('coco')
    write_coco(root)
    return root


@pytest.fixture(scope='session')
def voc(tmp_path_factory):
    root = tmp_path_factory.mktemp('VOCdevkit')
    write_voc(root)
    return root
