#!/usr/bin/env bash
# Pushes the image and the charts of dist/ to the registry $1, and writes what it pushed, by digest, to dist/published.txt.
# REGISTRY_USER and REGISTRY_PASSWORD: the login; without them, the one of `docker login` or none.
set -euo pipefail
cd "$(dirname "$0")/../.."

registry=${1:?usage: publish.sh REGISTRY}
version=$(.venv/bin/python -c 'import fogflow_k8s; print(fogflow_k8s.__version__)')
programs=$(.venv/bin/python scripts/programs.py helm crane)
helm=$(sed -n 's/^helm: //p' <<<"$programs")
crane=$(sed -n 's/^crane: //p' <<<"$programs")
plain=()
case $registry in
  localhost* | 127.0.0.1*) plain=(--plain-http) ;; # a registry of this machine, without TLS
esac

if [ -n "${REGISTRY_USER:-}" ]; then
  "$helm" registry login "${registry%%/*}" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_PASSWORD"
  "$crane" auth login "${registry%%/*}" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_PASSWORD"
fi

layout=$(mktemp -d)
trap 'rm -rf "$layout"' EXIT
tar -xf "dist/fogflow-k8s-worker-$version.oci.tar" -C "$layout"
"$crane" push "$layout" "$registry/fogflow-k8s/worker:$version" >dist/published.txt
for chart in fogflow-chart fogflow-edge-chart; do
  digest=$("$helm" push "${plain[@]}" "dist/$chart-$version.tgz" "oci://$registry/charts" 2>&1 | sed -n 's/^Digest: //p')
  echo "$registry/charts/$chart@$digest" >>dist/published.txt
done
cat dist/published.txt
