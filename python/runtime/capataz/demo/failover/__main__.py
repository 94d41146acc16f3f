"""``python -m capataz.demo.failover``."""

import sys

from .run import main

sys.exit(main())
