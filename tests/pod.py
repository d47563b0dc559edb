"""What the chart renders, and a pod of it on this machine: its commands, as its user, with its volumes and no others.

No container engine is needed for that: a copy-on-write root that is then made read-only, in namespaces of its own. The
image is not in it: mailguard is the one that is tested.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = ROOT / "deploy" / "helm" / "mailguard"
Object = dict[str, Any]
Files = Mapping[str, bytes]

_OUTSIDE = """\
set -e
ip link set lo up
mount -t tmpfs tmpfs {space}
root={space}/root
mkdir {space}/upper {space}/work $root
mount -t overlay overlay -o lowerdir=/,upperdir={space}/upper,workdir={space}/work $root
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
mount -t tmpfs -o mode=755 tmpfs $root/srv
mkdir -p $root/srv/venv $root/srv/house/mailguard $root/srv/bin $root/etc/mailguard $root/var/lib/mailguard
mount --bind {venv} $root/srv/venv
mount --bind {package} $root/srv/house/mailguard
printf '#!/bin/sh\\nexec /srv/venv/bin/python -m mailguard "$@"\\n' > $root/srv/bin/mailguard
chmod 755 $root/srv/bin/mailguard
cp {folder}/inside $root/srv/inside
for place in {parents}; do chmod o+x "$root$place"; done  # Python may be in root's home
{mounts}
mount -o remount,ro $root
{meanwhile}
exec chroot $root env -i PATH=/srv/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/srv/house LANG=C.UTF-8 {env} \\
    setpriv --reuid 10025 --regid 10025 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \\
    bash -e /srv/inside
"""


def render(helm: str, values: Mapping[str, Any]) -> list[Object]:
    """The objects; `subprocess.CalledProcessError` has in `stderr` why not."""
    done = subprocess.run(
        [helm, "template", "mg", CHART, "--namespace", "mail", "--values", "-"],
        input=json.dumps(values), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of(objects: list[Object], kind: str) -> list[Object]:
    return [one for one in objects if one["kind"] == kind]


def containers(spec: Object) -> Iterator[Object]:
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def run(folder: Path, objects: list[Object], given: Mapping[str, Files], script: str, meanwhile: str = "") -> str:
    """What the script prints in a pod whose ConfigMaps and Secrets are `given` by name, beside the chart's own.

    `meanwhile` is done outside, as root, where `$root` is the pod's; it has to end, or go to the background. The pod's
    containers share one view of the files: the one where the mounts of all of them are. AssertionError when it fails.
    """
    spec = of(objects, "StatefulSet")[0]["spec"]["template"]["spec"]
    own = {one["metadata"]["name"]: {k: v.encode() for k, v in one["data"].items()} for one in of(objects, "ConfigMap")}
    env = [f"{one['name']}={one['value']}" for one in spec["containers"][0]["env"]]
    (folder / "space").mkdir()
    (folder / "inside").write_text(script)
    outside = _OUTSIDE.format(
        space=folder / "space", folder=folder, venv=Path(sys.prefix), package=ROOT / "mailguard",
        mounts="\n".join(_mounts(folder, objects, {**given, **own})), meanwhile=meanwhile, env=shlex.join(env),
            parents=shlex.join(map(str, Path(sys.base_prefix).parents)),
    )  # fmt: skip
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c", outside],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _mounts(folder: Path, objects: list[Object], given: Mapping[str, Files]) -> Iterator[str]:
    """Commands that lay each volume where the containers have it, with the rights that fsGroup gives."""
    (workload,) = of(objects, "StatefulSet")
    spec = workload["spec"]["template"]["spec"]
    volumes = {one["name"]: one for one in spec["volumes"]}
    claims = {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
    places = {(mount["mountPath"], mount["name"]) for one in containers(spec) for mount in one["volumeMounts"]}
    for place, name in sorted(places):
        yield f"mkdir -p $root{place}"
        if name in claims or "emptyDir" in volumes[name]:
            yield f"mount -t tmpfs -o mode=2770,gid={spec['securityContext']['fsGroup']} tmpfs $root{place}"
            continue
        volume = volumes[name]
        source = volume["configMap"]["name"] if "configMap" in volume else volume["secret"]["secretName"]
        here = folder / "volumes" / name
        here.mkdir(parents=True)
        for file, content in given[source].items():
            (here / file).write_bytes(content)
        mode = f"{volume['secret']['defaultMode']:o}" if "secret" in volume else "644"
        yield f"cp -r {here}/. $root{place}/"
        yield f"chown -R 0:{spec['securityContext']['fsGroup']} $root{place}; chmod {mode} $root{place}/*"
        yield f"chmod 755 $root{place}; mount --bind $root{place} $root{place}"
