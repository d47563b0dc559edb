"""The Debian package: built, installed by dpkg into a copy of this machine, served as its own user, removed and purged.

The copy is an overlay in a mount namespace of its own: nothing of it is left. systemd does not run there; the unit's
command is started by hand as the unit's user.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

OUTSIDE = """\
set -e
ip link set lo up
mount -t tmpfs tmpfs {folder}/space
mkdir {folder}/space/upper {folder}/space/work {folder}/space/root
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/space/upper,workdir={folder}/space/work {folder}/space/root
mount -t proc proc {folder}/space/root/proc
mount --rbind /dev {folder}/space/root/dev
mount -t tmpfs tmpfs {folder}/space/root/run
mkdir -p {folder}/space/root/run/mailguard {folder}/space/root/srv
cp {package} {folder}/space/root/srv/mailguard.deb
cp {folder}/inside {folder}/space/root/srv/inside
exec chroot {folder}/space/root bash -e /srv/inside
"""
INSIDE = """\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
dpkg -i /srv/mailguard.deb
echo "STATUS $(dpkg-query -W -f '${Status}' mailguard)"
[ -z "$(dpkg --verify mailguard)" ]
mailguard version
mailguard check
echo "CONFIG $(stat -c %U:%G:%a /etc/mailguard/mailguard.yaml)"
install -d -o mailguard -g mailguard -m 700 /var/lib/mailguard
chown mailguard:mailguard /run/mailguard
setpriv --reuid mailguard --regid mailguard --clear-groups --no-new-privs \\
    $(sed -n 's/^ExecStart=//p' /lib/systemd/system/mailguard.service) > /srv/log &
mailguard healthcheck --wait 60
printf '%s\\r\\n' 'From: ann@corp.example' 'To: kim@client.example' '' 'Hi' > /srv/letter.eml
curl -sS --url smtp://127.0.0.1:2525/me --mail-from ann@corp.example --mail-rcpt kim@client.example \\
    --upload-file /srv/letter.eml
mailguard queue list
kill %1
wait %1
echo "# mine" >> /etc/mailguard/mailguard.yaml
dpkg -i /srv/mailguard.deb
tail -n 1 /etc/mailguard/mailguard.yaml
dpkg -r mailguard
[ ! -e /opt/mailguard ] && [ ! -e /usr/bin/mailguard ] && [ -e /etc/mailguard/mailguard.yaml ]
dpkg -P mailguard
[ ! -e /etc/mailguard ] && [ -e /var/lib/mailguard/mail.db ]
echo ALL DONE
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)  # pip fetches what a machine of its own would
@pytest.mark.clients("curl", "ip", "dpkg-deb", "tmpfs")
def test_it_is_built_installed_served_and_removed(tmp_path: Path) -> None:
    built = subprocess.run(
        [ROOT / "deploy" / "debian" / "build", tmp_path], capture_output=True, text=True, timeout=550, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (package,) = tmp_path.glob("mailguard_*.deb")
    fields = subprocess.run(
        ["dpkg-deb", "--field", package, "Depends"], capture_output=True, text=True, check=True, timeout=20
    )
    assert fields.stdout.startswith("python3.")
    (tmp_path / "space").mkdir()
    (tmp_path / "inside").write_text(INSIDE)
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-c",
         OUTSIDE.format(folder=tmp_path, package=package)],
        capture_output=True, text=True, timeout=550, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "STATUS install ok installed" in said
    assert "all is well" in said
    assert "CONFIG root:mailguard:640" in said
    assert "kim@client.example" in said, "the queue"
    assert "# mine" in said, "an upgrade leaves the configuration"
    assert "/var/lib/mailguard is left" in said
    assert "ALL DONE" in done.stdout


def test_what_the_unit_and_the_package_say_fits() -> None:
    unit = (ROOT / "deploy" / "mailguard.service").read_text("utf-8")
    build = (ROOT / "deploy" / "debian" / "build").read_text("utf-8")
    assert "/opt/mailguard/bin/mailguard" in unit
    assert "opt/mailguard" in build
    for script in ("build", "postinst", "prerm", "postrm"):
        shell = shutil.which("sh") or "sh"
        path = ROOT / "deploy" / "debian" / script
        assert path.stat().st_mode & 0o111, script
        subprocess.run([shell, "-n", path], check=True, timeout=20)


@pytest.mark.parametrize(
    ("config", "mail", "left"),
    [
        ("encryption: {key_file: store.key}", True, True),
        ("# encryption:", True, False),
        ("encryption: {key_file: store.key}", False, False),
    ],
)
def test_a_purge_leaves_the_key_of_the_mail_it_leaves(tmp_path: Path, config: str, mail: bool, left: bool) -> None:
    etc, store = tmp_path / "etc", tmp_path / "lib"
    etc.mkdir()
    (etc / "mailguard.yaml").write_text(f"version: 1\n{config}\n")
    (etc / "store.key").write_text("key")
    if mail:
        store.mkdir()
    script = (ROOT / "deploy" / "debian" / "postrm").read_text("utf-8")
    script = script.replace("/etc/mailguard", str(etc)).replace("/var/lib/mailguard", str(store))
    script = script.replace("/run/systemd/system", str(tmp_path / "none"))
    subprocess.run(["sh", "-c", script, "postrm", "purge"], check=True, capture_output=True, timeout=20)
    assert (etc / "store.key").exists() is left
    assert store.exists() is mail
