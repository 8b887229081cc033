"""Stand-ins that tests of the store share."""

from tests.standins.s3.fixture import s3, s3_server

__all__ = ["s3", "s3_server"]
