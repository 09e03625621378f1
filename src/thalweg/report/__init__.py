"""What a study found, for people: one HTML page, tables for the terminal, JSON.

    write_report("run", "report.html")
    print_report(collect("run"))
    to_json(collect("run"))

Nothing heavy is imported before a function is called.
"""

from thalweg.report.collect import collect
from thalweg.report.data import ReportData
from thalweg.report.page import render, write_report
from thalweg.report.plain import to_json
from thalweg.report.terminal import print_report
from thalweg.report.words import headline, in_words

__all__ = [
    "ReportData",
    "collect",
    "headline",
    "in_words",
    "print_report",
    "render",
    "to_json",
    "write_report",
]
