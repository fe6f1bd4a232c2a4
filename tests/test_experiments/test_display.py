"""What is shown while cells run."""

from experiments.display import time_left


def test_the_time_left_is_by_the_pace_so_far():
    assert time_left(60, 0.25, 0.75) == ', about 3 min left'
    assert time_left(60, 0.5, 0.5) == ', about 60 s left'
    assert time_left(0.1, 0.5, 0.5) == ', about 1 s left'


def test_nothing_is_said_before_there_is_a_pace():
    assert time_left(60, 0, 1) == '' and time_left(60, 0.01, 0.99) == '' and time_left(60, 0.5, 0) == ''
