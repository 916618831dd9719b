"""Tables to one self-contained HTML page per movie: `write_report`."""

from exotrack.report.page import write_report

__all__ = ["write_report"]
