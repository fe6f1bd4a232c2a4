"""What `mmdet_multimix.ops` offers."""

import mmdet_multimix.ops as ops


def test_names():
    assert len(ops.__all__) > 5
    for name in ops.__all__:
        assert callable(getattr(ops, name)) and getattr(ops, name).__doc__
