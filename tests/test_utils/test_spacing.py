from mmdet_multimix.utils.spacing import evenly_spaced


def test_a_sample_is_evenly_spaced_over_all_items():
    assert list(evenly_spaced(range(10), 5)) == [0, 2, 4, 6, 8]
    assert list(evenly_spaced(range(10), 3)) == [0, 3, 6]
    for number in (3, 4, None):
        assert list(evenly_spaced('abc', number)) == ['a', 'b', 'c']
