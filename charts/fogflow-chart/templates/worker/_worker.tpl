{{/* What the bootstrap container waits for before the upstream worker starts. This worker does not try again when RabbitMQ is down, and
     it starts every task a second time while its predecessor runs. The native worker does neither: here the container only writes the configuration. */}}
{{- define "fogflow.worker.needs" -}}
{{- $needs := list -}}
{{- if not (include "fogflow.worker.keepsTasks" .) -}}
{{- $needs = append $needs (printf "--amqp=rabbitmq=%s:%s" (include "fogflow.rabbitmq.host" .) (include "fogflow.rabbitmq.port" .)) -}}
{{- with include "fogflow.rabbitmq.metrics" . -}}
{{- $needs = concat $needs (list (printf "--metrics=%s" .) (printf "--consumed=master=Master.%s" $.Values.config.site_id) (printf "--unconsumed=previous worker=%s" (include "fogflow.workerQueues" $))) -}}
{{- else -}}
{{- if not (include "fogflow.isEdge" .) -}} {{- /* an edge cannot reach the master */ -}}
{{- $needs = append $needs (printf "--http=master=http://%s:%d/status" (include "fogflow.fqdn" (list . "master")) (int .Values.config.master.rest_api_port)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .Values.broker.shards) 1) (gt (int .Values.worker.replicas) 1) -}} {{- /* it ends a subscription at the broker where it made it */ -}}
{{- $needs = append $needs (printf "--own=broker.host_ip=%s" (include "fogflow.shards" .)) -}}
{{- end -}}
{{ $needs | toJson }}
{{- end }}

{{/* Arguments, probes and metrics of the native worker. */}}
{{- define "fogflow.worker.own" -}}
args: [-f, /config.json{{ if gt (int .several) 1 }}, -i, $(POD_INDEX){{ end }}]
{{- if gt (int .several) 1 }}
env:
  {{- include "fogflow.podIndex" . | nindent 2 }}
{{- end }}
ports:
  - {name: http, containerPort: 8011}
{{ include "fogflow.httpProbes" (dict "path" "/readyz" "live" "/livez" "port" "http" "liveFailures" 3) }}
{{- end }}
