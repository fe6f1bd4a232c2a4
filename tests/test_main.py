"""`python -m mmdet_multimix`, before it runs a command."""

import sys

import pytest

from mmdet_multimix import __main__ as commands


@pytest.mark.parametrize('flag', ['-h', '--help'])
def test_help_is_no_error_and_says_what_each_command_does(monkeypatch, capsys, flag):
    monkeypatch.setattr(sys, 'argv', ['mmdet_multimix', flag])
    commands.main()
    said = capsys.readouterr().out
    assert all(name in said and text in said for name, text in commands.COMMANDS.items())


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['tain', 'a.py'], "there is no command 'tain'; did you mean train?"),
        (['fly'], "there is no command 'fly'"),
        ([], 'prepare-dataset'),
    ],
)
def test_a_wrong_command_is_named(monkeypatch, arguments, said):
    monkeypatch.setattr(sys, 'argv', ['mmdet_multimix', *arguments])
    with pytest.raises(SystemExit) as error:
        commands.main()
    assert said in str(error.value)
