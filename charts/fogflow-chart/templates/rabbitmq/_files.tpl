{{- define "fogflow.rabbitmq.files" -}}
rabbitmq.conf: |
  listeners.tcp.default = 5672
  prometheus.tcp.port = 15692
  {{- if .Values.ipv6 }}
  # by default, this port listens on IPv4 only, unlike the AMQP port
  prometheus.tcp.ip = ::
  {{- end }}
  # the native worker's queues are durable: they are written to a log, of which the default 512 MiB would also be in memory
  raft.wal_max_size_bytes = 33554432
  # a part of the container's limit, which the Deployment passes: above it, publishers are blocked before the kernel kills RabbitMQ
  vm_memory_high_watermark.relative = 0.6
  # The bootstrap container writes the user (password hash) at every start, so that a changed password also applies to stored data.
  # With definitions at boot, RabbitMQ creates no guest user.
  load_definitions = /run/fogflow/definitions.json
  log.console = true
  log.console.level = info
  log.file = false
enabled_plugins: |
  [rabbitmq_prometheus].
{{- end }}
