"""Fuzz by coverage: `python -m tests.fuzz NAME --seconds 60`. Without a name: lists the targets.

New inputs that reach something new are collected outside the repository (`--found`); `--keep` adds the smallest set
of them to corpus/NAME. A bug ends the run with its traceback and leaves its input in the folder of `--found`.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    sys.exit("atheris is not installed: it has wheels for Linux on x86-64 and Python 3.11 to 3.13 (make install)")

with atheris.instrument_imports(include=["mailguard"]):
    from tests.fuzz import targets

    targets.load()

from tests.fuzz.target import LONGEST, TARGETS, Target


def main() -> None:
    """Read the command line and run; libFuzzer ends the process itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="fuzz by coverage")
    parser.add_argument("name", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--found", type=Path, help="a folder for new inputs")
    parser.add_argument("--keep", action="store_true", help="add what --found holds to the corpus, cut down")
    said, inner = parser.parse_known_args()
    if said.name is None:
        print("\n".join(f"{one.name:10} {one.promise}" for one in TARGETS.values()))
        return
    found = said.found or Path(tempfile.gettempdir()) / "mailguard-fuzz" / said.name
    found.mkdir(parents=True, exist_ok=True)
    one = TARGETS[said.name]
    one.corpus.mkdir(parents=True, exist_ok=True)
    # To cut a corpus down libFuzzer starts itself again by its first argument, which it gives to a shell.
    itself = f"{sys.executable} -m tests.fuzz {one.name}"
    atheris.Setup([itself, *(inner or _arguments(one, said, found))], one.check)
    atheris.Fuzz()


def _arguments(one: Target, said: argparse.Namespace, found: Path) -> list[str]:
    usual = [f"-max_len={LONGEST}", "-timeout=20", "-rss_limit_mb=1024", f"-artifact_prefix={found}/bug-"]
    if said.keep:
        return [*usual, "-merge=1", str(one.corpus), str(found)]
    words = found.parent / f"{one.name}.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in one.words if 0 < len(word) <= 64))
    return [
        *usual, f"-dict={words}", f"-max_total_time={said.seconds}", f"-seed={said.seed}", "-print_final_stats=1",
        f"-verbosity={os.environ.get('FUZZ_VERBOSITY', '0')}", str(found), str(one.corpus),
    ]  # fmt: skip


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
