{{/* What all pods have in common. `$c` as in _names.tpl; "config" in it is the content whose change must replace the pod. */}}

{{/* files/digests.json is empty in git; in a packaged chart it has the digest of each image under its whole name, so that another tag
     or registry is not pinned to it. */}}
{{- define "fogflow.image" -}}
{{- $i := .image -}}
{{- $registry := .root.Values.global.imageRegistry | default $i.registry -}}
{{- $name := printf "%s:%s" $i.repository ($i.tag | default .root.Chart.AppVersion) -}}
{{- if $registry }}{{ $name = printf "%s/%s" $registry $name }}{{ end -}}
{{- $name }}{{ with $i.digest | default (get (.root.Files.Get "files/digests.json" | fromJson) $name) }}@{{ . }}{{ end }}
{{- end }}

{{/* The image of a section; of the worker, the image of its implementation. */}}
{{- define "fogflow.imageOf" -}}
{{- $v := index .root.Values .key -}}
{{- if and (eq .key "worker") (include "fogflow.worker.keepsTasks" .root) -}}
{{ merge (dict "tag" ($v.nativeImage.tag | default (.root.Chart.Version | replace "+" "_"))) $v.nativeImage | toJson }}
{{- else -}}
{{ $v.image | toJson }}
{{- end -}}
{{- end }}

{{/* Two instances with one identity lose data without an error, so there is never more than one. `.handsOver`: the instances
     elect a leader, so the new one starts before the old one ends. */}}
{{- define "fogflow.singleton" -}}
replicas: 1
revisionHistoryLimit: 5
strategy:
  {{- if .handsOver }}
  type: RollingUpdate
  rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  {{- else }}
  type: Recreate
  {{- end }}
selector:
  matchLabels:
    {{- include "fogflow.selector" . | nindent 4 }}
{{- end }}

{{/* Several instances, each with an identity from the pod's index. They do not depend on each other, so all start at once. */}}
{{- define "fogflow.several" -}}
replicas: {{ int .several }}
revisionHistoryLimit: 5
serviceName: {{ .name }}-members
podManagementPolicy: Parallel
updateStrategy:
  type: RollingUpdate
selector:
  matchLabels:
    {{- include "fogflow.selector" . | nindent 4 }}
{{- end }}

{{/* Kind and number of replicas of a workload that can have several instances. */}}
{{- define "fogflow.kind" -}}
{{ ternary "StatefulSet" "Deployment" (gt (int .several) 1) }}
{{- end }}

{{- define "fogflow.count" -}}
{{ if gt (int .several) 1 }}{{ include "fogflow.several" . }}{{ else }}{{ include "fogflow.singleton" . }}{{ end }}
{{- end }}

{{/* The command that gives the program its identity; its image has no entrypoint to which arguments could be added. */}}
{{- define "fogflow.instance" -}}
{{- if gt (int .several) 1 -}}
command: [{{ printf "/%s" .key }}, -i, $(POD_INDEX)]
env:
  {{- include "fogflow.podIndex" . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "fogflow.podIndex" -}}
- name: POD_INDEX
  valueFrom:
    fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}
{{- end }}

{{/* The headless Service of the StatefulSet: DNS names of its pods, ready or not. Clients use other Services. */}}
{{- define "fogflow.membersService" -}}
{{- if gt (int .several) 1 -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "fogflow.metadata" (merge (dict "as" (printf "%s-members" .name)) .) | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "fogflow.selector" . | nindent 4 }}
{{- end }}
{{- end }}

{{- define "fogflow.podMetadata" -}}
{{- $v := index .root.Values .key -}}
labels:
  {{- include "fogflow.podLabels" . | nindent 2 }}
  {{- with $v.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if .outOfMesh }}
  sidecar.istio.io/inject: "false"
  {{- end }}
{{- $annotations := dict }}
{{- with .config }}{{ $annotations = set $annotations "checksum/config" (sha256sum .) }}{{ end }}
{{- if .outOfMesh }}{{ $annotations = merge $annotations (dict "sidecar.istio.io/inject" "false" "linkerd.io/inject" "disabled") }}{{ end }}
{{- with merge $annotations ($v.podAnnotations | default dict) (.root.Values.podAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Helm drops a key that is null in the user's values, so such a key is absent here. */}}
{{- define "fogflow.securityContext.pod" -}}
{{- $ids := .podSecurityContext | default dict -}}
runAsNonRoot: true
{{- range $key := list "runAsUser" "runAsGroup" "fsGroup" }}
{{- with index $ids $key }}
{{ $key }}: {{ int64 . }}
{{- end }}
{{- end }}
{{- if $ids.fsGroup }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "fogflow.securityContext.container" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ dig "readOnlyRootFilesystem" true (.containerSecurityContext | default dict) }}
capabilities:
  drop: [ALL]
{{- end }}

{{- define "fogflow.podSpec" -}}
{{- $v := index .root.Values .key -}}
{{- $g := .root.Values.global -}}
serviceAccountName: {{ include "fogflow.serviceAccount" . }}
automountServiceAccountToken: false # a container that calls the API server mounts a token, see fogflow.tokenVolume
enableServiceLinks: false
securityContext:
  {{- include "fogflow.securityContext.pod" $v | nindent 2 }}
{{- with $g.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with merge dict ($v.nodeSelector | default dict) ($g.nodeSelector | default dict) }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.affinity | default $g.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.priorityClassName | default $g.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
tolerations:
  {{- range $taint := list "not-ready" "unreachable" }}
  - key: node.kubernetes.io/{{ $taint }}
    operator: Exists
    effect: NoExecute
    tolerationSeconds: {{ int $.root.Values.tolerationSeconds }}
  {{- end }}
  {{- with concat ($g.tolerations | default list) ($v.tolerations | default list) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if ne .name "cleanup" }} {{- /* an uninstall must not wait for a node that satisfies the spread */}}
{{- with include "fogflow.spread" . | fromYamlArray }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* The component's constraints, else the global ones. Most components have one pod, so a global constraint without a labelSelector
     counts all pods of the release. */}}
{{- define "fogflow.spread" -}}
{{- $v := index .root.Values .key -}}
{{- $whose := ternary (include "fogflow.selector" . | fromYaml) (dict "app.kubernetes.io/instance" .root.Release.Name) (gt (len ($v.topologySpreadConstraints | default list)) 0) -}}
{{- range $v.topologySpreadConstraints | default .root.Values.global.topologySpreadConstraints }}
- {{ toYaml (merge (dict "labelSelector" (.labelSelector | default (dict "matchLabels" $whose))) .) | indent 2 | trim }}
{{- end }}
{{- end }}

{{- define "fogflow.container" -}}
{{- $v := index .root.Values .key -}}
{{- $image := include "fogflow.imageOf" . | fromJson -}}
image: {{ include "fogflow.image" (dict "root" .root "image" $image) }}
imagePullPolicy: {{ $image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  {{- include "fogflow.securityContext.container" $v | nindent 2 }}
resources:
  {{- toYaml $v.resources | nindent 2 }}
{{- end }}

{{/* Probes of a program that opens its port soon after its start; `.path` and `.port` are the component's. `.live`: a different
     check for liveness than for readiness. */}}
{{- define "fogflow.httpProbes" -}}
startupProbe:
  httpGet: {path: {{ .live | default .path }}, port: {{ .port }}}
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: {{ .startSeconds | default 120 }}
readinessProbe:
  httpGet: {path: {{ .path }}, port: {{ .port }}}
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 3
livenessProbe:
  httpGet: {path: {{ .live | default .path }}, port: {{ .port }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: {{ .liveFailures | default 6 }}
  terminationGracePeriodSeconds: 1 # a hung process ignores SIGTERM
{{- end }}

{{/* The bootstrap container: writes config.json (with the password) into memory, then waits for `.needs` (a list of arguments). */}}
{{- define "fogflow.bootstrap" -}}
{{- $g := .root.Values.bootstrap -}}
- name: bootstrap
  image: {{ include "fogflow.image" (dict "root" .root "image" $g.image) }}
  imagePullPolicy: {{ $g.image.pullPolicy }}
  command: [python3, -u, /bootstrap/bootstrap.py]
  args:
    {{- if not .root.Values.configJson.hostPath.path }}
    - --config=/etc/fogflow/config.json
    - --out=/run/fogflow/config.json
    {{- if .password }}
    - --password-file=/run/rabbitmq/password
    {{- end }}
    {{- end }}
    {{- with .fetch }}
    - --fetch={{ . }}
    {{- end }}
    {{- with .arrive }}
    - --arrive={{ . }}
    {{- end }}
    {{- if gt (int .several) 1 }}
    - --index=$(POD_INDEX)
    {{- end }}
    - --deadline={{ int $g.deadlineSeconds }}
    {{- range .needs }}
    - {{ . | quote }}
    {{- end }}
  env:
    - {name: PYTHONDONTWRITEBYTECODE, value: "1"}
    {{- if gt (int .several) 1 }}
    {{- include "fogflow.podIndex" . | nindent 4 }}
    {{- end }}
  terminationMessagePolicy: FallbackToLogsOnError
  securityContext:
    {{- include "fogflow.securityContext.container" (dict "containerSecurityContext" (dict "readOnlyRootFilesystem" true)) | nindent 4 }}
  resources:
    {{- toYaml $g.resources | nindent 4 }}
  volumeMounts:
    - {name: bootstrap, mountPath: /bootstrap, readOnly: true}
    {{- if not .root.Values.configJson.hostPath.path }}
    - {name: config, mountPath: /etc/fogflow, readOnly: true}
    - {name: filled, mountPath: /run/fogflow}
    {{- if .fetch }}
    - {name: data, mountPath: /app/public/data}
    {{- end }}
    {{- if .password }}
    - {name: password, mountPath: /run/rabbitmq, readOnly: true}
    {{- end }}
    {{- end }}
{{- end }}

{{- define "fogflow.bootstrapVolumes" -}}
- name: bootstrap
  configMap: {name: fogflow-bootstrap}
{{- if .root.Values.configJson.hostPath.path }}
- name: config
  hostPath: {path: {{ .root.Values.configJson.hostPath.path | quote }}, type: File}
{{- else }}
- name: config
  configMap: {name: {{ include "fogflow.workload" . }}-config}
- name: filled
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- if .password }}
- name: password
  {{- include "fogflow.passwordVolume" .root | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "fogflow.passwordVolume" -}}
secret:
  secretName: {{ include "fogflow.rabbitmq.secret" . }}
  defaultMode: 0444 # only the bootstrap container mounts it, and its user id can be changed by values
  items:
    - {key: password, path: password}
{{- end }}

{{/* The API server's token, for the one container that needs it: automounting would also give it to the bootstrap container. 3607 s is what
     Kubernetes requests when it mounts a token; only tokens of this length stay valid for clients that do not read the file again. */}}
{{- define "fogflow.tokenMount" -}}
- {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{- define "fogflow.tokenVolume" -}}
- name: token
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap:
          name: kube-root-ca.crt
          items:
            - {key: ca.crt, path: ca.crt}
      - downwardAPI:
          items:
            - {path: namespace, fieldRef: {fieldPath: metadata.namespace}}
{{- end }}

{{/* Where the program reads its configuration: the file that the bootstrap container wrote, or a file of the node (upstream's key). */}}
{{- define "fogflow.configMount" -}}
{{- if .root.Values.configJson.hostPath.path -}}
- {name: config, mountPath: {{ .path }}, readOnly: true}
{{- else -}}
- {name: filled, mountPath: {{ .path }}, subPath: config.json, readOnly: true}
{{- end }}
{{- end }}

{{- define "fogflow.serviceAccountObject" -}}
{{- if and .root.Values.serviceAccount.create (not .root.Values.serviceAccount.name) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "fogflow.metadata" . | nindent 2 }}
  {{- with .root.Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}

{{- define "fogflow.configMap" -}}
{{- if not .root.Values.configJson.hostPath.path -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "fogflow.metadata" (merge (dict "as" (printf "%s-config" .name)) .) | nindent 2 }}
data:
  config.json: |
    {{- .config | nindent 4 }}
{{- end }}
{{- end }}

{{/* A claim that stays after an uninstall; an existing one is used. */}}
{{- define "fogflow.claim" -}}
{{- $p := .persistence -}}
{{- $name := printf "%s-data" .name -}}
{{- $there := lookup "v1" "PersistentVolumeClaim" .root.Release.Namespace $name -}}
{{- $owner := dig "metadata" "annotations" "meta.helm.sh/release-name" "" $there -}}
{{- if and $p.enabled (not $p.existingClaim) (or (not $there) (eq $owner .root.Release.Name)) -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "fogflow.metadata" (merge (dict "as" $name) .) | nindent 2 }}
  annotations:
    helm.sh/resource-policy: keep # an uninstall does not delete data
spec:
  accessModes: [ReadWriteOnce]
  {{- with $p.storageClass }}
  storageClassName: {{ . | quote }}
  {{- end }}
  resources:
    requests:
      storage: {{ $p.size }}
{{- end }}
{{- end }}

{{- define "fogflow.dataVolume" -}}
{{- if .persistence.enabled -}}
persistentVolumeClaim: {claimName: {{ .persistence.existingClaim | default (printf "%s-data" .name) }}}
{{- else -}}
emptyDir: {}
{{- end }}
{{- end }}
