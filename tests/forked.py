"""Runs a tool as the command line does, in a child that has imported everything already."""

import os
import runpy
import sys
import traceback
from pathlib import Path

from cli import ROOT
from mmengine.logging import MMLogger


def forked(name, *arguments, options=None, env=None, log):
    """Runs `tools/NAME` in a forked process.

    Args:
        options: For `--cfg-options`.
        env: Further variables of its environment.
        log: File that its output goes into.

    Returns:
        The exit code, negative the signal that ended it, and the output.
    """
    argv = [f'tools/{name}', *map(str, arguments)]
    if options:
        argv += ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]
    sys.stdout.flush()
    child = os.fork()
    if not child:
        code = 70
        try:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            for standard in (1, 2):
                os.dup2(descriptor, standard)
            sys.stdout, sys.stderr = (os.fdopen(n, 'w', buffering=1, closefd=False) for n in (1, 2))
            MMLogger._instance_dict.clear()  # those of earlier tests write to streams that pytest has closed
            os.environ.update(env or {})
            os.chdir(ROOT)
            sys.argv = argv
            sys.path[:0] = [str(ROOT / 'tools')]
            runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1 if end.code else 0
            print(end.code)
        except BaseException:
            code = 1
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), Path(log).read_text(errors='replace')
