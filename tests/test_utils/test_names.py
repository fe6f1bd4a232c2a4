import pytest

from mmdet_multimix.utils.names import check_num_classes, check_same_classes, quote, shorten


def test_many_names_are_counted():
    assert shorten('abcde') == 'a, b, c, d, e'
    assert shorten('abcdefg') == 'a, b, c, d, e and 2 more'
    assert shorten([1, 2, 3], limit=2, separator='; ') == '1; 2 and 1 more'
    assert shorten([]) == ''
    assert quote('ab') == "'a', 'b'"
    assert quote(map(str, range(12))).endswith("'9' and 2 more")


def test_the_first_label_that_means_two_things_is_named():
    check_same_classes('abc', 'A', 'abc', 'B')
    with pytest.raises(ValueError, match=r"label 1 is class 'b' in A, but 'x' in B; .*same order"):
        check_same_classes('abc', 'A', 'axy', 'B')
    with pytest.raises(ValueError, match='A has 3 classes, but B has 2'):
        check_same_classes('abc', 'A', 'ab', 'B')


def test_numbers_of_classes():
    check_num_classes(2, 'head', 'ab', 'the set')
    for number in (1, 3):
        with pytest.raises(ValueError, match=f"head is {number}, but the set has 2 classes: 'a', 'b'"):
            check_num_classes(number, 'head', 'ab', 'the set')
