{{/* Rules about several values together, which a JSON schema cannot express. The CLI's model has the same rules. */}}
{{- define "fogflow.checks" -}}
{{- $v := .Values -}}
{{- if and $v.namespace (ne $v.namespace .Release.Namespace) -}}
{{- fail (printf "\n\nnamespace is %q, but the release goes to %q. Everything is installed into the release's namespace:\n  helm install ... --namespace %s --create-namespace\nor leave `namespace` empty." $v.namespace .Release.Namespace $v.namespace) -}}
{{- end -}}
{{- if gt (len (include "fogflow.tasksNamespace" .)) 63 -}}
{{- fail "\n\nthe name of the tasks namespace (<namespace>-tasks) is longer than 63 characters: set config.worker.app_namespace to a shorter one." -}}
{{- end -}}
{{- $ips := include "fogflow.externalIPs" . | fromJsonArray -}}
{{- if and (eq $v.expose.type "externalIPs") (not $ips) -}}
{{- fail "\n\nexpose.type is externalIPs, but no address is given: --set externalIPs={192.0.2.10}" -}}
{{- end -}}
{{- if and (eq $v.expose.type "ingress") (eq (include "fogflow.ingress.certManager" .) "true") (not $v.expose.ingress.host) -}}
{{- fail "\n\nexpose.ingress.annotations ask cert-manager for a certificate, but for no name: set expose.ingress.host." -}}
{{- end -}}
{{- if and (eq $v.expose.type "gateway") (not $v.expose.gateway.name) -}}
{{- fail "\n\nexpose.type is gateway: name the Gateway that takes the traffic in expose.gateway.name." -}}
{{- end -}}
{{- if ne $v.expose.edge.type "none" -}}
{{- $cidrs := $v.networkPolicy.edges.cidrs -}}
{{- if not $cidrs -}}
{{- fail "\n\nexpose.edge.type opens RabbitMQ, broker and discovery to edges, but to which? --set networkPolicy.edges.cidrs={198.51.100.0/24}" -}}
{{- end -}}
{{- range $cidrs -}}
{{- if hasSuffix "/0" . -}}
{{- fail (printf "\n\nnetworkPolicy.edges.cidrs has %s, which is everybody, and one GET from anybody ends discovery: name the edges' own addresses for expose.edge." .) -}}
{{- end -}}
{{- end -}}
{{- if not $v.networkPolicy.enabled -}}
{{- fail "\n\nexpose.edge needs networkPolicy.enabled: nothing else keeps others than the edges away from RabbitMQ, broker and discovery." -}}
{{- end -}}
{{- if and (eq $v.expose.edge.type "externalIPs") (not $v.expose.edge.externalIPs) -}}
{{- fail "\n\nexpose.edge.type is externalIPs, but no address is given: --set expose.edge.externalIPs={192.0.2.10}" -}}
{{- end -}}
{{- end -}}
{{- if and $v.rabbitmq.external.host (not $v.rabbitmq.auth.existingSecret) (not $v.rabbitmq.auth.password) -}}
{{- fail "\n\nrabbitmq.external.host is given, but not how to log in there: put the password into a Secret (key `password`) and name it in rabbitmq.auth.existingSecret." -}}
{{- end -}}
{{- if and (gt (int $v.broker.shards) 1) (not $v.broker.acceptNotificationLoops) -}}
{{- fail (printf "\n\nbroker.shards is %d, and upstream's brokers are not safe beside each other: after an entity is deleted at one and updated at another, the two notify each other without end until the reverse proxy stops answering, and a shard that is lost and comes back doubles subscriptions for good. Allowed: --set broker.shards=1. To run several all the same: --set broker.acceptNotificationLoops=true" (int $v.broker.shards)) -}}
{{- end -}}
{{- if and $v.configJson.hostPath.path (or (gt (int $v.broker.shards) 1) (gt (int $v.worker.replicas) 1)) -}}
{{- fail "\n\nconfigJson.hostPath gives all pods one file, and several brokers or workers need one each: leave broker.shards and worker.replicas at 1, or use config." -}}
{{- end -}}
{{- if and $v.configJson.hostPath.path (include "fogflow.worker.keepsTasks" .) -}}
{{- fail "\n\nconfigJson.hostPath is a file for upstream's programs, without the worker.tasks of implementation native: use config, or worker.implementation upstream." -}}
{{- end -}}
{{- include "fogflow.worker.checks" . -}}
{{- $c := $v.config -}}
{{- $ports := list -}}
{{- range $port := list $c.discovery.http_port $c.broker.http_port $c.master.ngsi_agent_port $c.master.rest_api_port $c.designer.webSrvPort $c.designer.agentPort -}}
{{- $ports = append $ports (int $port) -}} {{- /* a values file gives floats and --set gives integers, which differ as text */ -}}
{{- end -}}
{{- if ne (len $ports) (len (uniq $ports)) -}}
{{- fail (printf "\n\ntwo components have one port: the ports in config must differ, found %v" $ports) -}}
{{- end -}}
{{- if le (mul (int $c.worker.heartbeat_interval) (int $c.worker.detection_duration)) 12 -}}
{{- fail "\n\nconfig.worker: heartbeat_interval x detection_duration must exceed 12 s: a worker beats every 10 to 12 s, and the master would drop it in between." -}}
{{- end -}}
{{- if eq $v.rabbitmq.auth.username "guest" -}}
{{- fail "\n\nrabbitmq.auth.username must not be guest: RabbitMQ lets it in from localhost only." -}}
{{- end -}}
{{- end -}}
