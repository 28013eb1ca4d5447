"""Answer questions about networks in a process of its own, which may import torch, timm and MONAI and then ends.

Questions come as a JSON list on standard input; answers go as a JSON list to standard output.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from sixgig.errors import SixgigError
from sixgig.plan.questions import Question, respond


def answer_of(question: Question) -> dict[str, Any]:
    """Return the answer to a question, or why there is none, as JSON-like values."""
    try:
        return {"value": respond(question)}
    except SixgigError as error:
        return {"refused": [type(error).__name__, error.place, error.reason, error.next_step]}
    except ModuleNotFoundError as error:
        return {"missing": str(error.name)}
    except Exception as error:  # a network that nobody has foreseen: the others are answered all the same
        return {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}


def main() -> None:
    """Answer."""
    with contextlib.redirect_stdout(sys.stderr):  # libraries may print
        answers = [answer_of(question) for question in json.load(sys.stdin)]
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
