import contextlib
import os
import pty
import sys

from mmdet_multimix.utils import progress
from mmdet_multimix.utils.progress import show_progress


def test_without_a_terminal_there_are_lines_now_and_then(capsys, monkeypatch):
    assert list(show_progress(iter('abcd'), 'letters', 4)) == list('abcd')
    assert capsys.readouterr().out == 'letters ...\n'
    monkeypatch.setattr(progress, '_LINE_EVERY', -1)
    assert list(show_progress(iter('abcd'), 'letters', 4)) == list('abcd')
    assert capsys.readouterr().out.splitlines() == [
        'letters ...',
        'letters: 0%',
        'letters: 25%',
        'letters: 50%',
        'letters: 75%',
    ]


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    ours, theirs = pty.openpty()
    monkeypatch.setenv('TERM', 'xterm')
    with open(theirs, 'w') as terminal:
        monkeypatch.setattr(sys, 'stdout', terminal)
        assert list(show_progress(iter('abc'), 'letters', 3)) == list('abc')
    shown = ''
    with contextlib.suppress(OSError):  # which ends what a closed terminal was told
        while part := os.read(ours, 100_000).decode():
            shown += part
    os.close(ours)
    assert 'letters' in shown and '100%' in shown and 'letters ...' not in shown
