from .checks import Check as Check
from .loading import load_rubric as load_rubric
from .model import Criterion as Criterion
from .model import Importance as Importance
from .model import Rubric as Rubric
from .model import Verdict as Verdict
from .tomlfile import TomlDocument as TomlDocument
