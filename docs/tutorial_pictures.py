"""The pictures of the tutorial, made by doing what it says: ``python docs/tutorial_pictures.py`` (a minute; needs Chromium)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE / "tutorial.md").read_text(encoding="utf-8")


def main() -> None:
    """Run the demo, photograph its report, and draw the figure with the page's own code."""
    browser = shutil.which("chromium") or shutil.which("google-chrome-stable") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("docs/tutorial_pictures.py: needs Chromium; install it (Debian: chromium)")
    figure = next(code for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if "savefig" in code)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        subprocess.run([sys.executable, "-m", "exotrack", "demo", "--out", "demo"], cwd=place, check=True)
        subprocess.run([sys.executable, "-c", figure], cwd=place, check=True)
        shutil.copy(place / "fusions.png", HERE / "pictures" / "tutorial_figure.png")
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={place / 'browser'}",
                "--window-size=1100,900", "--hide-scrollbars", f"--screenshot={HERE / 'pictures' / 'tutorial_report.png'}",
                (place / "demo" / "granule" / "report.html").as_uri(),
            ],
            check=True, capture_output=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
