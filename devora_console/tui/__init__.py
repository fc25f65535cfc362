"""The terminal door. The one package that knows Textual.

Textual reads its frame rate and animation level once, when it is imported: over SSH fewer frames cost fewer
bytes, and nothing on these screens needs to glide.
"""

from __future__ import annotations

import os

if "SSH_CONNECTION" in os.environ:
    os.environ.setdefault("TEXTUAL_FPS", "15")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
