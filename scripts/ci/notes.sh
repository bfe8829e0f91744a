#!/usr/bin/env bash
# Prints the section of CHANGELOG.md for the version $1. Fails when there is none, or when it is marked as unreleased.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=${1:?usage: notes.sh VERSION}
heading=$(grep -m1 -F "## $version" CHANGELOG.md) || { echo "notes.sh: CHANGELOG.md has no section '## $version'" >&2; exit 1; }
case $heading in
  *unreleased*) echo "notes.sh: CHANGELOG.md says '$heading': write the date of the release" >&2; exit 1 ;;
esac
awk -v heading="$heading" '$0 == heading {inside = 1; next} /^## / {inside = 0} inside' CHANGELOG.md
