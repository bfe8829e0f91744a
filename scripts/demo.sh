#!/usr/bin/env bash
# The product on a cluster that the demo starts and removes: FogFlow is deployed until it works, a function runs, RabbitMQ is lost,
# an upgrade fails and is rolled back, everything is uninstalled. scripts/demo.py says what this machine can show: real nodes with
# FogFlow's own programs, real nodes with fakes of them, or simulated nodes. It uses its own state, kubeconfig and sandbox name, so
# nothing that you have is touched; nothing is left, also after Ctrl-C and after an error.
set -euo pipefail
cd "$(dirname "$0")/.."

for variable in "${!FOGFLOW_K8S_@}"; do # a context or a namespace of yours would lead the demo to your cluster
  [ "$variable" = FOGFLOW_K8S_CACHE ] || unset "$variable"
done
python=.venv/bin/python tool=.venv/bin/fogflow-k8s
name="demo-$$" sandbox="" step=0
work=$(mktemp -d "${TMPDIR:-/tmp}/fogflow-demo.XXXXXX")
export FOGFLOW_K8S_STATE="$work/state" KUBECONFIG="$work/kubeconfig"

remove_cluster() {
  [ -n "$sandbox" ] || return 0
  # without a terminal that can be written to, the first try may fail
  "$tool" sandbox down --name "$sandbox" || "$tool" -q sandbox down --name "$sandbox" >/dev/null 2>&1 || return 1
  sandbox=""
}
tidy() {
  local code=$?
  trap '' INT TERM HUP # a second Ctrl-C would leave the cluster behind
  set +e
  [ "$code" = 0 ] || printf '\ndemo: ended with exit code %s; what it has started is being removed\n' "$code" >&2
  if ! remove_cluster; then
    echo "demo: its cluster is still there. Remove it: FOGFLOW_K8S_STATE=$FOGFLOW_K8S_STATE $tool sandbox down --name $name" >&2
    exit 1
  fi
  rm -rf "$work"
  exit "$code"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

bold='' plain=''
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
say() { printf '\n%s$ %s%s\n' "$bold" "$*" "$plain" >&2; }
run() { say "fogflow-k8s $*"; "$tool" "$@"; }
# Begins a step: `step TIME WORDS...`
step() {
  step=$((step + 1))
  printf '\n%s== Step %s of %s (%s): %s%s\n   %s\n' "$bold" "$step" "$steps" "$1" "${*:2}" "$plain" "$shown" >&2
}
# A step that must fail: `expect CODE ARGS...`
expect() {
  local wanted=$1 code=0
  shift
  run "$@" || code=$?
  [ "$code" != 130 ] || exit 130
  [ "$code" = "$wanted" ] || { echo "demo: expected exit code $wanted, got $code" >&2; exit 1; }
  echo "(exit code $code, as it should be)" >&2
}
# `status` also exits with 0 when no keeper has reported yet, so the state itself is compared.
works() {
  local state
  state=$(run status --wait --timeout 3m -o short)
  printf '%s\n' "$state"
  [[ $state == *': working, '* ]] || { echo "demo: FogFlow does not work" >&2; exit 1; }
}

# What runs in the containers, and how each step calls it: `use fogflow|fakes`
use() {
  programs=$1 shown="real nodes, fakes of FogFlow's programs"
  task=(--image "docker.io/fogflow/operator:$version" --input Temperature --output Count)
  if [ "$programs" = fogflow ]; then
    shown="real nodes, FogFlow's own programs"
    task=(--image docker.io/fogflow/dummy --input Temperature) # it publishes nothing
  fi
}

start_real_nodes() {
  local lock
  lock=$("$python" scripts/demo.py lock)
  exec 9>>"$lock" # the sandbox's daemons do not inherit it
  flock --nonblock 9 || { echo "another sandbox with real nodes is starting; waiting for it" >&2 && flock 9; }
  sandbox=$name
  run sandbox up --real --name "$name" --nodes 3 9>&-
  exec 9>&-
  # the sandbox's kubectl fits its API server
  PATH=$(eval "$("$tool" sandbox env --name "$name")" && dirname "$KUBECTL"):$PATH
}

load_images() {
  local code=0
  "$python" scripts/demo.py load "$name" "$programs" || code=$?
  if [ "$code" != 0 ] && [ "$code" != 130 ] && [ "$programs" = fogflow ]; then
    echo "demo: FogFlow's images cannot be copied (see above), so fakes take their place" >&2
    use fakes
    "$python" scripts/demo.py load "$name" fakes
  elif [ "$code" != 0 ]; then
    exit "$code"
  fi
}

on_real_nodes() {
  steps=8
  use "$programs"
  step "the first time 6 to 12 minutes on 2 cores, later nothing" "build Kubernetes, etcd, containerd, helm and others from source"
  "$python" scripts/demo.py build real
  step "10 s" "start a cluster of three real nodes"
  start_real_nodes
  step "10 s; the first time 1 to 5 minutes" "give the nodes the images"
  load_images
  step "40 s" "deploy FogFlow, wait until it works, and check it from end to end"
  run deploy --expose node-port
  works
  run verify
  step "5 s" "run a function, and show its output"
  run task run "${task[@]}" --name demo
  run task logs demo
  step "30 s" "lose RabbitMQ: its pod is deleted, and the keeper repairs what FogFlow does not recover from"
  say "kubectl -n fogflow delete pod -l app.kubernetes.io/name=rabbitmq"
  kubectl -n fogflow delete pod -l app.kubernetes.io/name=rabbitmq
  run status -o short || true # not working now
  works
  run status
  run task list
  step "40 s" "break an upgrade: the cause is named, and the last working revision returns"
  expect 20 deploy --expose node-port --set master.image.tag=does-not-exist --yes
  works
  run history
  step "20 s" "uninstall FogFlow, and remove the cluster"
  run uninstall --yes
  remove_cluster
}

on_simulated_nodes() {
  steps=7 shown="simulated nodes, no programs"
  local settings=(--config examples/config.json --external-ip 192.0.2.10)
  cat >&2 <<'TEXT'
Simulated nodes: Kubernetes is real, but no container runs. So this shows deploys, causes and rollbacks. It cannot show FogFlow at
work: no function runs, no loss of RabbitMQ is repaired, and status says `unverified`, not `working`.
TEXT
  step "the first time 5 to 10 minutes on 2 cores, later nothing" "build Kubernetes, etcd, helm and others from source"
  "$python" scripts/demo.py build simulated
  step "10 s" "start a cluster of three simulated nodes"
  sandbox=$name
  run sandbox up --name "$name" --nodes 3
  step "10 s" "deploy FogFlow"
  run deploy "${settings[@]}"
  run status
  step "3 s" "deploy the same settings again: nothing to do"
  run deploy "${settings[@]}"
  step "10 s" "break an upgrade: the cause is named, and the last working revision returns"
  expect 20 deploy "${settings[@]}" --set master.image.tag=does-not-exist --yes
  step "10 s" "change a setting, and roll back by hand"
  run deploy "${settings[@]}" --set replicaCount=3 --yes
  run rollback --yes
  run history
  step "10 s" "uninstall FogFlow, and remove the cluster"
  run uninstall --yes
  remove_cluster
}

choice=$("$python" scripts/demo.py choose)
read -r nodes programs version <<<"$choice"
if [ "$nodes" = real ]; then on_real_nodes; else on_simulated_nodes; fi

case "$nodes $programs" in
  "real fogflow") what="a deploy until FogFlow works, a function, a lost RabbitMQ and its repair, an upgrade that fails and its rollback, and an uninstall, on real nodes with FogFlow's own programs" ;;
  "real fakes") what="a deploy until FogFlow works, a function, a lost RabbitMQ and its repair, an upgrade that fails and its rollback, and an uninstall, on real nodes with real RabbitMQ and nginx, and with fakes of FogFlow's own programs (tests/fakes/README.md says what they do not prove)" ;;
  *) what="a deploy, an upgrade that fails and its rollback, and an uninstall, on a real Kubernetes control plane with simulated nodes, so without any program of FogFlow" ;;
esac
printf '\ndemo: in %s s this showed %s; nothing is left of it.\n' "$SECONDS" "$what" >&2
