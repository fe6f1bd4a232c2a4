# What comparisons choose from: three candidates a method, for a mixing method three strengths. Names with an
# underscore are no keys of an experiment.
_input_mixing = {f'alpha {alpha}': {'model.method.alpha': alpha} for alpha in (0.2, 0.5, 1.0)}
# At the paper's random stage, and at the last one, which suits short schedules.
_stages = {
    'alpha 2': {},
    'last stage, alpha 2': {'model.method.stages': (-1,)},
    'last stage, alpha 0.5': {'model.method.stages': (-1,), 'model.method.alpha': 0.5},
}
# With K = 5 what follows the mixed stage is computed five times, so these are late ones.
_late_stages = {
    'last two stages, alpha 2': {'model.method.stages': (-2, -1)},
    'last stage, alpha 2': {'model.method.stages': (-1,)},
    'last stage, alpha 0.5': {'model.method.stages': (-1,), 'model.method.alpha': 0.5},
}
# The two weights sum to 1, the weight of cross-entropy: a mixed loss moves all examples alike at its full
# strength, whatever it says of the single one (docs/signal.md).
_mixing = {
    f'alpha {alpha[0]} to {alpha[1]}, {name} clean': {
        'model.head.multimix.alpha': alpha,
        'model.head.multimix.loss_weight': 1 - clean_weight,
        'model.head.multimix.clean_weight': clean_weight,
    }
    for alpha, name, clean_weight in (
        ((0.02, 0.2), '1/2', 1 / 2),
        ((0.1, 1), '1/2', 1 / 2),
        ((0.5, 2), '5/6', 5 / 6),
    )
}
# The teacher's targets against the labels, by two weights that sum to 1 as well.
_teachers = {
    f'teacher {weight}': {
        'model.method.teacher_weight': weight,
        'model.method.label_weight': round(1 - weight, 1),
        'model.head.multimix.loss_weight': 0.5,
        'model.head.multimix.clean_weight': 0.5,
    }
    for weight in (0.2, 0.5, 0.8)
}
