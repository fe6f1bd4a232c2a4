import logging
import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import matplotlib
import pytest
import torch

matplotlib.use('Agg')


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(params=[torch.float16, torch.bfloat16], ids=str)
def autocast_dtype(request):
    try:
        with torch.autocast('cpu', dtype=request.param):
            torch.ones(1)
    except RuntimeError as error:  # torch 2.1 knows bfloat16 alone
        pytest.skip(str(error))
    return request.param


@pytest.fixture(scope='session')
def coco(tmp_path_factory):
    from tiny_sets import write_coco  # imports mmdet, which most tests do without

    root = tmp_path_factory.mktemp('coco')
    write_coco(root)
    return root


@pytest.fixture(scope='session')
def voc(tmp_path_factory):
    from tiny_sets import write_voc  # imports mmdet, which most tests do without

    root = tmp_path_factory.mktemp('VOCdevkit')
    write_voc(root)
    return root


@pytest.fixture
def logged():
    """The warnings of mmengine's logger, which hands nothing on to the root."""
    from mmengine.logging import MMLogger

    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)
