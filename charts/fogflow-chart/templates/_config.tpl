{{/* One config.json per component, from the one `config:`. The programs interpret some keys differently, so they share no file: a
     broker that finds `broker.host_ip` in its file calls itself endlessly, and the designer checks which keys exist. */}}

{{- define "fogflow.config.base" -}}
{{- $c := .Values.config -}}
{{- dict
    "site_id" $c.site_id
    "physical_location" (pick $c.physical_location "longitude" "latitude")
    "logging" (pick $c.logging "info" "error" "protocol" "debug")
    "https" (dict "enabled" false)
  | toJson }}
{{- end }}

{{- define "fogflow.config.discoveryClient" -}}
{{ dict "host_ip" (include "fogflow.discovery.host" .) "http_port" (include "fogflow.discovery.port" . | int) | toJson }}
{{- end }}

{{- define "fogflow.config.brokerClient" -}}
{{ dict "host_ip" (include "fogflow.fqdn" (list . "cloud-broker")) "http_port" (int .Values.config.broker.http_port) | toJson }}
{{- end }}

{{/* The bootstrap container adds the password. */}}
{{- define "fogflow.config.rabbitmqClient" -}}
{{ dict "host_ip" (include "fogflow.rabbitmq.host" .) "port" (include "fogflow.rabbitmq.port" . | int) "username" .Values.rabbitmq.auth.username | toJson }}
{{- end }}

{{- define "fogflow.config.discovery" -}}
{{- $c := .Values.config -}}
{{ merge (dict
    "my_hostip" (include "fogflow.fqdn" (list . "discovery"))
    "discovery" (dict "http_port" (int $c.discovery.http_port))
    "broker" (dict "heartbeat_interval" (int $c.broker.heartbeat_interval))
  ) (include "fogflow.config.base" . | fromJson) | toPrettyJson }}
{{- end }}

{{- define "fogflow.config.broker" -}}
{{- $c := .Values.config -}}
{{ merge (dict
    "my_hostip" (ternary $c.external_hostip (include "fogflow.fqdn" (list . "cloud-broker")) (eq (include "fogflow.isEdge" .) "true"))
    "broker" (dict "http_port" (int $c.broker.http_port) "heartbeat_interval" (int $c.broker.heartbeat_interval))
    "discovery" (include "fogflow.config.discoveryClient" . | fromJson)
  ) (include "fogflow.config.base" . | fromJson) | toPrettyJson }}
{{- end }}

{{- define "fogflow.config.master" -}}
{{- $c := .Values.config -}}
{{ merge (dict
    "discovery" (include "fogflow.config.discoveryClient" . | fromJson)
    "broker" (include "fogflow.config.brokerClient" . | fromJson)
    "designer" (dict "host_ip" (include "fogflow.fqdn" (list . "designer-starting")) "webSrvPort" (int $c.designer.webSrvPort))
    "master" (dict
      "host_ip" (include "fogflow.fqdn" (list . "master"))
      "ngsi_agent_port" (int $c.master.ngsi_agent_port)
      "rest_api_port" (int $c.master.rest_api_port))
    "worker" (dict
      "heartbeat_interval" (int $c.worker.heartbeat_interval)
      "detection_duration" (int $c.worker.detection_duration))
    "rabbitmq" (include "fogflow.config.rabbitmqClient" . | fromJson)
  ) (include "fogflow.config.base" . | fromJson) | toPrettyJson }}
{{- end }}

{{/* The native worker's settings of its tasks, beyond upstream's keys. */}}
{{- define "fogflow.config.workerTasks" -}}
{{- $t := .Values.worker.tasks -}}
{{- dict
    "owner" (include "fogflow.tasks.owner" .)
    "nodeSelector" $t.nodeSelector
    "tolerations" $t.tolerations
    "imagePullSecrets" .Values.global.imagePullSecrets
    "requests" $t.requests
    "limits" $t.limits
  | toJson }}
{{- end }}

{{- define "fogflow.config.worker" -}}
{{- $c := .Values.config -}}
{{- $worker := dict
    "container_management" "kubernetes"
    "app_namespace" (include "fogflow.tasksNamespace" .)
    "capacity" (int $c.worker.capacity)
    "start_actual_task" true
    "heartbeat_interval" (int $c.worker.heartbeat_interval)
    "detection_duration" (int $c.worker.detection_duration) -}}
{{- if include "fogflow.worker.keepsTasks" . -}}
{{- $worker = set $worker "tasks" (include "fogflow.config.workerTasks" . | fromJson) -}}
{{- end -}}
{{ merge (dict
    "broker" (include "fogflow.config.brokerClient" . | fromJson)
    "worker" $worker
    "rabbitmq" (include "fogflow.config.rabbitmqClient" . | fromJson)
  ) (include "fogflow.config.base" . | fromJson) | toPrettyJson }}
{{- end }}

{{/* frameMax: the designer's AMQP client offers 4096, and RabbitMQ 4.1 or newer requires 8192; the designer inserts the port into its URL. */}}
{{- define "fogflow.config.designer" -}}
{{- $c := .Values.config -}}
{{- $rabbitmq := include "fogflow.config.rabbitmqClient" . | fromJson -}}
{{ merge (dict
    "designer" (dict
      "host_ip" (include "fogflow.fqdn" (list . "designer"))
      "webSrvPort" (int $c.designer.webSrvPort)
      "agentPort" (int $c.designer.agentPort))
    "broker" (include "fogflow.config.brokerClient" . | fromJson)
    "discovery" (include "fogflow.config.discoveryClient" . | fromJson)
    "master" (dict "host_ip" (include "fogflow.fqdn" (list . "master")) "rest_api_port" (int $c.master.rest_api_port))
    "rabbitmq" (set $rabbitmq "port" (printf "%s?frameMax=8192" (include "fogflow.rabbitmq.port" .)))
  ) (include "fogflow.config.base" . | fromJson) | toPrettyJson }}
{{- end }}
