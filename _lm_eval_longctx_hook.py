"""Shows lm-eval the tasks and the model of lm-eval-longctx; see docs/installing.md.

Python runs install() at start (lm_eval_longctx.pth; .start from Python 3.15). It opens no file, no
connection, and imports only sys. Nothing more happens until lm-eval itself is imported, and
LM_EVAL_LONGCTX_DISABLE=1 stops that too.
"""

import sys

_WAITED_FOR = (
    "lm_eval.tasks.manager",
    "lm_eval.models",
    "lm_eval.config.evaluate_config",
    "lm_eval.evaluator",
    "lm_eval._cli.run",
)


class _Finder:
    """Finds what the others find, and tells us when one of these has run."""

    def find_spec(self, name, path=None, target=None):
        if name not in _WAITED_FOR:
            return None
        others = (other for other in sys.meta_path if other is not self and hasattr(other, "find_spec"))
        specs = (other.find_spec(name, path, target) for other in others)
        spec = next((spec for spec in specs if spec), None)
        if spec and hasattr(spec.loader, "exec_module"):
            _call_after(spec.loader, name)
        return spec


def _call_after(loader, name):
    execute = loader.exec_module

    def exec_module(module):
        execute(module)
        if module.__name__ == name:
            _tell(module)

    loader.exec_module = exec_module


def _tell(module):
    import os

    if os.environ.get("LM_EVAL_LONGCTX_DISABLE", "0") not in ("", "0"):
        return
    try:
        from lm_eval_longctx.harness.activation import activate

        activate(module)
    except Exception as error:  # lm-eval must go on whatever is wrong with us
        print(f"lm-eval-longctx is not active: {error!r}; see lm-eval-longctx doctor", file=sys.stderr)


_FINDER = _Finder()


def install() -> None:
    """Wait for lm-eval, or act at once on what of it has run."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for name in _WAITED_FOR:
        module = sys.modules.get(name)
        if module and not getattr(module.__spec__, "_initializing", 0):
            _tell(module)
