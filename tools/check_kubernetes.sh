#!/bin/sh
# Validates Kubernetes objects against the published schemas of three versions: check_kubernetes.sh FILE
# Where kubernetes-validate cannot be installed (no Python, no package registry) it says so and checks nothing.
set -eu

folder=.build/kubernetes-validate
if [ ! -x "$folder/bin/kubernetes-validate" ]; then
  if ! { python3 -m venv "$folder" && "$folder/bin/pip" install --quiet kubernetes-validate==1.37.0; }; then
    echo "kubernetes-validate cannot be installed here; $1 is not checked" >&2
    exit 0
  fi
fi
for version in 1.37.0 1.32.0 1.29.0; do
  "$folder/bin/kubernetes-validate" --kubernetes-version "$version" --strict "$1"
done
