{{- define "mailguard.name" -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "mailguard.selector" -}}
app.kubernetes.io/name: mailguard
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "mailguard.labels" -}}
{{ include "mailguard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "mailguard.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Of every container. The volumes are the only places to write to. */}}
{{- define "mailguard.confined" -}}
securityContext:
  runAsNonRoot: true
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "mailguard.shared" -}}
env:
  - {name: MAILGUARD_CONFIG, value: /etc/mailguard/config/mailguard.yaml}
{{- end }}

{{- define "mailguard.files" -}}
- {name: run, mountPath: /run/mailguard}
- {name: config, mountPath: /etc/mailguard/config, readOnly: true}
- {name: rules, mountPath: /etc/mailguard/rules, readOnly: true}
{{- range $name := include "mailguard.secrets" . | fromJsonArray }}
- {name: secret-{{ $name }}, mountPath: /etc/mailguard/secrets/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}

{{/* The Secrets that every container sees; the database's is copied by another one. */}}
{{- define "mailguard.secrets" -}}
{{- $names := list }}
{{- range $name := concat (list .Values.secrets.tls .Values.secrets.users .Values.secrets.encryption) .Values.secrets.others }}
{{- if $name }}{{ $names = append $names $name }}{{ end }}
{{- end }}
{{- $names | uniq | toJson }}
{{- end }}

{{- define "mailguard.store" -}}
{{- if eq .Values.store "sqlite" -}}
sqlite:///var/lib/mailguard/mail.db
{{- else -}}
{{- with .Values.postgresql -}}
{{- $hosts := list }}
{{- range splitList "," .host }}{{ $hosts = append $hosts (printf "%s:%v" . $.Values.postgresql.port) }}{{ end }}
{{- $query := list "passfile=/run/database/passfile" }}
{{- range $name, $value := .parameters }}{{ $query = append $query (printf "%s=%v" $name $value) }}{{ end }}
{{- printf "postgresql://%s@%s/%s?%s" .user (join "," $hosts) .database (join "&" $query) }}
{{- end }}
{{- end }}
{{- end }}

{{/* mailguard.yaml: what follows from how it is deployed, and over it what was said. */}}
{{- define "mailguard.config" -}}
{{- $smtp := dict "listeners" (list
    (dict "bind" "0.0.0.0:1465" "tls" "implicit" "auth" "required")
    (dict "bind" "0.0.0.0:1587" "tls" "starttls" "auth" "required")) }}
{{- with .Values.secrets.users }}
{{- $_ := set $smtp "users" (dict "file" (printf "/etc/mailguard/secrets/%s/users.yaml" .)) }}
{{- end }}
{{- with .Values.secrets.tls }}
{{- $folder := printf "/etc/mailguard/secrets/%s" . }}
{{- $_ := set $smtp "tls" (dict "certificate" (printf "%s/tls.crt" $folder) "key" (printf "%s/tls.key" $folder)) }}
{{- end }}
{{- $written := dict "version" 1
    "people" "people.yaml"
    "rules" (list "/etc/mailguard/rules/*.yaml")
    "store" (include "mailguard.store" .)
    "smtp" $smtp
    "attachments" (dict "workers" 2)
    "web" (dict "bind" "0.0.0.0:8025")
    "admin" (dict "socket" "/run/mailguard/admin.sock")
    "metrics" (dict "bind" "0.0.0.0:9325") }}
{{- with .Values.secrets.encryption }}
{{- $_ := set $written "encryption" (dict "key_file" (printf "/etc/mailguard/secrets/%s/store.key" .)) }}
{{- end }}
{{- mergeOverwrite $written (deepCopy .Values.config) | toYaml }}
{{- end }}

{{/* What would come up and not work, or work and not be safe. */}}
{{- define "mailguard.check" -}}
{{- $config := include "mailguard.config" . | fromYaml }}
{{- if and (eq .Values.store "sqlite") (gt (int .Values.replicas) 1) }}
{{- fail "store: sqlite is one process's file, so replicas must be 1; several replicas share store: postgresql" }}
{{- end }}
{{- if hasKey .Values.config "store" }}
{{- fail "config.store is written by the chart: say store: sqlite, or store: postgresql and postgresql.host" }}
{{- end }}
{{- if eq .Values.store "postgresql" }}
{{- $_ := required "store: postgresql needs postgresql.host" .Values.postgresql.host }}
{{- $_ := required "store: postgresql needs secrets.database, the name of a Secret with a passfile in it" .Values.secrets.database }}
{{- end }}
{{- $_ := required "rules.configMap is needed: kubectl create configmap mailguard-rules --from-file=rules/" .Values.rules.configMap }}
{{- if not (dig "organization" "domains" list $config) }}{{ fail "config.organization.domains is needed: [corp.example]" }}{{ end }}
{{- if not (hasKey $config "next_hop") }}{{ fail "config.next_hop is needed: {smarthost: \"smtp.corp.example:587\"}" }}{{ end }}
{{- if not (dig "web" "url" "" $config) }}{{ fail "config.web.url is needed: what links in notices begin with" }}{{ end }}
{{- if lt (int .Values.terminationGracePeriodSeconds) 40 }}
{{- fail "terminationGracePeriodSeconds must be 40 or more: what is on the wire has 25 seconds, after five for clients to go elsewhere" }}
{{- end }}
{{- $ports := list }}
{{- range $listener := $config.smtp.listeners }}
{{- $port := $listener.bind | splitList ":" | last | int }}
{{- $ports = append $ports $port }}
{{- if lt $port 1024 }}
{{- fail (printf "smtp.listeners: %s: a process without privileges can't bind a port below 1024; choose another and map it in service.smtp.ports" $listener.bind) }}
{{- end }}
{{- if and (ne ($listener.tls | default "none") "none") (not $config.smtp.tls) }}
{{- fail (printf "the listener %s needs secrets.tls" $listener.bind) }}
{{- end }}
{{- if and (eq ($listener.auth | default "none") "required") (not $config.smtp.users) }}
{{- fail (printf "the listener %s needs secrets.users, or config.smtp.users.upstream" $listener.bind) }}
{{- end }}
{{- if and (eq ($listener.auth | default "none") "none") (ne $.Values.service.smtp.type "ClusterIP") (ne $.Values.service.smtp.externalTrafficPolicy "Local") }}
{{- fail (printf "the listener %s asks for no login: service.smtp.externalTrafficPolicy must be Local, or every client would have an address of the cluster's" $listener.bind) }}
{{- end }}
{{- end }}
{{- range .Values.service.smtp.ports }}
{{- if not (has (int .listener) $ports) }}{{ fail (printf "service.smtp.ports: no listener has port %v" .listener) }}{{ end }}
{{- end }}
{{- end }}
