"""The plan of an experiment: its cells, in a file that the Snakefile and every cell read.

A cell is one training with its publishing or testing, or one choice between trainings. Only the standard
library is imported here: a cell that has nothing to do must not spend seconds on imports.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cell:
    """One node of the graph.

    Attributes:
        name: Its folder below the work dir, such as `digits/seed0/ssd/mixup`.
        kind: What is done, which is also the name of its rule: `pretrain`, `detect`, `tune`, `choose` or
            `final`.
        title: What people call it.
        config: Config file; empty for a choice.
        config_hash: Hash of the config's text when the plan was made.
        options: Overrides, as `--cfg-options` takes them.
        needs: Names of the cells that come before it.
        inputs: Files that the result depends on: the initial backbone, annotations that we write.
        data: Hashes of data and weights that are there already, from `data_state.py`, by what they are for.
        edited: Those that are others than at the first start; the plan fills it in.
        settings: What else its kind asks for; see `work.py`.
        shown: Key of the result and format of the line by which it is shown.
        length: `('epoch', 50)` or `('step', 600)`, for the progress display.
        cpus: CPU cores that it asks a scheduler for.
        key: Hash of all that the result depends on, cells it needs included; the plan fills it in.
    """

    name: str
    kind: str
    title: str
    config: str = ''
    config_hash: str = ''
    options: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    data: dict[str, str] = field(default_factory=dict)
    edited: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    shown: tuple[str, str] | None = None
    length: tuple[str, int] | None = None
    cpus: int = 1
    key: str = ''

    def __post_init__(self) -> None:
        parts = self.name.split('/')
        if not all(re.fullmatch(r'[A-Za-z0-9_.+-]+', part) for part in parts) or set(parts) & {'.', '..'}:
            raise ValueError(
                f'{self.name!r} cannot be a folder below the work dir: use letters, digits and . _ + - '
                'only: rename the method, setting or config that it comes from'
            )

    @property
    def first_options(self) -> dict[str, str]:
        """The overrides, those of the first candidate where one is still to be chosen."""
        return next(iter(self.settings.get('candidates', {}).values()), self.options)


@dataclass(frozen=True)
class Plan:
    """All cells of an experiment and where they work.

    Attributes:
        root: The work dir.
        folder: The experiment's own folder, which has the plan, the report and Snakemake's files.
        cells: By name, each after those that it needs.
        gpus: GPUs of a cell, 0 for none.
        cwd: Where configs' relative paths, such as `data/coco`, start from.
    """

    root: Path
    folder: Path
    cells: dict[str, Cell]
    gpus: int = 0
    cwd: Path = field(default_factory=Path.cwd)

    @classmethod
    def of(cls, root: Path, folder: Path, cells: Iterable[Cell]) -> Plan:
        """A plan of cells, whose keys are filled in.

        Raises:
            ValueError: Two cells of one name, or one that needs a cell that does not come before it.
        """
        found: dict[str, Cell] = {}
        for cell in cells:
            if cell.name in found:
                raise ValueError(f'two cells are named {cell.name!r}')
            if unknown := [name for name in cell.needs if name not in found]:
                raise ValueError(f'{cell.name!r} needs {unknown[0]!r}, which does not come before it')
            edited = _edited(root, cell)
            parts = [cell.kind, cell.config_hash, cell.options, cell.inputs, cell.settings]
            parts += [edited] if edited else []
            key = digest(parts, [found[name].key for name in cell.needs])[:16]
            found[cell.name] = replace(cell, edited=edited, key=key)
        return cls(root, folder, found)

    @property
    def file(self) -> Path:
        """Where it is written."""
        return self.folder / 'plan.json'

    def write(self, **more: Any) -> None:
        """Write it, with what the Snakefile is told besides."""
        cells = {name: asdict(cell) for name, cell in self.cells.items()}
        places = {'root': str(self.root), 'folder': str(self.folder), 'cwd': str(self.cwd)}
        write_json(self.file, {**places, 'gpus': self.gpus, **more, 'cells': cells})

    @classmethod
    def read(cls, path: str | Path) -> Plan:
        """The plan in a file."""
        state = read_json(path)
        cells = {name: Cell(**entry) for name, entry in state['cells'].items()}
        return cls(Path(state['root']), Path(state['folder']), cells, state['gpus'], Path(state['cwd']))

    def remember_data(self) -> None:
        """Keep the state of the data of each cell that is started for the first time."""
        for cell in self.cells.values():
            path = _data_file(self.root, cell.name)
            known = read_json(path) if path.exists() else {}
            if cell.data.keys() - known.keys():  # an older version has remembered less
                write_json(path, {**cell.data, **known})

    def result_file(self, name: str) -> Path:
        """What a cell leaves. The key in its name keeps it apart from the result of another config."""
        return self.root / name / f'result-{self.cells[name].key}.json'

    def log_file(self, name: str) -> Path:
        """All that the processes of a cell print; beside its folder, which may be set aside."""
        return self.root / f'{name}.log'

    def lock_file(self, name: str) -> Path:
        """Held by the process that works in a cell's folder."""
        return self.root / f'{name}.lock'

    def failure_file(self, name: str) -> Path:
        """The message of a cell that failed."""
        return self.root / name / f'failure-{self.cells[name].key}.json'

    def note_results(self) -> None:
        """Copy the results that are there to where Snakemake looks for them, with their dates."""
        for name in self.cells:
            path = self.result_file(name)
            copy = self.folder / '.done' / name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                shutil.copy2(path, copy)
            else:  # a job of an earlier start may be about to write it
                copy.unlink(missing_ok=True)

    def results(self) -> dict[str, dict[str, Any]]:
        """What came out, of the cells that are done."""
        found = {}
        for name in self.cells:
            with contextlib.suppress(FileNotFoundError):
                found[name] = self.result(name)
        return found

    def result(self, name: str) -> dict[str, Any]:
        """What came out of a cell that is done."""
        return read_json(self.result_file(name))

    def failures(self, killed: Mapping[str, str] | None = None) -> dict[str, str]:
        """Messages of the cells that failed when they were last tried, and of those that need one of them.

        Args:
            killed: Messages of cells that could not leave one.
        """
        found: dict[str, str] = {}
        for name, cell in self.cells.items():
            path = self.failure_file(name)
            failed = [need for need in cell.needs if need in found]
            if path.exists() and not self.result_file(name).exists():
                found[name] = read_json(path)['message']
            elif name in (killed or {}):
                found[name] = killed[name]
            elif failed:
                found[name] = f'needs {failed[0]}, which failed'
        return found


def _data_file(root: Path, name: str) -> Path:
    """The state of a cell's data at its first start; beside its folder, which may be set aside."""
    return root / f'{name}.data.json'


def _edited(root: Path, cell: Cell) -> dict[str, str]:
    """What of a cell's data has changed since its first start.

    Only this is in the key: results from before data were looked at, which may have taken days, keep theirs.
    """
    path = _data_file(root, cell.name) if cell.data else None
    first = read_json(path) if path and path.exists() else {}
    return {part: state for part, state in cell.data.items() if first.get(part, state) != state}


def digest(*parts: Any) -> str:
    """A hash of what JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class DamagedFileError(OSError):
    """A file of an experiment that cannot be read, and what to do."""


def read_json(path: str | Path) -> Any:
    """What :func:`write_json` has written.

    Raises:
        DamagedFileError: The file is none that it has written, or only a part of it.
    """
    try:
        return json.loads(Path(path).read_text())
    except ValueError as error:
        raise DamagedFileError(
            f'{path} is damaged ({error}): delete it and start again; what it stood for is done anew'
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write a file whole or not at all; the library's helper would import the whole library."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        with partial.open('w') as file:
            file.write(json.dumps(value, indent=1) + '\n')
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the name and nothing under it
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
