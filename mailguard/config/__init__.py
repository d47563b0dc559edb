"""mailguard.yaml and the environment → settings that every room can trust, or all that is wrong with them."""

import glob
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from pydantic import PrivateAttr, ValidationError

from mailguard.config.checks import Remark, check
from mailguard.config.connector import connectors, weak_secrets
from mailguard.config.environment import ENVIRONMENT, Overridden, override
from mailguard.config.files import anchored, with_secrets
from mailguard.config.settings import Settings
from mailguard.document import yaml
from mailguard.document.model import adapter, findings_of
from mailguard.document.problem import Problem, ordered, summary
from mailguard.document.wording import Finding
from mailguard.errors import ConfigError
from mailguard.people.holidays import with_holidays
from mailguard.store.settings import DEFAULT_URL, is_postgres, sqlite_path

__all__ = ["Config", "Settings", "json_schema", "load"]


class Config(Settings):
    """Settings as they are in force: paths absolute, secrets read, the environment's overrides applied."""

    _path: Path = PrivateAttr()
    _warnings: tuple[Problem, ...] = PrivateAttr(())
    _digest: str = PrivateAttr("")

    @property
    def path(self) -> Path:
        """The file they come from, absolute."""
        return self._path

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What works, but hardly as meant."""
        return self._warnings

    @property
    def digest(self) -> str:
        """Changes with every setting but secrets: they leave no trace in it."""
        return self._digest

    @property
    def people_path(self) -> Path | None:
        return self.people

    @property
    def store_url(self) -> str:
        """With an absolute path, if it has one."""
        return self.store if is_postgres(self.store) else f"sqlite://{self.store_path}"

    @property
    def store_path(self) -> Path:
        """The store's file; where the default one would be, if the store is none."""
        return self.path.parent / sqlite_path(DEFAULT_URL if is_postgres(self.store) else self.store)

    @property
    def directory_path(self) -> Path:
        """Where the directory's last answer is kept."""
        return self.store_path.with_name(f"{self.store_path.name}.directory")

    @property
    def policies_path(self) -> Path:
        """Where it is kept what other domains demand of our TLS."""
        return self.store_path.with_name(f"{self.store_path.name}.mta-sts")

    @property
    def socket_path(self) -> Path:
        return self.admin.socket

    @property
    def users_path(self) -> Path | None:
        return self.smtp.users.file if self.smtp.users else None

    def rule_files(self) -> list[Path]:
        """What `rules` names now, each file once, sorted by name: the order in which rules are read."""
        found = {Path(path) for pattern in self.rules for path in glob.iglob(pattern, recursive=True)}  # noqa: PTH207
        kept = [path for path in found if path.is_file() and not path.name.endswith((".test.yaml", ".test.yml"))]
        return sorted(kept, key=lambda path: (path.name, str(path)))


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration in force. Relative paths start at its folder. Raises ConfigError with all problems."""
    document = yaml.read(path)
    said = override(document.data, Settings, environ)
    problems = list(said.problems)
    try:
        settings = Settings.model_validate(said.data)
    except ValidationError as error:
        problems += [_problem(document, said, Remark(finding)) for finding in findings_of(error, said.data, Settings)]
        _fail(path, problems)
    file = path.absolute()
    settings = _resolved(settings, file.parent)
    findings: list[Finding] = []
    organization, wrong = with_holidays(settings.organization, file.parent)
    settings = settings.model_copy(update={"organization": organization})
    problems += [problem for problem in wrong if problem.line]
    where = ("organization", "calendar", "holidays")
    findings += [Finding(where, one.code, f"{one.path}: {one.message}", one.help) for one in wrong if not one.line]
    complete = with_secrets(settings, findings)
    remarks = [*map(Remark, findings), *check(settings, file), *connectors(settings), *weak_secrets(complete)]
    problems += [_problem(document, said, remark) for remark in remarks]
    if any(problem.severity == "error" for problem in problems):
        _fail(path, problems)
    config = Config.model_construct(**{name: getattr(complete, name) for name in Settings.model_fields})
    config._path, config._warnings = file, tuple(ordered(problems))
    config._digest = hashlib.sha256(complete.model_dump_json().encode()).hexdigest()
    return config


def json_schema() -> dict[str, Any]:
    """What mailguard.yaml may hold, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **adapter(Settings).json_schema(),
        "title": "mailguard.yaml",
    }


def _resolved(settings: Settings, folder: Path) -> Settings:
    patterns = tuple(str(Path(glob.escape(str(folder))) / pattern) for pattern in settings.rules)
    return anchored(settings, folder).model_copy(update={"rules": patterns})


def _problem(document: yaml.Document, said: Overridden, remark: Remark) -> Problem:
    finding = remark.finding
    variable = said.origin(finding.loc)
    if variable:
        message = f"{variable}: {finding.message}"
        return Problem(finding.code, remark.severity, ENVIRONMENT, 0, 0, 0, message, finding.help)
    return document.problem(
        finding.loc, finding.code, finding.message, finding.help, severity=remark.severity, key=finding.key
    )


def _fail(path: Path, problems: list[Problem]) -> NoReturn:
    raise ConfigError(f"{path}: {summary(problems)}", ordered(problems))
