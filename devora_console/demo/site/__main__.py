"""``python -m devora_console.demo.site --folder DIR COMMAND``."""

import sys

from devora_console.demo.site.script import main

sys.exit(main())
