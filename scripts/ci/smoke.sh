#!/usr/bin/env bash
# FogFlow's own images on the cluster of the current context: deploy until it works, a function, the loss of RabbitMQ, a failed
# upgrade, rollback, uninstall. Works on any cluster whose nodes can pull from docker.io, and leaves nothing in it.
set -euo pipefail
cd "$(dirname "$0")/../.."

namespace=${NAMESPACE:-fogflow-smoke}
operator=${OPERATOR:-docker.io/fogflow/dummy} # an image of FogFlow's own; it runs, and publishes nothing
timeout=${TIMEOUT:-10m}
bundles=${BUNDLES:-.work/smoke}
state=$(mktemp -d)
export FOGFLOW_K8S_STATE=$state NO_COLOR=1
fogflow=(.venv/bin/fogflow-k8s -n "$namespace")

run() {
  printf '\n$ fogflow-k8s %s\n' "$*"
  "${fogflow[@]}" "$@"
}

# A step that must fail: `fails CODE ARGS...`
fails() {
  local wanted=$1 code=0
  shift
  run "$@" || code=$?
  [ "$code" = "$wanted" ] || { echo "smoke: expected exit code $wanted, got $code" >&2; exit 1; }
}

# `status` exits with 0 also when nothing has been checked yet, so the state itself is compared.
works() {
  run status --wait --timeout "$timeout"
  "${fogflow[@]}" status -o short | grep -q ': working, ' || { echo "smoke: FogFlow does not work" >&2; exit 1; }
}

tidy() {
  local code=$?
  if [ "$code" != 0 ]; then
    mkdir -p "$bundles"
    "${fogflow[@]}" bundle --output-file "$bundles/smoke.tar.gz" || true
  fi
  "${fogflow[@]}" uninstall --yes --delete-data >/dev/null 2>&1 || true
  kubectl delete namespace "$namespace" "$namespace-tasks" --ignore-not-found --wait=false || true
  rm -rf "$state"
}
trap tidy EXIT

run check --pre --expose node-port
run deploy --expose node-port --timeout "$timeout" --bundle-dir "$bundles"
works
run verify --inside

run task run --image "$operator" --input Temperature --name smoke --timeout "$timeout"
run task list

kubectl -n "$namespace" delete pod -l app.kubernetes.io/component=rabbitmq --wait=false
kubectl -n "$namespace" wait --for=delete pod -l app.kubernetes.io/component=rabbitmq --timeout=60s || true
works
run verify --inside

fails 20 deploy --expose node-port --set master.image.tag=does-not-exist --yes --timeout "$timeout" --bundle-dir "$bundles"
works
run deploy --expose node-port --set replicaCount=1 --yes --timeout "$timeout" --bundle-dir "$bundles"
run rollback --yes --timeout "$timeout"
works

run task stop smoke --yes
run uninstall --yes --delete-data
left=$(kubectl -n "$namespace" get deployments,services,secrets,configmaps -l app.kubernetes.io/part-of=fogflow -o name)
[ -z "$left" ] || { printf 'smoke: left after the uninstall:\n%s\n' "$left" >&2; exit 1; }
echo "smoke: all steps passed"
