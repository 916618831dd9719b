"""Tables to one self-contained HTML page per movie: `write_report`. That of a comparison is in `exotrack.report.kinetics`."""

from exotrack.report.calibrated import write_calibration_report
from exotrack.report.page import write_report

__all__ = ["write_calibration_report", "write_report"]
