{{- define "fogflow.rabbitmq.files" -}}
rabbitmq.conf: |
  listeners.tcp.default = 5672
  prometheus.tcp.port = 15692
  {{- if .Values.ipv6 }}
  # unlike the port for AMQP it listens on IPv4 alone by itself; this is for both
  prometheus.tcp.ip = ::
  {{- end }}
  # queues of implementation native last, so they are written to a log, whose usual 512 MiB would be held in memory too
  raft.wal_max_size_bytes = 33554432
  # of the container's limit, which the Deployment hands in: above it publishers are blocked, before the kernel kills RabbitMQ
  vm_memory_high_watermark.relative = 0.6
  # the bootstrap container writes the one user there (hash only) at every start, so that a changed password takes effect on kept data too;
  # with definitions at boot RabbitMQ makes no guest
  load_definitions = /run/fogflow/definitions.json
  log.console = true
  log.console.level = info
  log.file = false
enabled_plugins: |
  [rabbitmq_prometheus].
{{- end }}
