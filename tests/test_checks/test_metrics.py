from checking import detector

from mmdet_multimix.checks import check_metrics, empty_result


def test_metrics_that_a_test_will_not_give_are_named():
    voc, coco = (detector(f'faster_rcnn_r50_c4_{name}') for name in ('voc0712', 'coco'))
    assert not list(check_metrics(voc, {'a': 'pascal_voc/mAP', 'b': 'pascal_voc_area/AP50'}))
    assert not list(check_metrics(coco, {'a': 'coco/bbox_mAP', 'b': 'coco/bbox_mAP_l'}))
    (problem,) = check_metrics(coco, {'mAP 50': 'coco/bbox_mAP50'})
    assert problem.startswith(
        "metrics['mAP 50'] is 'coco/bbox_mAP50', but test_evaluator gives coco/bbox_mAP, "
    )
    assert len(list(check_metrics(coco, {'a': 'pascal_voc/mAP', 'b': 'bbox_mAP'}))) == 2
    coco.test_evaluator.classwise = True  # then there is one for each class as well
    assert not list(check_metrics(coco, {'a': 'coco/cat_precision'}))
    coco.test_evaluator.update(classwise=False, format_only=True, outfile_prefix='x')
    (problem,) = check_metrics(coco, {'a': 'coco/bbox_mAP'})
    assert 'test_evaluator gives nothing: set test_dataloader and test_evaluator to annotated' in problem


def test_a_detector_that_finds_nothing_has_a_result_of_zero():
    coco, voc = (detector(f'faster_rcnn_r50_c4_{name}') for name in ('coco', 'voc0712'))
    zeros = empty_result(coco)
    assert zeros['coco/bbox_mAP'] == zeros['coco/bbox_mAP_s'] == 0.0 and len(zeros) == 6
    assert empty_result(voc) == {}  # mmdet's VOCMetric gives its zeros itself
