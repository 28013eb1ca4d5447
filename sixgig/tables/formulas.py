"""Text that a spreadsheet runs as a formula, and how it is kept from that: by an apostrophe before it."""

from __future__ import annotations

import re

#: Text that a spreadsheet runs as a formula; a plain number is none. Apostrophes before it are counted in, so that
#: taking one away undoes adding one.
_RUN = r"(?='*[=+\-@\t\r])(?!'*[+\-]?[\d.,]*$)"
FORMULA, GUARD = re.compile(f"^{_RUN}"), re.compile(f"^'{_RUN}")
