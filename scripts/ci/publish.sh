#!/usr/bin/env bash
# Pushes the image and the charts of the folder $2 (default dist) to the registry $1, and writes what it pushed, by digest, to
# published.txt in that folder. REGISTRY_USER and REGISTRY_PASSWORD: the login; without them, the one of `docker login` or none.
# PLAIN_HTTP=1: the registry has no TLS; this is the default for one of this machine.
set -euo pipefail

registry=${1:?usage: publish.sh REGISTRY [FOLDER]}
dist=$(realpath -- "${2:-$(dirname "$0")/../../dist}")
cd "$(dirname "$0")/../.."

version=$(.venv/bin/python -c 'import fogflow_k8s; print(fogflow_k8s.__version__)')
programs=$(.venv/bin/python scripts/programs.py helm crane)
helm=$(sed -n 's/^helm: //p' <<<"$programs")
crane=$(sed -n 's/^crane: //p' <<<"$programs")
case $registry in
  localhost* | 127.0.0.1*) PLAIN_HTTP=1 ;;
esac
plain=() insecure=()
if [ "${PLAIN_HTTP:-}" = 1 ]; then
  plain=(--plain-http) insecure=(--insecure)
fi

if [ -n "${REGISTRY_USER:-}" ]; then
  "$helm" registry login "${plain[@]}" "${registry%%/*}" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_PASSWORD"
  "$crane" auth login "${registry%%/*}" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_PASSWORD"
fi

layout=$(mktemp -d)
trap 'rm -rf "$layout"' EXIT
tar -xf "$dist/fogflow-k8s-worker-$version.oci.tar" -C "$layout"
"$crane" push "${insecure[@]}" "$layout" "$registry/fogflow-k8s/worker:$version" >"$dist/published.txt"
for chart in fogflow-chart fogflow-edge-chart; do
  pushed=$("$helm" push "${plain[@]}" "$dist/$chart-$version.tgz" "oci://$registry/charts" 2>&1) || { echo "$pushed" >&2; exit 1; }
  digest=$(sed -n 's/^Digest: //p' <<<"$pushed")
  [ -n "$digest" ] || { printf 'publish: helm push named no digest of %s:\n%s\n' "$chart" "$pushed" >&2; exit 1; }
  echo "$registry/charts/$chart@$digest" >>"$dist/published.txt"
done
cat "$dist/published.txt"
