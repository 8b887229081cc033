from .evaluations import EvaluationLine as EvaluationLine
from .evaluations import Evidence as Evidence
