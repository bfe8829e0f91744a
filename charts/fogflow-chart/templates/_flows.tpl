{{/* The allowed connections: both ends of every NetworkPolicy are made from this table. Names that are not workloads: outside (the
     reverse proxy's clients), tasks, apiserver, edges, subscribers, monitoring. The kubelet's probes need no rule. */}}
{{- define "fogflow.flows" -}}
{{- $c := .Values.config -}}
{{- $discovery := int $c.discovery.http_port -}}
{{- $broker := int $c.broker.http_port -}}
{{- $agent := int $c.master.ngsi_agent_port -}}
{{- $master := int $c.master.rest_api_port -}}
{{- $designer := int $c.designer.webSrvPort -}}
{{- range $from := list "cloud-broker" "master" "designer" "nginx" "keeper" "edges" "bench" }}
- {from: {{ $from }}, to: discovery, ports: [{{ $discovery }}]}
{{- end }}
{{- range $from := list "discovery" "master" "cloud-worker" "designer" "nginx" "keeper" "tasks" "edges" "bench" }}
- {from: {{ $from }}, to: cloud-broker, ports: [{{ $broker }}]}
{{- end }}
{{- if gt (int .Values.broker.shards) 1 }} {{- /* a broker asks the owner of an entity for it */}}
- {from: cloud-broker, to: cloud-broker, ports: [{{ $broker }}]}
{{- end }}
- {from: discovery, to: master, ports: [{{ $agent }}]}
- {from: designer, to: master, ports: [{{ $master }}]}
- {from: keeper, to: master, ports: [{{ $master }}]}
{{- $ours := include "fogflow.worker.keepsTasks" . }} {{- /* the native worker waits for no other component: it connects to RabbitMQ, and reconnects, by itself */}}
{{- if $ours }}
- {from: monitoring, to: cloud-worker, ports: [8011]}
{{- else if not (include "fogflow.rabbitmq.metrics" .) }} {{- /* else the worker's bootstrap container reads from RabbitMQ whether the master consumes */}}
- {from: cloud-worker, to: master, ports: [{{ $master }}]}
{{- end }}
- {from: nginx, to: designer, ports: [{{ $designer }}]}
- {from: master, to: designer, ports: [{{ $designer }}]}
- {from: keeper, to: designer, ports: [{{ $designer }}]}
- {from: cloud-broker, to: designer, ports: [{{ int $c.designer.agentPort }}]}
{{- range $from := list "master" "cloud-worker" "designer" "edges" }}
- {from: {{ $from }}, to: rabbitmq, ports: [5672]}
{{- end }}
{{- if not $ours }}
- {from: cloud-worker, to: rabbitmq, ports: [15692]}
{{- end }}
{{- range $from := list "keeper" "monitoring" }}
- {from: {{ $from }}, to: rabbitmq, ports: [15692]}
{{- end }}
- {from: outside, to: nginx, ports: [8080]}
- {from: keeper, to: nginx, ports: [8080]}
- {from: reverse-proxy-test, to: nginx, ports: [8080]}
- {from: bench, to: nginx, ports: [8080]} {{- /* the load generator of `fogflow-k8s bench run`, which is no workload of the chart */}}
- {from: cloud-broker, to: bench, ports: [8099]}
- {from: cloud-broker, to: keeper, ports: [8095]}
- {from: designer, to: keeper, ports: [8095]}
- {from: monitoring, to: keeper, ports: [8095]}
- {from: keeper, to: apiserver}
- {from: cleanup, to: apiserver}
- {from: cloud-worker, to: apiserver}
- {from: cloud-broker, to: tasks}
- {from: cloud-broker, to: edges}
- {from: discovery, to: edges}
- {from: cloud-broker, to: subscribers}
- {from: discovery, to: subscribers}
{{- end }}

{{/* The peers of a name, as a JSON list; empty when the values admit none. */}}
{{- define "fogflow.peers" -}}
{{- $n := .root.Values.networkPolicy -}}
{{- $ns := dict "kubernetes.io/metadata.name" (include "fogflow.tasksNamespace" .root) -}}
{{- if eq .name "tasks" -}}
{{ list (dict "namespaceSelector" (dict "matchLabels" $ns)) | toJson }}
{{- else if eq .name "outside" -}}
[]
{{- else if eq .name "cloud" -}}
{{- $peers := list -}}
{{- range $n.cloud.cidrs | default (list "0.0.0.0/0" "::/0") -}}
{{- $peers = append $peers (dict "ipBlock" (dict "cidr" .)) -}}
{{- end -}}
{{ $peers | toJson }}
{{- else if has .name (list "apiserver" "edges" "subscribers") -}}
{{- $peers := list -}}
{{- range (dig (ternary "apiServer" .name (eq .name "apiserver")) "cidrs" list $n) -}}
{{- $peers = append $peers (dict "ipBlock" (dict "cidr" .)) -}}
{{- end -}}
{{ $peers | toJson }}
{{- else if eq .name "monitoring" -}}
{{- $peers := list -}}
{{- range $n.monitoring.namespaces -}}
{{- $peers = append $peers (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .))) -}}
{{- end -}}
{{ $peers | toJson }}
{{- else -}}
{{ list (dict "podSelector" (dict "matchLabels" (include "fogflow.selector" . | fromYaml))) | toJson }}
{{- end -}}
{{- end }}

{{/* The rules of one end: "side" is ingress (connections to .name) or egress (connections from .name). */}}
{{- define "fogflow.rules" -}}
{{- $root := .root -}}
{{- $here := ternary "to" "from" (eq .side "ingress") -}}
{{- $there := ternary "from" "to" (eq .side "ingress") -}}
{{- $name := .name -}}
{{- $exposed := and (not (include "fogflow.isEdge" $root)) (or (ne $root.Values.expose.type "none") (include "fogflow.externalIPs" $root | fromJsonArray)) -}}
{{- range (include (ternary "fogflow.edge.flows" "fogflow.flows" (eq (include "fogflow.isEdge" $root) "true")) $root | fromYamlArray) }}
{{- if eq (get . $here) $name }}
{{- $peers := include "fogflow.peers" (dict "root" $root "name" (get . $there)) | fromJsonArray }}
{{- $open := or (and (eq .to "apiserver") (not $peers)) (and (eq .from "outside") $exposed) }}
{{- if or $peers $open }}
{{- if $peers }}
- {{ $there }}:
    {{- toYaml $peers | nindent 4 }}
  {{- if or .ports (eq .to "apiserver") }}
  ports:
  {{- end }}
{{- else }}
- ports:
{{- end }}
  {{- range .ports }}
    - {protocol: TCP, port: {{ int . }}}
  {{- end }}
  {{- if eq .to "apiserver" }}
  {{- range $root.Values.networkPolicy.apiServer.ports }}
    - {protocol: TCP, port: {{ int . }}}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "fogflow.dnsRule" -}}
- ports: # DNS, at the ports that this cluster uses
    {{- range .Values.networkPolicy.dns.ports }}
    - {protocol: UDP, port: {{ int . }}}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The ports of an external RabbitMQ that .name needs, as a JSON list: AMQP, and the port of metricsUrl. */}}
{{- define "fogflow.externalBusPorts" -}}
{{- $e := .root.Values.rabbitmq.external | default dict -}}
{{- $ports := list -}}
{{- if and $e.host (has .name (list "master" "cloud-worker" "designer")) -}}
{{- $ports = append $ports (int $e.port) -}}
{{- end -}}
{{- $ask := ternary (list "keeper") (list "cloud-worker" "keeper") (eq (include "fogflow.worker.keepsTasks" .root) "true") -}}
{{- if and $e.host $e.metricsUrl (has .name $ask) -}}
{{- $url := urlParse $e.metricsUrl -}}
{{- $usual := ternary "443" "80" (eq $url.scheme "https") -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default $usual | int) -}}
{{- end -}}
{{ $ports | toJson }}
{{- end }}
