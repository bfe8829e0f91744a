{{- /* The status of a simulated pod. Put before it by simulated.py: $stage, the stage's name, and the facts ($fault ...). */ -}}
{{- $now := Now -}}
{{- $since := dict -}}
{{- range .status.conditions -}}{{- $_ := set $since (print .type "=" .status) .lastTransitionTime -}}{{- end -}}
{{- $running := has $stage (list "pod-start" "image-pulled") -}}
{{- $ended := has $stage (list "pod-complete" "crash-fail") -}}
{{- $sandboxed := not (has $stage (list "image-pulling" "not-set-up" "unknown-fault")) -}}
{{- $initVictim := and $victimIsInit (not $running) (not $ended) -}}
{{- $old := dict -}}
{{- range concat (or .status.initContainerStatuses list) (or .status.containerStatuses list) -}}
  {{- if eq .name $victim -}}{{- $old = . -}}{{- end -}}
{{- end -}}
{{- $restarts := int (or $old.restartCount 0) -}}
{{- if and (eq $stage "crash-run") $old.name -}}
  {{- $state := or $old.state dict -}}
  {{- if or $state.terminated (eq (dig "waiting" "reason" "" $state) "CrashLoopBackOff") -}}{{- $restarts = add1 $restarts -}}{{- end -}}
{{- end -}}
{{- $died := printf `{exitCode: %d, reason: %s, startedAt: %q, finishedAt: %q}` $code (ternary "OOMKilled" "Error" (eq $fault "oom")) $now $now -}}
{{- $unready := list -}}
{{- $before := true -}}

{{- range $kind := list "init" "main" }}
{{- $containers := ternary $.spec.initContainers $.spec.containers (eq $kind "init") }}
{{- if $containers }}
{{ ternary "initContainerStatuses" "containerStatuses" (eq $kind "init") }}:
{{- range $c := $containers }}
{{- $sidecar := and (eq $kind "init") (eq (or $c.restartPolicy "") "Always") }}
{{- $isVictim := and (not $running) (not (eq $stage "pod-complete")) (or (eq $c.name $victim) (and (hasPrefix "image-" $stage) (hasSuffix ":does-not-exist" $c.image))) }}
{{- $ready := false }}
- name: {{ $c.name | quote }}
  image: {{ $c.image | quote }}
  {{- if $isVictim }}
  {{- $before = false }}
  imageID: ""
  restartCount: {{ $restarts }}
  {{- if eq $stage "image-error" }}
  state: {waiting: {reason: ErrImagePull, message: {{ $pullError | quote }}}}
  {{- else if eq $stage "image-backoff" }}
  state: {waiting: {reason: ImagePullBackOff, message: {{ printf "Back-off pulling image %q: ErrImagePull: %s" $c.image $pullError | quote }}}}
  {{- else if eq $stage "config-error" }}
  state: {waiting: {reason: {{ or $reason "CreateContainerConfigError" }}, message: {{ or $message `secret "sandbox-missing" not found` | quote }}}}
  {{- else if has $stage (list "image-pulling" "not-set-up" "unknown-fault") }}
  state: {waiting: {reason: {{ if $.spec.initContainers }}PodInitializing{{ else }}ContainerCreating{{ end }}}}
  {{- else if eq $stage "init-stuck" }}
  {{- if eq $kind "init" }}
  state: {running: {startedAt: {{ $now | quote }}}}
  {{- else }}
  state: {waiting: {reason: ContainerCreating}}
  {{- end }}
  {{- else if eq $stage "crash-run" }}
  {{- $ready = and (eq $kind "main") (not $c.readinessProbe) }}
  state: {running: {startedAt: {{ $now | quote }}}}
  {{- if $restarts }}
  lastState: {terminated: {{ $died }}}
  {{- end }}
  {{- else if eq $stage "crash-exit" }}
  {{- if $restarts }}
  state: {waiting: {reason: CrashLoopBackOff, message: {{ printf "back-off %ds restarting failed container=%s pod=%s_%s(%s)" (min 300 (mul 10 (index (list 1 2 4 8 16 32) (int (min 5 (sub $restarts 1)))))) $c.name $.metadata.name $.metadata.namespace $.metadata.uid | quote }}}}
  lastState: {terminated: {{ $died }}}
  {{- else }}
  state: {terminated: {{ $died }}}
  {{- end }}
  {{- else if eq $stage "crash-fail" }}
  state: {terminated: {{ $died }}}
  {{- else }}
  state: {running: {startedAt: {{ $now | quote }}}}
  {{- end }}
  started: {{ or (eq $stage "crash-run") (and (eq $stage "never-ready") (ne $reason "Startup")) }}
  {{- else if and (eq $kind "init") (not $before) }}
  imageID: ""
  restartCount: 0
  state: {waiting: {reason: PodInitializing}}
  started: false
  {{- else if and (eq $kind "init") (not $sidecar) }}
  {{- $ready = true }}
  imageID: {{ printf "simulated://%s" $c.image | quote }}
  restartCount: 0
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | quote }}, finishedAt: {{ $now | quote }}}}
  started: false
  {{- else if and (eq $kind "main") $initVictim }}
  imageID: ""
  restartCount: 0
  state: {waiting: {reason: PodInitializing}}
  started: false
  {{- else if not $sandboxed }}
  imageID: ""
  restartCount: 0
  state: {waiting: {reason: ContainerCreating}}
  started: false
  {{- else if $ended }}
  imageID: {{ printf "simulated://%s" $c.image | quote }}
  restartCount: {{ ternary $restarts 0 (eq $c.name $victim) }}
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | quote }}, finishedAt: {{ $now | quote }}}}
  started: false
  {{- else }}
  {{- $ready = true }}
  imageID: {{ printf "simulated://%s" $c.image | quote }}
  restartCount: {{ ternary $restarts 0 (eq $c.name $victim) }}
  state: {running: {startedAt: {{ $now | quote }}}}
  started: true
  {{- end }}
  ready: {{ $ready }}
  {{- if and (eq $kind "main") (not $ready) }}{{- $unready = append $unready $c.name }}{{- end }}
{{- end }}
{{- end }}
{{- end }}

conditions:
- {type: PodReadyToStartContainers, status: {{ ternary `"False"` `"True"` (or $ended (not $sandboxed)) }}, lastTransitionTime: {{ $now | quote }}}
{{- if $initVictim }}
- {type: Initialized, status: "False", reason: ContainersNotInitialized, message: {{ printf "containers with incomplete status: [%s]" $victim | quote }}, lastTransitionTime: {{ or (index $since "Initialized=False") $now | quote }}}
{{- else }}
- {type: Initialized, status: "True", lastTransitionTime: {{ or (index $since "Initialized=True") $now | quote }}}
{{- end }}
{{- range $type := list "ContainersReady" "Ready" }}
{{- if $unready }}
- type: {{ $type }}
  status: "False"
  {{- if $ended }}
  reason: {{ ternary "PodCompleted" "PodFailed" (eq $stage "pod-complete") }}
  {{- else }}
  reason: ContainersNotReady
  message: {{ printf "containers with unready status: [%s]" (join " " $unready) | quote }}
  {{- end }}
  lastTransitionTime: {{ or (index $since (print $type "=False")) $now | quote }}
{{- else }}
- {type: {{ $type }}, status: "True", reason: "", message: "", lastTransitionTime: {{ or (index $since (print $type "=True")) $now | quote }}}
{{- end }}
{{- end }}

phase: {{ if eq $stage "pod-complete" }}Succeeded{{ else if eq $stage "crash-fail" }}Failed{{ else if or $initVictim (has $stage (list "image-error" "image-backoff" "image-pulling" "config-error" "init-stuck" "not-set-up" "unknown-fault")) }}Pending{{ else }}Running{{ end }}
startTime: {{ or .status.startTime $now | quote }}
{{- $hostIP := NodeIPWith .spec.nodeName }}
hostIP: {{ $hostIP | quote }}
hostIPs: [{ip: {{ $hostIP | quote }}}]
{{- if and $sandboxed (not $ended) }}
{{- $podIP := or .status.podIP (PodIPWith .spec.nodeName (or .spec.hostNetwork false) (or .metadata.uid "") (or .metadata.name "") (or .metadata.namespace "")) }}
podIP: {{ $podIP | quote }}
podIPs: [{ip: {{ $podIP | quote }}}]
{{- end }}
