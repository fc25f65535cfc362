"""How BSON is decoded: without guessing and without failing on what Python cannot say."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion

# Dates outside Python's range stay 64-bit milliseconds, UUIDs stay binary, strings that are not UTF-8 keep their
# bytes as surrogates.
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    tzinfo=UTC,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    unicode_decode_error_handler="surrogateescape",
)
