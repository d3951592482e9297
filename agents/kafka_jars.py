"""The jars of Apache Kafka: fetched once by Maven into the user's cache, then only looked up."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

VERSION = "4.3.1"
JAVA = "default-jre-headless"
MAVEN = "maven"

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>streampost</groupId><artifactId>kafka-libs</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""


class KafkaMissingError(RuntimeError):
    """Apache Kafka cannot run here; the message says what to install."""


def cache_folder() -> Path:
    """Where the jars are kept: outside of any checkout, shared by all of them (XDG base directories)."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "streampost" / f"kafka-{VERSION}"


def missing_reason(cache: Path | None = None) -> str | None:
    """Why Apache Kafka cannot run here, with the packages to install; None when it can."""
    if shutil.which("java") is None:
        return f"java 17 or newer is not installed: apt-get install {JAVA}"
    if not _complete(cache or cache_folder()) and shutil.which("mvn") is None:
        return f"mvn is needed once to fetch Kafka {VERSION}: apt-get install {MAVEN}"
    return None


def ensure_jars(cache: Path | None = None) -> Path:
    """The folder with Kafka's jars, fetched (about 43 MB) if it is not there. Raises KafkaMissingError."""
    cache = cache or cache_folder()
    if reason := missing_reason(cache):
        raise KafkaMissingError(reason)
    if not _complete(cache):
        _fetch(cache)
    return cache / "libs"


def _complete(cache: Path) -> bool:
    return (cache / "libs" / f"kafka_2.13-{VERSION}.jar").exists()


def _fetch(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetch-") as work:
        (Path(work) / "pom.xml").write_text(_POM, "utf-8")
        command = [
            "mvn",
            "-q",
            "-B",
            "dependency:copy-dependencies",
            "-DoutputDirectory=libs",
            "-DincludeScope=runtime",
        ]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KafkaMissingError(f"mvn could not fetch Kafka {VERSION}: {(done.stdout + done.stderr)[-2000:]}")
        try:
            # one rename: a second process that fetches at the same time sees all jars or none
            (Path(work) / "libs").rename(cache / "libs")
        except OSError:
            if not _complete(cache):
                raise
