"""`python -m sixgig` is the command `sixgig`, for a clone in which nothing is installed."""

import sys

from sixgig.command.main import main

sys.exit(main())
