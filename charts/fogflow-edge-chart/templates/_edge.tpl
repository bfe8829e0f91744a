{{/* What an edge has beside the templates that it shares with the cloud's chart. */}}

{{/* The cloud's broker tells others the name that it has in its own cluster, and discovery passes it on. Here that name means the
     cloud's address; a broker that could not be reached by it would be asked in vain, for every subscription. */}}
{{- define "fogflow.edge.hosts" -}}
{{- with .Values.cloud.broker }}
{{- if and .name (regexMatch "^[0-9.]+$|:" .host) }}
hostAliases:
  - ip: {{ .host | quote }}
    hostnames: [{{ .name }}]
{{- end }}
{{- end }}
{{- end }}

{{/* Who may talk to whom at an edge; see _flows.tpl. `cloud` are the addresses of the cloud and of other edges. */}}
{{- define "fogflow.edge.flows" -}}
{{- $broker := int .Values.config.broker.http_port -}}
{{- $cloud := list (int .Values.cloud.discovery.port) (int .Values.cloud.broker.port) $broker -}}
- {from: cloud-broker, to: cloud, ports: {{ uniq $cloud | toJson }}}
- {from: cloud-worker, to: cloud, ports: [{{ int .Values.cloud.rabbitmq.port }}]}
- {from: keeper, to: cloud, ports: {{ list (int .Values.cloud.discovery.port) (int .Values.cloud.broker.port) (int .Values.cloud.rabbitmq.port) | uniq | toJson }}}
- {from: cloud, to: cloud-broker, ports: [{{ $broker }}]}
- {from: cloud-worker, to: cloud-broker, ports: [{{ $broker }}]}
- {from: keeper, to: cloud-broker, ports: [{{ $broker }}]}
- {from: tasks, to: cloud-broker, ports: [{{ $broker }}]}
- {from: monitoring, to: keeper, ports: [8095]}
- {from: keeper, to: apiserver}
- {from: cleanup, to: apiserver}
- {from: cloud-worker, to: apiserver}
- {from: cloud-broker, to: tasks}
- {from: cloud-broker, to: subscribers}
- {from: cloud-broker, to: keeper, ports: [8095]}
{{- end }}

{{/* What the edge's keeper is told: its own broker, the cloud's discovery and bus, and under which address others know the broker. */}}
{{- define "fogflow.edge.keeper" -}}
- --member=edge-broker=http://{{ include "fogflow.fqdn" (list . "cloud-broker") }}:{{ int .Values.config.broker.http_port }}
- --member=discovery=http://{{ .Values.cloud.discovery.host }}:{{ int .Values.cloud.discovery.port }}
- --bus={{ .Values.cloud.rabbitmq.host }}:{{ int .Values.cloud.rabbitmq.port }}
- --user={{ .Values.rabbitmq.auth.username }}
- --password-file=/run/rabbitmq/password
- --address=http://{{ .Values.config.external_hostip }}:{{ int .Values.config.broker.http_port }}
- --implementation={{ include "fogflow.worker.implementation" . }}
- --callback=http://{{ include "fogflow.fqdn" (list . "keeper") }}:8095
- --cloud={{ .Values.cloud.broker.host }}:{{ int .Values.cloud.broker.port }}
{{- end }}

{{/* Rules that one value alone cannot break; the CLI's model has the same ones. */}}
{{- define "fogflow.edge.checks" -}}
{{- $v := .Values -}}
{{- range $part := list "rabbitmq" "discovery" "broker" -}}
{{- if not (get (get $v.cloud $part) "host") -}}
{{- fail (printf "\n\ncloud.%s.host is empty: where does this edge reach its cloud? `fogflow-k8s edge token create` at the cloud prints a command that knows." $part) -}}
{{- end -}}
{{- end -}}
{{- if not $v.config.site_id -}}
{{- fail "\n\nconfig.site_id is empty: every edge needs one of its own; two with one id take each other's tasks." -}}
{{- end -}}
{{- if not $v.config.external_hostip -}}
{{- fail "\n\nconfig.external_hostip is empty: at which address does the cloud reach this edge's broker?" -}}
{{- end -}}
{{- if not $v.rabbitmq.auth.existingSecret -}}
{{- fail "\n\nrabbitmq.auth.existingSecret is empty: put the password of this edge's user into a Secret (key `password`) and name it." -}}
{{- end -}}
{{- if gt (len (include "fogflow.tasksNamespace" .)) 63 -}}
{{- fail "\n\nthe name of the tasks namespace (<namespace>-tasks) is longer than 63 characters: set config.worker.app_namespace to a shorter one." -}}
{{- end -}}
{{- if le (mul (int $v.config.worker.heartbeat_interval) (int $v.config.worker.detection_duration)) 12 -}}
{{- fail "\n\nconfig.worker: heartbeat_interval x detection_duration must exceed 12 s: a worker beats every 10 to 12 s, and the master would drop it in between." -}}
{{- end -}}
{{- include "fogflow.worker.checks" . -}}
{{- end }}
