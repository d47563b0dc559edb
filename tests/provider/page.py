"""The configuration that a recipe shows, with this machine's addresses and files in the place of the firm's."""

from pathlib import Path
from typing import Any

from mailguard.document import yaml
from tests.provider.cloud import HOST, Cloud, certify

NAME = "mailguard.corp.example"  # what the pages call it, and its certificate says
ADDRESS = "127.0.0.1"  # what 203.0.113.25 stands for there
SECRET, BACK, STAMP = "5" * 64, "b" * 64, "c" * 64
_THERE = "/etc/mailguard/"


def configuration(page: str, cloud: Cloud, folder: Path) -> dict[str, Any]:
    """`smtp` and `next_hop` of the page's first YAML block; its files are written into `folder`."""
    (folder / "page.yaml").write_text(page.split("```yaml\n")[1].partition("```")[0], "utf-8")
    data: Any = yaml.read(folder / "page.yaml").data
    for name, secret in (("connector.secret", SECRET), ("return.secret", BACK), ("stamp.key", STAMP)):
        (folder / name).write_text(secret + "\n")
        (folder / name).chmod(0o600)
    files = certify(cloud.authority, NAME, folder)
    moved = _moved(data, {"tls.crt": files["certificate"], "tls.key": files["key"]}, folder)
    (listener,) = moved["smtp"]["listeners"]
    listener |= {"bind": f"{ADDRESS}:0", "networks": ["127.0.0.0/8"]}
    cloud.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    hop = {**moved["next_hop"], "smarthost": f"{HOST}:{cloud.port}", "ca_file": str(folder / "ca.pem")}
    return {"smtp": moved["smtp"], "next_hop": {**hop, "routes": {"*.example": hop}}}  # the demo's site has that route


def _moved(value: Any, files: dict[str, str], folder: Path) -> Any:
    if isinstance(value, dict):
        return {name: _moved(one, files, folder) for name, one in value.items()}
    if isinstance(value, list):
        return [_moved(one, files, folder) for one in value]
    if isinstance(value, str) and value.startswith(_THERE):
        name = value.removeprefix(_THERE)
        return files.get(name, str(folder / name))
    return value
