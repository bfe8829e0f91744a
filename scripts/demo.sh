#!/usr/bin/env bash
# The whole way on a cluster of one's own: deploy, status, a bad upgrade that is explained and taken back, rollback by
# hand, uninstall. Uses its own state, kubeconfig and sandbox name, so nothing that you have is touched; nothing is left.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
export FOGFLOW_K8S_STATE="$work/state" KUBECONFIG="$work/kubeconfig"
tool=.venv/bin/fogflow-k8s
name="demo-$$"

tidy() {
  "$tool" sandbox down --name "$name" || true
  rm -rf "$work"
}
trap tidy EXIT

say() { printf '\n\033[1m$ %s\033[0m\n' "fogflow-k8s $*" >&2; }
run() { say "$@"; "$tool" "$@"; }
# A step that must fail: `expect CODE ARGS...`
expect() {
  local wanted=$1 code=0
  shift
  say "$@"
  "$tool" "$@" || code=$?
  if [ "$code" != "$wanted" ]; then
    echo "demo: expected exit code $wanted, got $code" >&2
    exit 1
  fi
  echo "(exit code $code, as it should be)" >&2
}

run sandbox up --name "$name" --nodes 3
run deploy --config examples/config.json --external-ip 192.0.2.10
run status
run deploy --config examples/config.json --external-ip 192.0.2.10
expect 20 deploy --config examples/config.json --external-ip 192.0.2.10 --set master.image.tag=does-not-exist --yes
run deploy --config examples/config.json --external-ip 192.0.2.10 --set replicaCount=3 --yes
run rollback --yes
run history
run uninstall --yes
echo
echo "demo: all of it worked, and nothing is left running" >&2
