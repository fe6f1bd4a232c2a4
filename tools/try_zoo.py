"""Tries MultiMixHook in each kind of detector that mmdet's own configs have: a step with it and without.

Writes what came out for each kind, and a table: mixed, refused with the reason, not triable even without
the hook, mixed wrongly, or crashed. Takes some minutes on two cores; needs no data and no network.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `experiments` is no part of the package

from rich.progress import Progress

import mmdet_multimix  # noqa: F401
from experiments import zoo
from experiments.zoo_kinds import ROOT, kinds, shipped
from mmdet_multimix.utils.arguments import at_least
from mmdet_multimix.utils.files import check_folder
from mmdet_multimix.utils.one_line import one_line


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--work-dir', default='work_dirs/zoo', help='where results.json and table.md go')
    parser.add_argument('--jobs', type=at_least(1), default=2, help='processes (default: 2)')
    parser.add_argument('--only', default='', help='only configs whose path contains this')
    parser.add_argument('--force', action='store_true', help='mix heads that nobody has tried, too')
    return parser.parse_args()


def main() -> int:
    """Walks; 1 if anything is wrong."""
    args = parse_args()
    with one_line():
        check_folder('--work-dir', args.work_dir)
    paths = [path for path in shipped() if args.only in str(path.relative_to(ROOT))]
    if not paths:
        sys.exit(f'no config of mmdet has {args.only!r} in its path')
    print(f'reading {len(paths)} configs ...', flush=True)
    with Progress() as progress:
        reading = progress.add_task('reading configs', total=len(paths))
        found = kinds(paths, args.jobs, lambda done, _: progress.update(reading, completed=done))
        trying = progress.add_task('trying kinds', total=len(found))
        out, results = Path(args.work_dir), []
        out.mkdir(parents=True, exist_ok=True)

        def tell(result):
            results.append(result)
            results.sort(key=lambda result: result['kind'])
            (out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
            (out / 'table.md').write_text(zoo.table(results))
            reason = (result['reason'] or '').split('\n')[0]
            line = f'{result["outcome"]:>11}  {result["config"]}  {reason}'
            progress.advance(trying)
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

        zoo.walk(found, jobs=args.jobs, force=args.force, tell=tell)
    print(zoo.table(results))
    new, gone = zoo.missing(results)
    if new:
        print(f'mixed right, but not in SHOWN of mixable_heads.py: {", ".join(sorted(new))}')
    if gone and not args.only:
        print(f'in SHOWN of mixable_heads.py, but not shown: {", ".join(sorted(gone))}')
    bad = [result for result in results if result['outcome'] in ('wrong', 'crashed')]
    return 1 if bad or (not args.only and (new or gone)) else 0


if __name__ == '__main__':
    sys.exit(main())
