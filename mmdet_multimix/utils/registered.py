"""The classes that a config names, as mmengine finds them."""

from __future__ import annotations

import contextlib
import functools
import inspect
from importlib import import_module
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry, init_default_scope


def use_scope_of(cfg: Config) -> None:
    """Look names up as a Runner of this config does; without a scope of its own they are mmdet's."""
    init_default_scope(cfg.get('default_scope') or 'mmdet')


def class_name(kind: Any) -> str:
    """The name of a type, which a config may give as the class itself."""
    return kind if isinstance(kind, str) else getattr(kind, '__name__', str(kind))


def registered(kind: Any, registry: Registry) -> type | None:
    """The class of a type; None where its name is registered neither there nor in the default scope."""
    if isinstance(kind, type):
        return kind
    found, scope = registry.get(class_name(kind)), DefaultScope.get_current_instance()
    if found is None and scope is not None and scope.scope_name != registry.scope:
        _import_registry(scope.scope_name)
        own = registry.root.children.get(scope.scope_name)
        found = own.get(class_name(kind)) if own else None
    return found


def is_a(kind: Any, *bases: type) -> bool:
    """Whether a type is one of these classes or derived from one; it may be a function, or not be known."""
    return isinstance(kind, type) and issubclass(kind, bases)


def arguments_of(kind: Any) -> dict[str, inspect.Parameter]:
    """The arguments of a class and of its parents, to whom ``**kwargs`` passes them on; none of what is none.

    Where several have one, it is that of the class or the nearest parent.
    """
    found: dict[str, inspect.Parameter] = {}
    for parent in kind.__mro__ if isinstance(kind, type) else ():
        own = inspect.signature(vars(parent).get('__init__', object.__init__)).parameters
        found = {**own, **found}
    return found


@functools.cache
def _import_registry(scope: str) -> None:
    """As a Runner does, so that the config need not name the package twice."""
    with contextlib.suppress(ImportError):
        import_module(f'{scope}.registry')
