#!/usr/bin/env bash
# smoke.sh on a kind cluster of the Kubernetes version $1 (1.30, ...), which is removed afterwards. Needs Docker and Go.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=${1:?usage: kind.sh KUBERNETES_VERSION}
image=$(awk -v version="$version" '$1 == version {print $2}' scripts/ci/kind-nodes.txt)
[ -n "$image" ] || { echo "kind.sh: scripts/ci/kind-nodes.txt has no node image for $version" >&2; exit 2; }
name="fogflow-${version//./-}"
work=$(mktemp -d)
HELM=${HELM:-$(.venv/bin/python scripts/programs.py helm | sed -n 's/^helm: //p')}
export HELM KUBECONFIG="$work/kubeconfig"
kind=(go run sigs.k8s.io/kind@v0.33.0) # Go's checksum database pins the content of a version

tidy() {
  "${kind[@]}" delete cluster --name "$name" || true
  rm -rf "$work"
}
trap tidy EXIT

"${kind[@]}" create cluster --name "$name" --image "$image" --wait 3m
bash scripts/ci/smoke.sh
