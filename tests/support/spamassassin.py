"""SpamAssassin from Debian's packages, with its local rules and nothing else: no network, no memory of earlier mail."""

import re
import shutil
import subprocess
from pathlib import Path

MISSING = "" if shutil.which("spamassassin") else "spamassassin is not installed (apt-get install spamassassin)"

_OURS = """report_safe 0
use_bayes 0
clear_headers
add_header all Rules _TESTSSCORES(,)_
"""
_ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def rules_hit(raw: bytes, folder: Path) -> dict[str, float]:
    """Rules that a mail hits -> points. `folder`: a place for its files."""
    prefs = folder / "spamassassin.prefs"
    prefs.write_text(_OURS)
    command = ["spamassassin", "--local", "--prefspath", str(prefs)]
    done = subprocess.run(command, input=raw, capture_output=True, env={**_ENV, "HOME": str(folder)}, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = re.search(rb"^X-Spam-Rules: (\S*(?:\r?\n[ \t]\S+)*)", done.stdout, re.MULTILINE)
    assert found, done.stdout[:2000]
    pairs = [pair.partition("=") for pair in re.sub(r"\s", "", found[1].decode()).split(",")]
    return {name: float(points) for name, _, points in pairs if name != "none"}
