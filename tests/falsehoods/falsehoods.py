"""The falsehoods that the chapters' verdicts have to notice."""

from comparisons import COMPARISONS
from setting import SETTING

FALSEHOODS = (*SETTING, *COMPARISONS)
