"""Classes chosen from the names in annotations."""

from pathlib import Path

import pytest

from mmdet_multimix.preparing import choosing
from mmdet_multimix.preparing.found import Example, Found, Marked


@pytest.mark.parametrize('wanted', [False, True])
def test_ten_thousand_classes_are_not_compared_each_with_each(wanted, monkeypatch):
    calls = []
    as_meant = choosing.as_meant
    monkeypatch.setattr(choosing, 'as_meant', lambda name: calls.append(name) or as_meant(name))
    names = tuple(f'class_{index}' for index in range(50))
    objects = [Marked(name, (0, 0, 1, 1)) for name in names]
    found = Found('COCO', [Example(Path('0.jpg'), Path('0.json'), 'train', objects)], names)
    classes, same = choosing.choose_classes(found, names if wanted else None)
    assert classes == names and same == {name: name for name in names}
    assert len(calls) <= 4 * len(names)
