"""Writes docs/model_zoo.md, model-index.yml and the metafiles from the shipped configs."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from experiments.model_zoo import ROOT, entries
from experiments.model_zoo_report import PAGE, metafiles, page


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    zoo = entries()
    files = {PAGE: page(zoo), **metafiles(zoo)}
    for path, text in files.items():
        path.write_text(text)
    print(f'wrote {len(zoo)} configs to {", ".join(str(path.relative_to(ROOT)) for path in files)}')


if __name__ == '__main__':
    main()
