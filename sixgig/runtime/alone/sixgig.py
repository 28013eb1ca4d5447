"""Stands for the package in another environment, whose path must not hold the packages that are installed beside it."""

import os

__path__ = [os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))]
