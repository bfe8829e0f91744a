{{/* All names, labels and addresses of the chart. `$c` is (dict "root" $ "name" <workload> "key" <values section>). */}}

{{- define "fogflow.chart" -}}
{{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The edge chart shares these templates; only an edge has the addresses of its cloud. */}}
{{- define "fogflow.isEdge" -}}
{{ if hasKey .Values "cloud" }}true{{ end }}
{{- end }}

{{/* A workload's name: cloud-broker in a cloud is edge-broker at an edge. */}}
{{- define "fogflow.workload" -}}
{{ ternary (.name | replace "cloud-" "edge-") .name (eq (include "fogflow.isEdge" .root) "true") }}
{{- end }}

{{/* The labels for selectors: none of them changes while the release exists. */}}
{{- define "fogflow.selector" -}}
app.kubernetes.io/name: {{ include "fogflow.workload" . }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "fogflow.podLabels" -}}
{{ include "fogflow.selector" . }}
app.kubernetes.io/component: {{ include "fogflow.workload" . }}
app.kubernetes.io/part-of: fogflow
{{- end }}

{{- define "fogflow.labels" -}}
{{ include "fogflow.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ include "fogflow.chart" .root }}
{{- end }}

{{- define "fogflow.metadata" -}}
name: {{ include "fogflow.workload" (dict "root" .root "name" (.as | default .name)) }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "fogflow.labels" . | nindent 2 }}
{{- end }}

{{/* Full DNS names, because tasks run in another namespace and receive the broker's. */}}
{{- define "fogflow.fqdn" -}}
{{- $root := index . 0 -}}
{{ printf "%s.%s.svc.%s" (include "fogflow.workload" (dict "root" $root "name" (index . 1))) $root.Release.Namespace $root.Values.clusterDomain }}
{{- end }}

{{/* Shards of the broker. The first has the name and address of a single broker, under which discovery may already know entities. */}}
{{- define "fogflow.shard" -}}
{{ ternary (printf "cloud-broker-%d" .) "cloud-broker" (gt . 0) }}
{{- end }}

{{/* The full names of all shards, separated by commas. */}}
{{- define "fogflow.shards" -}}
{{- $hosts := list -}}
{{- range $n := until (int .Values.broker.shards) -}}
{{- $hosts = append $hosts (include "fogflow.fqdn" (list $ (include "fogflow.shard" $n))) -}}
{{- end -}}
{{ join "," $hosts }}
{{- end }}

{{/* The worker that is used: "upstream" or "native". auto means native where its image has a registry; an upgrade keeps the worker that the
     release has, because a change removes all tasks and starts them again. The CLI's model has the same rule (worker_choice.py). The
     installed worker's configuration tells which it is; it is read once per render. */}}
{{- define "fogflow.worker.implementation" -}}
{{- $w := .Values.worker -}}
{{- if ne ($w.implementation | default "auto") "auto" -}}
{{ $w.implementation }}
{{- else -}}
{{- if not (hasKey $w "chosen") -}}
{{- $chosen := ternary "native" "upstream" (ne ($w.nativeImage.registry | default "") "") -}}
{{- if .Release.IsUpgrade -}}
{{- $name := printf "%s-config" (include "fogflow.workload" (dict "root" . "name" "cloud-worker")) -}}
{{- with lookup "v1" "ConfigMap" .Release.Namespace $name -}}
{{- $chosen = ternary "native" "upstream" (hasKey (dig "worker" dict (get (.data | default dict) "config.json" | fromJson)) "tasks") -}}
{{- end -}}
{{- end -}}
{{- $_ := set $w "chosen" $chosen -}}
{{- end -}}
{{ $w.chosen }}
{{- end -}}
{{- end }}

{{/* Whether the native worker is used, whose tasks keep running without it: "true" or empty. */}}
{{- define "fogflow.worker.keepsTasks" -}}
{{- if eq (include "fogflow.worker.implementation" .) "native" }}true{{ end }}
{{- end }}

{{/* The CLI's model has the same rule. */}}
{{- define "fogflow.worker.checks" -}}
{{- if and (include "fogflow.worker.keepsTasks" .) (not (.Values.global.imageRegistry | default .Values.worker.nativeImage.registry)) -}}
{{- fail (printf "\n\nThe worker is the native one (%s), but worker.nativeImage.registry is empty, so its image has no registry to be pulled from. Either\n  push the image: fogflow-k8s images build --push REGISTRY/fogflow-k8s/worker:%s\n  and name its registry: --set worker.nativeImage.registry=REGISTRY (localhost: the image is loaded on every node)\nor use the upstream worker: --set worker.implementation=upstream" (ternary "this release has it" "worker.implementation is native" (hasKey .Values.worker "chosen")) (.Chart.Version | replace "+" "_")) -}}
{{- end -}}
{{- end }}

{{/* The queues of all workers, separated by commas. The first has the site's name alone, as upstream's. The native worker's queues have
     names of their own, because they are durable and a queue's properties cannot be changed. */}}
{{- define "fogflow.workerQueues" -}}
{{- $queues := list -}}
{{- $whose := ternary "fogflow-k8s." "" (eq (include "fogflow.worker.keepsTasks" .) "true") -}}
{{- range $n := until (int .Values.worker.replicas) -}}
{{- $queues = append $queues (printf "%sWorker.%s%s" $whose $.Values.config.site_id (ternary (printf ".%d" $n) "" (gt $n 0))) -}}
{{- end -}}
{{ join "," $queues }}
{{- end }}

{{- define "fogflow.rabbitmq.host" -}}
{{ if include "fogflow.isEdge" . }}{{ .Values.cloud.rabbitmq.host }}{{ else }}{{ .Values.rabbitmq.external.host | default (include "fogflow.fqdn" (list . "rabbitmq")) }}{{ end }}
{{- end }}

{{- define "fogflow.rabbitmq.port" -}}
{{ if include "fogflow.isEdge" . }}{{ int .Values.cloud.rabbitmq.port }}{{ else if .Values.rabbitmq.external.host }}{{ int .Values.rabbitmq.external.port }}{{ else }}5672{{ end }}
{{- end }}

{{/* The URL at which the consumers of each queue can be read; empty for an external RabbitMQ without metricsUrl. */}}
{{- define "fogflow.rabbitmq.metrics" -}}
{{- if include "fogflow.isEdge" . -}}
{{- else if .Values.rabbitmq.external.host -}}
{{ .Values.rabbitmq.external.metricsUrl }}
{{- else -}}
http://{{ include "fogflow.fqdn" (list . "rabbitmq") }}:15692
{{- end -}}
{{- end }}

{{- define "fogflow.discovery.host" -}}
{{ if include "fogflow.isEdge" . }}{{ .Values.cloud.discovery.host }}{{ else }}{{ include "fogflow.fqdn" (list . "discovery") }}{{ end }}
{{- end }}

{{- define "fogflow.discovery.port" -}}
{{ if include "fogflow.isEdge" . }}{{ int .Values.cloud.discovery.port }}{{ else }}{{ int .Values.config.discovery.http_port }}{{ end }}
{{- end }}

{{- define "fogflow.rabbitmq.secret" -}}
{{ .Values.rabbitmq.auth.existingSecret | default (printf "%s-rabbitmq" .Release.Name) }}
{{- end }}

{{- define "fogflow.tasksNamespace" -}}
{{ .Values.config.worker.app_namespace | default (printf "%s-tasks" .Release.Namespace) }}
{{- end }}

{{/* One service account per component, or upstream's single one if it is named. */}}
{{- define "fogflow.serviceAccount" -}}
{{- $sa := .root.Values.serviceAccount -}}
{{- if $sa.name }}{{ $sa.name }}{{ else if $sa.create }}{{ include "fogflow.workload" . }}{{ else }}default{{ end -}}
{{- end }}

{{/* Both spellings of upstream's key, as a JSON list without duplicates. */}}
{{- define "fogflow.externalIPs" -}}
{{ concat (.Values.externalIPs | default list) (.Values.Service.spec.externalIPs | default list) | uniq | toJson }}
{{- end }}

{{/* The address that users and edges use; empty if it is not set. */}}
{{- define "fogflow.address" -}}
{{ .Values.config.coreservice_ip | default (first (concat (.Values.externalIPs | default list) (.Values.Service.spec.externalIPs | default list))) }}
{{- end }}

{{/* The Secret with the Ingress's certificate: an existing one, or one that cert-manager creates; empty without TLS. */}}
{{- define "fogflow.ingress.tlsSecret" -}}
{{- $i := .Values.expose.ingress -}}
{{ $i.tlsSecret | default (ternary "nginx-tls" "" (eq (include "fogflow.ingress.certManager" .) "true")) }}
{{- end }}

{{- define "fogflow.ingress.certManager" -}}
{{ has true (list (hasKey .Values.expose.ingress.annotations "cert-manager.io/issuer") (hasKey .Values.expose.ingress.annotations "cert-manager.io/cluster-issuer")) }}
{{- end }}
