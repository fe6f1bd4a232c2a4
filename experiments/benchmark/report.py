"""The reports of ``tools/benchmark.py``: tables for the terminal, JSON, and plots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmdet_multimix.utils.files import write_text
from mmdet_multimix.visualization.plots import save_figure

COLORS = {'plain': '#b0b7c3', 'ours': '#1f6feb', 'floor': '#e3a008'}
LABELS = {'plain': 'as the paper writes it', 'ours': 'this package', 'floor': 'no mixing'}


def ops_tables(report: dict[str, Any]) -> str:
    """A table of the settings and one of the growth with n, in Markdown."""
    settings = [
        {
            'setting': row['case'],
            'precision': row['mode'],
            **{name: _time(row['results'][name]) for name in LABELS},
            'plain / ours': f'{row["speedup"]:.1f}x',
            'ours / floor': f'{row["over_floor"]:.2f}x',
            'memory': f'{row["memory_share"]:.0%} of plain',
        }
        for row in report['rows']
    ]
    growth = [
        {
            'n': f'{row["n"]:,}',
            'ours': _time(row),
            'per 1000 tuples': f'{row["median"] / row["n"] * 1e6:.2f} ms',
            'extra memory': f'{row["memory"] / 2**20:.0f} MiB',
        }
        for row in report['scaling']
    ]
    about = (
        f'{_title(report)}: median ± interquartile range of a forward and backward. floor is the classifier '
        'without mixing.'
    )
    return '\n\n'.join([about, *(_table(table) for table in (settings, growth) if table)])


def step_table(report: dict[str, Any]) -> str:
    """A table of the methods, in Markdown."""
    rows = []
    for row in report['rows']:
        low, high = (100 * (row['ratios'][quartile] - 1) for quartile in ('q1', 'q3'))
        rows.append(
            {
                'setting': row['setting'],
                'batch': str(row['batch']),
                'precision': row['mode'],
                'method': row['method'],
                'step': f'{row["median"]:.3f} ± {row["q3"] - row["q1"]:.3f} s',
                'over the first': f'{100 * (row["ratio"] - 1):+.1f} % ({low:+.1f} to {high:+.1f})',
                'mixing alone': f'{100 * row["mixing_shares"]["median"]:.2f} %' if 'mixing' in row else '',
            }
        )
    about = (
        f'{_title(report)}: median ± interquartile range of a training step; its difference to the first '
        'method, turn by turn, with quartiles; the mixing of a step alone, in percent of a step of the first.'
    )
    return f'{about}\n\n{_table(rows)}'


def save(
    report: dict[str, Any], folder: Path, stem: str, plot: Callable[[dict[str, Any], Path], None]
) -> None:
    """Writes ``stem.json`` and ``stem.png``, and says so."""
    paths = [folder / f'{stem}.{kind}' for kind in ('json', 'png')]
    write_text(paths[0], json.dumps(report, indent=1) + '\n')
    plot(report, paths[1])
    for path in paths:
        print(f'wrote {path}')


def ops_plot(report: dict[str, Any], path: Path) -> None:
    """Time and memory of the contestants, and the growth with n."""
    rows = [row for row in report['rows'] if row['mode'] == 'fp32']
    panels = 3 if report['scaling'] else 2
    figure = Figure(figsize=(4.4 * panels, 3.6), layout='constrained')
    axes = figure.subplots(1, panels)
    _bars(axes[0], rows, 'median', 1e3, 'one forward and backward, ms')
    _bars(axes[1], rows, 'memory', 2**-20, 'peak extra memory, MiB')
    axes[1].set_yticklabels([])
    axes[1].legend(LABELS.values(), loc='lower right', fontsize=7, frameon=False)
    if report['scaling']:
        grown = pd.DataFrame(report['scaling']).set_index('n')
        grown['memory'] = grown['memory'].clip(lower=2**20) / 2**30
        grown['linear'] = grown['median'].iloc[-1] * grown.index / grown.index[-1]
        grown = grown[['median', 'linear', 'memory']].set_axis(
            ['time, s', 'linear in n', 'memory, GiB'], axis=1
        )
        colors = [COLORS['ours'], COLORS['plain'], COLORS['floor']]
        grown.plot(ax=axes[2], loglog=True, style=['o-', ':', 's--'], color=colors, fontsize=7)
        axes[2].set_xlabel('tuples n', fontsize=8)
        axes[2].set_title('growth with n (b = 128, c = 1000)', fontsize=9)
        axes[2].legend(fontsize=7, frameon=False)
    for panel in axes:
        panel.spines[['top', 'right']].set_visible(False)
    figure.suptitle(f'{_title(report)}, float32', fontsize=9)
    save_figure(figure, path)


def step_plot(report: dict[str, Any], path: Path) -> None:
    """What every method adds to the first of its group, in percent of the step: median and quartiles."""
    rows = [row for row in report['rows'] if 'mixing' in row]
    figure = Figure(figsize=(7.5, 1.2 + 0.45 * len(rows)), layout='constrained')
    axes = figure.subplots()
    places = list(range(len(rows)))
    added = pd.DataFrame([row['ratios'] for row in rows]).sub(1).mul(100)
    spread = [added['median'] - added['q1'], added['q3'] - added['median']]
    axes.errorbar(
        added['median'], places, xerr=spread, fmt='o', capsize=4, color=COLORS['ours'], label='whole step'
    )
    shares = [100 * row['mixing_shares']['median'] for row in rows]
    axes.plot(shares, places, 'D', color='black', label='mixing alone')
    axes.axvline(0, color='black', linewidth=1)
    names = [f'{row["method"]}\n{row["setting"]}, {row["batch"]} images, {row["mode"]}' for row in rows]
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel('added to a training step, % (median and quartiles of turns)', fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    axes.grid(axis='x', alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    axes.set_title(_title(report), fontsize=9)
    save_figure(figure, path)


def _title(report: dict[str, Any]) -> str:
    info = report['machine']
    return f'{info["device"]}, threads: {info["threads"]}, torch {info["torch"]}'


def _table(rows: list[dict[str, str]]) -> str:
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def _bars(axes: Axes, rows: list[dict], key: str, scale: float, name: str) -> None:
    values = {row['case'].replace(', ', ',\n'): row['results'] for row in rows}
    frame = pd.DataFrame(
        {case: {n: found[n][key] * scale for n in LABELS} for case, found in values.items()}
    ).T
    frame.plot.barh(ax=axes, logx=True, width=0.8, color=COLORS, fontsize=8, legend=False)
    for bars in axes.containers:
        axes.bar_label(bars, fmt=lambda v: f'{v:.0f}' if v >= 10 else f'{v:.1f}', padding=2, fontsize=7)
    axes.set_xlim(right=axes.get_xlim()[1] * 2.5)
    axes.invert_yaxis()
    axes.set_title(name, fontsize=9)


def _time(stats: dict[str, float]) -> str:
    value, spread = stats['median'] * 1e3, (stats['q3'] - stats['q1']) * 1e3
    digits = 0 if value >= 100 else 1
    # A single repetition has no spread.
    return f'{value:.{digits}f} ± {spread:.{digits}f} ms' if spread else f'{value:.{digits}f} ms'
