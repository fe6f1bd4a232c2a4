"""What all reports of experiments share: statistics over seeds, tables, states of runs.

A report is written by `write_report(root, experiment, results, failures)`. The work dir `root` has a folder
for each run by its name; `results` maps the names of finished runs to their results, `failures` those of
failed runs to their messages. It returns the table; `draw=False` leaves out the plots, which take seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from mmdet_multimix.utils.files import write_text
from mmdet_multimix.utils.names import shorten

from .experiment_file import many


def summarise(values: Iterable[float]) -> dict[str, Any] | None:
    """Mean, sample standard deviation and standard error over seeds.

    Args:
        values: One for each seed; None and NaN are left out.

    Returns:
        `{'mean', 'std', 'error', 'values'}`, `std` and `error` None for a single value; None for no value.
    """
    series = pd.Series(list(values), dtype=float).dropna()
    if series.empty:
        return None
    std, error = (series.std(), series.sem()) if len(series) > 1 else (None, None)
    return {'mean': series.mean(), 'std': std, 'error': error, 'values': series.tolist()}


def summarise_by(runs: pd.DataFrame, by: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """For each name with a run, in this order: the `seeds` of its runs, and summaries of their other columns.

    Args:
        runs: A row for each run, with the columns `seed`, `by`, and numbers.
        by: Column of the names.
        names: All names.
    """
    groups = dict(list(runs.groupby(by)))
    return {
        name: {'seeds': groups[name]['seed'].tolist()}
        | {key: summarise(groups[name][key]) for key in runs.columns.difference(['seed', by], sort=False)}
        for name in names
        if name in groups
    }


def paired_gains(runs: pd.DataFrame, by: str, value: str, baseline: str) -> pd.Series:
    """How much each run gains over the baseline's run of the same seed.

    Runs of one seed share the order of the images, so their difference varies less than either of them.

    Args:
        runs: A row for each run, with the columns `seed`, `by` and `value`.
        by: Column that says what is compared, such as `method`.
        value: Column of the metric.
        baseline: The one in column `by` that the others are compared with.

    Returns:
        A gain for each row; NaN for the baseline itself and where it has no run with that seed.
    """
    first = runs[runs[by] == baseline].set_index('seed')[value]
    return (runs[value] - runs['seed'].map(first)).where(runs[by] != baseline)


def shown(summary: dict[str, Any] | None, digits: int = 3, spread: str = 'std', sign: str = '') -> str:
    """A summary as `mean ± spread`, as the mean alone without a spread, as nothing if it is None."""
    if summary is None:
        return ''
    # What rounds to zero from below is no -0.000.
    text = f'{round(summary["mean"], digits) + 0.0:{sign}.{digits}f}'
    return text if summary[spread] is None else f'{text} ± {summary[spread]:.{digits}f}'


def markdown_table(rows: list[dict[str, str]], headers: dict[str, str] | None = None) -> str:
    """Rows of texts by column as a Markdown table; what a row lacks stays empty.

    Args:
        rows: The rows.
        headers: The columns in order, and what stands above each; by default all, each with its own name.
    """
    frame = pd.DataFrame(rows, columns=list(headers) if headers else None, dtype=object).fillna('')
    heads = list(headers.values()) if headers else 'keys'
    return frame.to_markdown(index=False, headers=heads, disable_numparse=True, stralign=None)


def run_state(
    name: str, config: Path, root: Path, results: dict[str, dict], failures: dict[str, str]
) -> dict[str, Any]:
    """The entry of a run in `results.json`: folder, config, state, and what came out or went wrong."""
    entry = {'folder': str(root / name), 'config': str(config)}
    if name in results:
        return {**entry, 'state': 'done', **results[name]}
    if name in failures:
        return {**entry, 'state': 'failed', 'message': failures[name]}
    return {**entry, 'state': 'to do'}


def processes_note(results: Iterable[dict[str, Any]]) -> str:
    """A sentence where results are of trainings with several numbers of processes; empty where of one."""
    counts = sorted({count for result in results for count in result.get('processes', ())})
    if len(counts) < 2:
        return ''
    return (
        f'Not alike: runs had {", ".join(map(str, counts))} processes (see results.json), and each process '
        'mixes only its own images.'
    )


def unfinished(names: Iterable[str], results: dict[str, dict], failures: dict[str, str]) -> str:
    """The last lines of a table: which of the runs it lacks; empty if it lacks none."""
    missing = [name for name in dict.fromkeys(names) if name not in results]
    failed = [f'`{name}`' for name in missing if name in failures]
    text = f'\nFailed: {shorten(failed)}.\n' if failed else ''
    todo = len(missing) - len(failed)
    return text + (f'\nStill to do: {many(todo, "run")}.\n' if todo else '')


def write_files(folder: Path, report: dict[str, Any], text: str) -> None:
    """Writes `results.json` and `table.md` into a folder, each whole or not at all."""
    write_text(folder / 'results.json', json.dumps(report, indent=1) + '\n')
    write_text(folder / 'table.md', text)
