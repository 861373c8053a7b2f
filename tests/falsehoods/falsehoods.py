"""The falsehoods that the chapters' verdicts have to notice."""

from beyond import BEYOND
from comparisons import COMPARISONS
from results import RESULTS
from setting import SETTING

FALSEHOODS = (*SETTING, *RESULTS, *COMPARISONS, *BEYOND)
