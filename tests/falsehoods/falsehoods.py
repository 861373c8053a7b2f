"""The falsehoods that the chapters' verdicts have to notice."""

from beyond import BEYOND
from comparisons import COMPARISONS
from setting import SETTING

FALSEHOODS = (*SETTING, *COMPARISONS, *BEYOND)
