"""`python -m chatfriends_train` is `chatfriends-train`."""

import sys

from .cli import main

sys.exit(main())
