"""The falsehoods that the chapters' verdicts have to notice."""

from setting import SETTING

FALSEHOODS = (*SETTING,)
