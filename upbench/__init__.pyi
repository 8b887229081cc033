from .bench import Bench as Bench
from .order import Order as Order
from .settings import Settings as Settings
from .settings import load_settings as load_settings
from .summary import RunSummary as RunSummary
