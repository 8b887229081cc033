from .checks import Check as Check
from .model import Criterion as Criterion
from .model import Importance as Importance
from .model import Rubric as Rubric
from .model import Verdict as Verdict
