"""Jobs and packs: what they are made of, reading them from disk, and the digests by which they are known."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
