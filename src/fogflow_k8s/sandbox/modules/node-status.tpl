{{- /* The status of a simulated node; its addresses and its room were set when it was created. */ -}}
{{- $now := Now -}}
{{- $ready := eq "@STAGE@" "node-ready" -}}
conditions:
{{- range NodeConditions }}
- type: {{ .type | quote }}
  {{- if and (eq .type "Ready") (not $ready) }}
  status: "False"
  reason: KubeletNotReady
  message: "container runtime is down (by the label sandbox.fogflow-k8s.io/fault)"
  {{- else }}
  status: {{ .status | quote }}
  reason: {{ .reason | quote }}
  message: {{ .message | quote }}
  {{- end }}
  lastHeartbeatTime: {{ $now | quote }}
  lastTransitionTime: {{ $now | quote }}
{{- end }}
nodeInfo:
  architecture: {{ index .metadata.labels "kubernetes.io/arch" | quote }}
  operatingSystem: linux
  osImage: simulated (no container runs here)
  kernelVersion: simulated
  containerRuntimeVersion: {{ printf "kwok://%s" (trimPrefix "v" Version) | quote }}
  kubeletVersion: "@KUBERNETES@"
  kubeProxyVersion: ""
  bootID: {{ .metadata.uid | quote }}
  machineID: {{ .metadata.uid | quote }}
  systemUUID: {{ .metadata.uid | quote }}
phase: Running
