"""The measures of detectors as their formulas read, in loops over dicts: slow, and written apart from the package.

Objects and detections are COCO's dicts. IoUs are those of plain boxes and crowds.
"""

import math
import random


def scene(images=30, classes=4, objects=5, found=12, seed=0, crowds=0.1, levels=None):
    """COCO annotations and results: loose, double and false boxes, crowds, all sizes; scores of few levels tie."""
    draw = random.Random(seed)
    coco = {
        'images': [{'id': 7 * i + 3, 'width': 300, 'height': 300} for i in range(images)],
        'categories': [{'id': 10 * c + 1, 'name': f'class {c}'} for c in range(classes)],
        'annotations': [],
    }
    results = []
    for image in coco['images']:
        mine = []
        for _ in range(draw.randint(0, objects)):
            w, h = draw.choice([(20, 25), (60, 50), (130, 120)])
            box = [draw.uniform(0, 150), draw.uniform(0, 150), w, h]
            annotation = {
                'id': len(coco['annotations']) + 1,
                'image_id': image['id'],
                'category_id': draw.choice(coco['categories'])['id'],
                'bbox': box,
                'area': w * h * draw.uniform(0.5, 1),
                'iscrowd': int(draw.random() < crowds),
            }
            coco['annotations'].append(annotation)
            mine.append(annotation)
        for _ in range(draw.randint(0, found)):
            near = draw.choice(mine) if mine and draw.random() < 0.8 else None
            box = near['bbox'] if near else [draw.uniform(0, 250), draw.uniform(0, 250), 40, 40]
            shift = draw.choice([2, 8, 25])
            box = [value + draw.uniform(-shift, shift) for value in box[:2]] + [
                max(value + draw.uniform(-shift, shift), 1) for value in box[2:]
            ]
            category = near['category_id'] if near and draw.random() < 0.8 else None
            score = draw.random() ** (0.7 if near and shift < 25 else 2)
            if levels:
                score = round(score * levels) / levels
            results.append(
                {
                    'image_id': image['id'],
                    'category_id': category or draw.choice(coco['categories'])['id'],
                    'bbox': box,
                    'score': score,
                }
            )
    return coco, results


def iou(a, b, crowd=False):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    inside = w * h
    return inside / (a[2] * a[3] if crowd else a[2] * a[3] + b[2] * b[3] - inside)


def matched(coco, results, tau):
    """For each class the list of (score, IoU or None of a false box), and its number of objects."""
    classes = {}
    for category in coco['categories']:
        mine = [a for a in coco['annotations'] if a['category_id'] == category['id']]
        kept = []
        for image in coco['images']:
            left = [a for a in mine if a['image_id'] == image['id'] and not a['iscrowd']]
            crowds = [a for a in mine if a['image_id'] == image['id'] and a['iscrowd']]
            theirs = [
                r for r in results if (r['image_id'], r['category_id']) == (image['id'], category['id'])
            ]
            for result in sorted(theirs, key=lambda r: -r['score']):
                fits = [(iou(result['bbox'], a['bbox']), a) for a in left]
                fits = [(value, a) for value, a in fits if value >= tau and value > 0]
                if fits:
                    value, best = max(fits, key=lambda pair: pair[0])
                    left.remove(best)
                    kept.append((result['score'], value))
                elif not any(iou(result['bbox'], a['bbox'], True) >= max(tau, 1e-300) for a in crowds):
                    kept.append((result['score'], None))
        classes[category['name']] = (kept, sum(not a['iscrowd'] for a in mine))
    return classes


def binned_error(pairs, bins):
    """Σ |bin| / |all| · |mean of the value - mean of the score| over (score, value)."""
    total = 0.0
    for i in range(bins):
        inside = [p for p in pairs if i / bins < p[0] <= (i + 1) / bins or (i == 0 and p[0] == 0)]
        if inside:
            scores, values = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            total += len(inside) / len(pairs) * abs(values - scores)
    return total


def d_ece(coco, results, tau=0.5, bins=10, min_score=0.3, only=None):
    pairs = [
        (score, float(value is not None))
        for name, (kept, _) in matched(coco, results, tau).items()
        for score, value in kept
        if score >= min_score and only in (None, name)
    ]
    return binned_error(pairs, bins)


def nll(coco, results, tau=0.5):
    losses = [
        -math.log(score)
        for kept, _ in matched(coco, results, tau).values()
        for score, value in kept
        if value is not None
    ]
    return sum(losses) / len(losses) if losses else float('nan')


def laece(coco, results, thresholds=None, tau=0.0, bins=25):
    errors = []
    for name, (kept, objects) in matched(coco, results, tau).items():
        pairs = [(s, v or 0.0) for s, v in kept if thresholds is None or s >= thresholds[name]]
        if pairs and objects:
            errors.append(binned_error(pairs, bins))
    return sum(errors) / len(errors)


def lrp_of_class(kept, objects, tau):
    right = [value for _, value in kept if value is not None]
    false, missed = len(kept) - len(right), objects - len(right)
    if not right:
        return 1.0
    return (sum(1 - v for v in right) / (1 - tau) + false + missed) / (len(right) + false + missed)


def lrp_thresholds(coco, results, tau=0.0):
    found = {}
    for name, (kept, objects) in matched(coco, results, tau).items():
        errors = {
            s: lrp_of_class([pair for pair in kept if pair[0] >= s], objects, tau)
            for s in sorted({score for score, _ in kept}, reverse=True)
        }
        best = min(errors, key=errors.get, default=0.0)  # the first, the highest score, of equal ones
        found[name] = best if errors and errors[best] < 1 else 0.0
    return found


def lrp(coco, results, thresholds=None, tau=0.0):
    errors = [
        lrp_of_class([p for p in kept if thresholds is None or p[0] >= thresholds[name]], objects, tau)
        for name, (kept, objects) in matched(coco, results, tau).items()
        if objects
    ]
    return sum(errors) / len(errors)
