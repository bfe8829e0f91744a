{{- /* An Event as a kubelet sends it; a second one of the same id replaces the first. */ -}}
{{- $now := now | date "2006-01-02T15:04:05Z07:00" -}}
{{- $f := dict "image" $image "pull_error" $pullError "victim" $victim "message" $message "fault" $fault "reason" $reason -}}
{{- $f = merge $f (dict "pod" .metadata.name "namespace" .metadata.namespace "uid" .metadata.uid) -}}
apiVersion: v1
kind: Event
metadata:
  name: {{ printf "%s.%s.%s" .metadata.name (trunc 8 .metadata.uid) "@ID@" | quote }}
  namespace: {{ .metadata.namespace | quote }}
involvedObject:
  apiVersion: v1
  kind: Pod
  name: {{ .metadata.name | quote }}
  namespace: {{ .metadata.namespace | quote }}
  uid: {{ .metadata.uid | quote }}
  fieldPath: {{ printf "spec.%s{%s}" (ternary "initContainers" "containers" $victimIsInit) $victim | quote }}
type: @TYPE@
reason: {{ with $f }}@REASON@{{ end }}
message: {{ with $f }}@MESSAGE@{{ end }}
count: 1
firstTimestamp: {{ $now | quote }}
lastTimestamp: {{ $now | quote }}
source: {component: kubelet, host: {{ .spec.nodeName | quote }}}
reportingComponent: kubelet
reportingInstance: {{ .spec.nodeName | quote }}
