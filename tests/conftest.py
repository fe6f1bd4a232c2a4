import os

os.environ.setdefault('OMP_NUM_THREADS', '2')

import matplotlib  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402

matplotlib.use('Agg')


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)
