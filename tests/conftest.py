import os

os.environ.setdefault('OMP_NUM_THREADS', '1')

import matplotlib
import pytest
import torch

matplotlib.use('Agg')


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
