"""The report of ``tools/benchmark.py ops``: a table, a plot and a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use('Agg')
from matplotlib import pyplot as plt
from rich.console import Console
from rich.table import Table

COLOURS = {'plain': '#b0b7c3', 'plain compiled': '#7d8899', 'ours': '#1f6feb', 'floor': '#e3a008'}
LABELS = {'plain': 'as the paper writes it', 'ours': 'this package', 'floor': 'no mixing'}


def show(report: dict[str, Any], console: Console | None = None) -> None:
    """Print one table of the settings and one of the growth with n."""
    console = console or Console(width=120)
    info = report['machine']
    title = f'{info["device"]}, threads: {info["threads"]}, torch {info["torch"]}'
    table = Table(title=title, title_justify='left')
    for column in (
        'setting',
        'precision',
        'plain',
        'ours',
        'floor',
        'plain / ours',
        'ours / floor',
        'memory',
    ):
        table.add_column(column, justify='left' if column in ('setting', 'precision') else 'right')
    for row in report['rows']:
        results = row['results']
        table.add_row(
            row['case'],
            row['mode'],
            *(_time(results[name]) for name in ('plain', 'ours', 'floor')),
            f'{row["speedup"]:.1f}x',
            f'{row["over_floor"]:.2f}x',
            f'{row["memory_share"]:.0%} of plain',
        )
    console.print(table)
    if report['scaling']:
        table = Table(
            'n', 'ours', 'per 1000 tuples', 'extra memory', title='growth with n', title_justify='left'
        )
        for row in report['scaling']:
            per = row['median'] / row['n'] * 1000
            memory = f'{row["memory"] / 2**20:.0f} MiB'
            table.add_row(f'{row["n"]:,}', _time(row), f'{per * 1000:.2f} ms', memory)
        console.print(table)


def save(report: dict[str, Any], folder: Path, stem: str) -> list[Path]:
    """Write ``stem.json`` and ``stem.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f'{stem}.json', folder / f'{stem}.png']
    paths[0].write_text(json.dumps(report, indent=1) + '\n')
    plot(report, paths[1])
    return paths


def plot(report: dict[str, Any], path: Path) -> None:
    """Time and memory of the contestants, and the growth with n."""
    rows = [row for row in report['rows'] if row['mode'] == 'fp32']
    panels = 3 if report['scaling'] else 2
    fig, axes = plt.subplots(1, panels, figsize=(4.2 * panels, 3.4), layout='constrained')
    _bars(axes[0], rows, 'median', 1e3, 'one forward and backward, ms')
    _bars(axes[1], rows, 'memory', 2**-20, 'peak extra memory, MiB')
    axes[1].set_yticklabels([])
    axes[0].legend(loc='lower right', fontsize=7, frameon=False)
    if report['scaling']:
        _growth(axes[2], report['scaling'])
    info = report['machine']
    fig.suptitle(f'{info["device"]}, threads: {info["threads"]}, float32', fontsize=9)
    fig.savefig(path, dpi=130)
    plt.close(fig)


def _bars(ax, rows, key, scale, title) -> None:
    names = ('plain', 'ours', 'floor')
    for i, name in enumerate(names):
        values = [row['results'][name][key] * scale for row in rows]
        where = [j + 0.27 * (i - 1) for j in range(len(rows))]
        bars = ax.barh(where, values, height=0.25, color=COLOURS[name], label=LABELS[name])
        ax.bar_label(bars, [f'{v:.0f}' if v >= 10 else f'{v:.1f}' for v in values], padding=2, fontsize=7)
    ax.set_xscale('log')
    ax.set_xlim(right=ax.get_xlim()[1] * 2.5)
    ax.set_yticks(range(len(rows)), [row['case'].replace(', ', ',\n') for row in rows], fontsize=8)
    ax.invert_yaxis()
    ax.set_title(title, fontsize=9)
    ax.spines[['top', 'right']].set_visible(False)
    ax.tick_params(axis='x', labelsize=7)


def _growth(ax, rows) -> None:
    n = [row['n'] for row in rows]
    ax.loglog(n, [row['median'] for row in rows], 'o-', color=COLOURS['ours'], label='time, s')
    ax.loglog(n, [rows[-1]['median'] * k / n[-1] for k in n], ':', color='#7d8899', label='linear in n')
    ax.loglog(
        n,
        [max(row['memory'], 2**20) / 2**30 for row in rows],
        's--',
        color=COLOURS['floor'],
        label='memory, GiB',
    )
    ax.set_xlabel('tuples n', fontsize=8)
    ax.set_title('growth with n (b = 128, c = 1000)', fontsize=9)
    ax.legend(fontsize=7, frameon=False)
    ax.spines[['top', 'right']].set_visible(False)
    ax.tick_params(labelsize=7)


def _time(stats: dict[str, float]) -> str:
    spread = (stats['q3'] - stats['q1']) * 1e3
    value = stats['median'] * 1e3
    return f'{value:.0f} ± {spread:.0f} ms' if value >= 100 else f'{value:.1f} ± {spread:.1f} ms'
