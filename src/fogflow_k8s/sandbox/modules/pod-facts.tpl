{{- /* What the other templates know of a pod: which fault, which container it is about, what a pull would say. */ -}}
{{- $stage := "@STAGE@" -}}
{{- $a := or .metadata.annotations dict -}}
{{- $fault := or (index $a "sandbox.fogflow-k8s.io/fault") "" -}}
{{- $message := or (index $a "sandbox.fogflow-k8s.io/message") "" -}}
{{- $reason := or (index $a "sandbox.fogflow-k8s.io/reason") "" -}}
{{- $code := int (or (index $a "sandbox.fogflow-k8s.io/exit-code") (ternary "137" "1" (eq $fault "oom"))) -}}
{{- $inits := or .spec.initContainers list -}}
{{- $all := concat $inits .spec.containers -}}
{{- $victim := or (index $a "sandbox.fogflow-k8s.io/container") "" -}}
{{- if not $victim -}}
  {{- range $all -}}
    {{- if and (not $victim) (hasSuffix ":does-not-exist" .image) -}}{{- $victim = .name -}}{{- end -}}
  {{- end -}}
{{- end -}}
{{- if not $victim -}}
  {{- $victim = (first (ternary $inits .spec.containers (and (eq $fault "init-stuck") (gt (len $inits) 0)))).name -}}
{{- end -}}
{{- $victimIsInit := false -}}
{{- range $inits -}}{{- if eq .name $victim -}}{{- $victimIsInit = true -}}{{- end -}}{{- end -}}
{{- $image := "" -}}
{{- range $all -}}{{- if eq .name $victim -}}{{- $image = .image -}}{{- end -}}{{- end -}}
{{- $pullError := printf "rpc error: code = NotFound desc = failed to pull and unpack image %q: failed to resolve reference %q: %s: not found" $image $image $image -}}
{{- if and $message (eq $fault "image-not-found") -}}{{- $pullError = $message -}}{{- end -}}
