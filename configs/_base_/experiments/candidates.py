# What comparisons choose from: four candidates a method. Names with an underscore are no keys of an
# experiment.
_input_mixing = {f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.1, 0.2, 0.5, 1.0)}
_last_stage = {
    f'last stage, alpha {alpha}': {'model.method.stages': (-1,), 'model.method.alpha': alpha}
    for alpha in (0.2, 0.5, 2.0)
}
# At the paper's random stage, and at the last one, which suits short schedules.
_stages = {'alpha 2': {}, **_last_stage}
# With K = 5 what follows the mixed stage is computed five times, so these are late ones.
_late_stages = {'last two stages, alpha 2': {'model.method.stages': (-2, -1)}, **_last_stage}


def _mixed(clean_weight, **strength):
    """Two weights that sum to 1, that of cross-entropy, and how strongly is mixed (docs/signal.md)."""
    options = {**strength, 'loss_weight': 1 - clean_weight, 'clean_weight': clean_weight}
    return {f'model.head.multimix.{key}': value for key, value in options.items()}


# Tuples of few examples, with and without a clean loss beside them. Their signal is 0.2 to 0.5.
_mixing = {
    'ess 3, half clean': _mixed(0.5, ess=3),
    'ess 5, half clean': _mixed(0.5, ess=5),
    'ess 2, no clean': _mixed(0.0, ess=2),
    'm 4, alpha 1, no clean': _mixed(0.0, m=4, alpha=1.0),
}
# The teacher's targets against the labels, by two weights that sum to 1 as well.
_teachers = {
    f'teacher {weight}, ess {ess}': {
        **_mixed(0.5, ess=ess),
        'model.method.teacher_weight': weight,
        'model.method.label_weight': round(1 - weight, 1),
    }
    for weight, ess in ((0.2, 3), (0.5, 3), (0.8, 3), (0.2, 5))
}
# The paper's setting: nearly all examples share a tuple, and 1 to 2 % of the signal is left.
_paper = {
    'no clean': _mixed(0.0, setting='paper'),
    'half clean': _mixed(0.5, setting='paper'),
    '5/6 clean': _mixed(5 / 6, setting='paper'),
    'beside all of clean': {
        'model.head.multimix.setting': 'paper',
        'model.head.multimix.loss_weight': 1.0,
        'model.head.multimix.clean_weight': 1.0,
    },
}
# The simplest rival of mixing.
_smoothing = {f'{share}': {'model.head.label_smoothing': share} for share in (0.02, 0.05, 0.1, 0.2)}
