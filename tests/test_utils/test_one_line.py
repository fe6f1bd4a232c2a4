"""What is said of errors that somebody's input is the cause of."""

from urllib.error import URLError

import pytest
from mmdet.registry import HOOKS

from experiments.experiment_file import read_experiment
from mmdet_multimix.datasets import digits_detection
from mmdet_multimix.utils.one_line import what_is_wrong


def test_weights_that_cannot_be_downloaded_are_named_with_what_to_do():
    def load(url):
        raise URLError('Name or service not known')

    with pytest.raises(URLError) as error:
        load('https://somewhere.example/resnet50.pth')
    text = what_is_wrong(error.value)
    assert text.startswith('https://somewhere.example/resnet50.pth cannot be downloaded: Name or service not')
    assert text.endswith('init_cfg=None does without them')


def test_a_part_without_a_type_is_shown():
    with pytest.raises(KeyError) as error:
        HOOKS.build({'interval': 1})
    assert what_is_wrong(error.value).startswith(
        "{'interval': 1}, a part without a type, cannot be built from"
    )


def test_an_experiment_file_that_imports_what_is_not_there(tmp_path):
    (tmp_path / 'mine.py').write_text('import nothing_of_that_name\nseeds = 1\n')
    with pytest.raises(ValueError, match=r'mine\.py.*nothing_of_that_name'):
        read_experiment(tmp_path / 'mine.py', 'configs/sweeps')


def test_the_set_of_digits_refuses_numbers_that_are_none(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['digits_detection', str(tmp_path / 'set'), '--num-train', '-5'])
    with pytest.raises(SystemExit):
        digits_detection.main()
    assert 'num_train' in capsys.readouterr().err and not (tmp_path / 'set').exists()
