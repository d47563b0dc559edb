"""The Helm chart: rendered by the real helm, checked against Kubernetes' own schemas, and a pod of it run."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import trustme
import yaml

import mailguard
from mailguard.service import DRAIN
from mailguard.smtpd.users import hash_password
from tests.pod import CHART, ROOT, Files, Object, containers, of, render, run

Tool = Callable[[str], str]

CONFIG = {
    "organization": {"name": "Corp Example", "domains": ["corp.example"], "zone": "Europe/Warsaw"},
    "smtp": {"hostname": "mail.corp.example"},
    "next_hop": {"smarthost": "smtp.corp.example:587"},
    "web": {"url": "https://mailguard.corp.example"},
    "notices": {"sender": "mailguard@corp.example"},
    "holds": {"fallback": "postmaster@corp.example"},
}
SECRETS = {"tls": "mail-tls", "users": "mail-users", "encryption": "mail-key"}
SQLITE: Object = {"config": CONFIG, "rules": {"configMap": "mail-rules"}, "secrets": SECRETS}
POSTGRESQL: Object = {
    **SQLITE,
    "store": "postgresql",
    "replicas": 3,
    "postgresql": {
        "host": "a.corp.example,b.corp.example",
        "parameters": {"sslrootcert": "/etc/mailguard/secrets/database-ca/ca.crt"},
    },
    "secrets": {**SECRETS, "database": "mail-database", "others": ["database-ca"]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "people": {"version": 1, "people": [{"address": "ceo@corp.example", "assistant": "pa@corp.example"}]},
    "networkPolicy": {"smtp": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "mail", "operator": "Exists"}],
    "imagePullSecrets": [{"name": "registry"}],
}
BOTH = pytest.mark.parametrize("values", [SQLITE, POSTGRESQL], ids=["sqlite", "postgresql"])


def pod(objects: list[Object]) -> Object:
    (workload,) = of(objects, "StatefulSet")
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def refused(helm: str, **changed: object) -> str:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        render(helm, {**SQLITE, **changed})
    return str(failed.value.stderr)


# --- what is rendered ------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("version", ["1.27.0", "1.37.0"])
def test_kubernetes_knows_every_field(tool: Tool, values: Object, version: str) -> None:
    objects = render(tool("helm"), values)
    for one in objects:
        if one["kind"] != "ServiceMonitor":  # the Prometheus operator's
            kubernetes_validate.validate(one, version, strict=True)
    kinds = ["ConfigMap", "NetworkPolicy", "Service", "Service", "Service", "StatefulSet"]
    more = ["PodDisruptionBudget", "ServiceMonitor"] if values is POSTGRESQL else []
    assert sorted(one["kind"] for one in objects) == sorted([*kinds, *more])


def test_a_field_that_kubernetes_does_not_know_would_be_noticed(tool: Tool) -> None:
    (workload,) = of(render(tool("helm"), SQLITE), "StatefulSet")
    workload["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenessProb"):
        kubernetes_validate.validate(workload, "1.37.0", strict=True)


@BOTH
def test_helm_finds_nothing_to_complain_of(tool: Tool, values: Object) -> None:
    done = subprocess.run(
        [tool("helm"), "lint", "--strict", CHART, "--values", "-"],
        input=json.dumps(values), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@BOTH
def test_no_container_may_more_than_it_must(tool: Tool, values: Object) -> None:
    """Kubernetes' own "restricted" standard, and a root file system nobody writes to."""
    spec = pod(render(tool("helm"), values))
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False, "MAILGUARD_WEB_SERVICE_HOST would be taken for a setting"
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.M)
    assert user
    context = spec["securityContext"]
    assert [str(context[name]) for name in ("runAsUser", "runAsGroup")] == list(user.groups())
    for one in containers(spec):
        assert one["securityContext"] == {
            "runAsNonRoot": True, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        assert "memory" in one["resources"]["limits"]
        assert all(port["containerPort"] >= 1024 for port in one.get("ports", []))
    kinds = {key for one in spec["volumes"] for key in one if key != "name"}
    assert kinds == {"configMap", "secret", "emptyDir"}
    assert {one["secret"]["defaultMode"] for one in spec["volumes"] if "secret" in one} == {0o440}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)


@BOTH
def test_what_is_on_the_wire_may_end(tool: Tool, values: Object) -> None:
    spec = pod(render(tool("helm"), values))
    (_, pause) = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert spec["terminationGracePeriodSeconds"] > DRAIN + int(pause) + 5


@BOTH
def test_every_port_volume_and_label_named_is_there(tool: Tool, values: Object) -> None:
    objects = render(tool("helm"), values)
    (workload,) = of(objects, "StatefulSet")
    spec = pod(objects)
    labels = workload["spec"]["template"]["metadata"]["labels"].items()
    ports = {one["name"]: one["containerPort"] for one in spec["containers"][0]["ports"]}
    for service in of(objects, "Service"):
        assert service["spec"]["selector"].items() <= labels
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports)
    assert workload["spec"]["serviceName"] in {one["metadata"]["name"] for one in of(objects, "Service")}
    (policy,) = of(objects, "NetworkPolicy")
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} == set(ports.values())
    bound = yaml.safe_load(of(objects, "ConfigMap")[0]["data"]["mailguard.yaml"])
    binds = [one["bind"] for one in bound["smtp"]["listeners"]] + [bound["web"]["bind"], bound["metrics"]["bind"]]
    assert {int(bind.rpartition(":")[2]) for bind in binds} == set(ports.values())
    there = {one["name"] for one in spec["volumes"]}
    there |= {one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", [])}
    assert {mount["name"] for one in containers(spec) for mount in one["volumeMounts"]} == there
    for monitor in of(objects, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (found,) = [one for one in of(objects, "Service") if wanted <= one["metadata"]["labels"].items()]
        assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in found["spec"]["ports"]}
        assert found["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "mailguard", "as the alert rules call it"


def test_the_file_has_one_process_and_a_volume_the_database_several_and_none(tool: Tool) -> None:
    (one,) = of(render(tool("helm"), SQLITE), "StatefulSet")
    assert one["spec"]["replicas"] == 1
    assert [claim["metadata"]["name"] for claim in one["spec"]["volumeClaimTemplates"]] == ["store"]
    objects = render(tool("helm"), POSTGRESQL)
    (several,) = of(objects, "StatefulSet")
    assert several["spec"]["replicas"] == 3
    assert "volumeClaimTemplates" not in several["spec"]
    (budget,) = of(objects, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    url = yaml.safe_load(of(objects, "ConfigMap")[0]["data"]["mailguard.yaml"])["store"]
    assert url == (
        "postgresql://mailguard@a.corp.example:5432,b.corp.example:5432/mailguard"
        "?passfile=/run/database/passfile&sslrootcert=/etc/mailguard/secrets/database-ca/ca.crt"
    )


def test_what_was_said_wins_and_a_change_of_it_starts_pods_anew(tool: Tool) -> None:
    def summed(objects: list[Object]) -> str:
        (workload,) = of(objects, "StatefulSet")
        return str(workload["spec"]["template"]["metadata"]["annotations"]["checksum/config"])

    config = {**CONFIG, "attachments": {"workers": 3}, "smtp": {"limits": {"size": "50MB"}}}
    before, after = render(tool("helm"), SQLITE), render(tool("helm"), {**SQLITE, "config": config})
    assert summed(before) != summed(after)
    written = yaml.safe_load(of(after, "ConfigMap")[0]["data"]["mailguard.yaml"])
    assert written["attachments"]["workers"] == 3
    assert written["smtp"]["limits"] == {"size": "50MB"}
    assert len(written["smtp"]["listeners"]) == 2, "what was not said stays"


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert chart["appVersion"] == chart["version"] == mailguard.__version__


# --- what is refused -------------------------------------------------------------------------------------


def _open(policy: str) -> dict[str, Any]:
    listener = {"bind": "0.0.0.0:2525", "tls": "none", "auth": "none", "networks": ["10.0.20.0/24"]}
    ports = [{"name": "smtp", "port": 25, "listener": 2525}]
    return {
        "config": {**CONFIG, "smtp": {"hostname": "mail.corp.example", "listeners": [listener]}},
        "service": {"smtp": {"ports": ports, "externalTrafficPolicy": policy}},
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"replicas": 2}, "replicas must be 1"),
        ({"store": "postgresql"}, "needs postgresql.host"),
        ({"store": "postgresql", "postgresql": {"host": "db"}}, "needs secrets.database"),
        ({"store": "mysql"}, "store"),
        ({"storre": "sqlite"}, "storre"),
        ({"rules": {"configMap": ""}}, "rules.configMap is needed"),
        ({"secrets": {"users": "u"}}, "needs secrets.tls"),
        ({"secrets": {"tls": "t"}}, "needs secrets.users"),
        ({"config": {**CONFIG, "store": "sqlite:x.db"}}, "config.store is written by the chart"),
        ({"config": {**CONFIG, "web": {}}}, "config.web.url is needed"),
        ({"config": {**CONFIG, "organization": {}}}, "config.organization.domains is needed"),
        ({"config": {k: v for k, v in CONFIG.items() if k != "next_hop"}}, "config.next_hop is needed"),
        ({"terminationGracePeriodSeconds": 30}, "must be 40 or more"),
        ({"service": {"smtp": {"ports": [{"name": "smtp", "port": 25, "listener": 2525}]}}}, "no listener has port"),
        ({"postgresql": {"parameters": {"password": "secret"}}}, "propertyName 'password'"),
        (_open("Cluster"), "externalTrafficPolicy must be Local"),
    ],
)
def test_what_would_not_work_or_not_be_safe_is_refused(tool: Tool, changed: Object, said: str) -> None:
    assert said in refused(tool("helm"), **changed)


def test_a_listener_without_a_login_is_served_where_clients_keep_their_addresses(tool: Tool) -> None:
    (service, *_) = of(render(tool("helm"), {**SQLITE, **_open("Local")}), "Service")
    assert service["spec"]["externalTrafficPolicy"] == "Local"
    assert service["spec"]["ports"] == [{"name": "smtp", "port": 25, "targetPort": "smtp"}]


# --- a pod of it -----------------------------------------------------------------------------------------


def given() -> dict[str, Files]:
    """The ConfigMap and the Secrets that the values name, and a later certificate."""
    authority = trustme.CA()
    certificates = [authority.issue_cert("mail.corp.example") for _ in range(2)]
    tls, later = ({"tls.crt": one.cert_chain_pems[0].bytes(), "tls.key": one.private_key_pem.bytes()}
                  for one in certificates)  # fmt: skip
    ann = {"name": "ann", "password": hash_password("swordfish"), "send_as": ["ann@corp.example"]}
    rules = {path.name: path.read_bytes() for path in (ROOT / "rules").glob("*.yaml")}
    return {
        "mail-rules": rules, "mail-tls": tls, "later": later, "database-ca": {"ca.crt": authority.cert_pem.bytes()},
        "mail-users": {"users.yaml": json.dumps({"version": 1, "users": [ann]}).encode()},
        "mail-key": {"store.key": b"mqzzLVDqUCW2pRSpJzpNp2Q0cVXkPyZcf1j3sGW2Y9Y="},
        "mail-database": {"passfile": b"*:5432:mailguard:mailguard:secret"},
    }  # fmt: skip


SERVED = """\
if touch /var/tmp/mine 2> /dev/null; then exit 3; fi  # anybody may, elsewhere
id -u
grep CapBnd /proc/self/status
mailguard check --strict
mailguard serve > /tmp/log 2>&1 &
served=$!
for _ in $(seq 120); do {probe} && break || sleep 0.5; done
sh -c {helper} & helping=$!
curl -sSf http://127.0.0.1:8025/readyz
curl -sSf http://127.0.0.1:8025/livez
curl -sSf http://127.0.0.1:9325/metrics | grep '^mailguard_queue_paused'
printf '%s\\r\\n' 'From: ann@corp.example' 'To: kim@client.example' 'Subject: Hi' '' 'Hi' > /tmp/letter.eml
for url in smtps://127.0.0.1:1465 smtp://127.0.0.1:1587; do
    curl -sS --ssl-reqd --insecure --url $url/me --user ann:swordfish \\
        --mail-from ann@corp.example --mail-rcpt kim@client.example --upload-file /tmp/letter.eml
done
mailguard queue list
touch /tmp/now
for _ in $(seq 60); do grep -q rules.reloaded /tmp/log && break || sleep 0.5; done
grep -c rules.reloaded /tmp/log
kill -TERM $helping && wait $helping
kill -TERM $served && wait $served
echo ENDED
"""


@pytest.mark.slow
@pytest.mark.clients("helm", "ip", "curl", "tmpfs")
def test_a_pod_serves_as_rendered_reads_new_certificates_and_ends(tool: Tool, tmp_path: Path) -> None:
    objects = render(tool("helm"), {**SQLITE, "reload": {"every": 1}})
    main, helper = pod(objects)["containers"]
    script = SERVED.format(
        probe=shlex.join(main["startupProbe"]["exec"]["command"]), helper=shlex.quote(helper["args"][0])
    )
    files = given()
    (tmp_path / "later").mkdir()
    for name, content in files["later"].items():
        (tmp_path / "later" / name).write_bytes(content)
    # what the kubelet does when a Secret has changed
    renewed = (
        "(until [ -e $root/tmp/now ]; do sleep 0.2; done; mount -o remount,rw $root/etc/mailguard/secrets/mail-tls; "
        f"cp {tmp_path}/later/* $root/etc/mailguard/secrets/mail-tls/) &"
    )
    said = run(tmp_path, objects, files, script, renewed)
    assert said.startswith("10025\nCapBnd:\t0000000000000000\n")
    assert "ok\nok\nmailguard_queue_paused 0" in said
    assert said.count("kim@client.example") == 2
    assert said.endswith("1\nENDED\n"), said


@pytest.mark.slow
@pytest.mark.clients("helm", "ip", "tmpfs")
def test_with_a_database_the_password_is_where_it_is_used(tool: Tool, tmp_path: Path) -> None:
    objects = render(tool("helm"), POSTGRESQL)
    (first,) = pod(objects)["initContainers"]
    copy = " ".join(first["command"])
    script = f"{copy}; {copy}; stat -c %u:%a /run/database/passfile; mailguard check --strict"
    assert run(tmp_path, objects, given(), script).startswith("10025:400\n")
