from .lines import evaluation_lines as evaluation_lines
from .plan import RunConfig as RunConfig
from .records import Records as Records
from .runner import Progress as Progress
from .runner import run_trials as run_trials
from .stages import Workplace as Workplace
from .tables import RUN_MIGRATIONS as RUN_MIGRATIONS
