#!/bin/sh
# Install the JavaScript peer of the interoperability tests. Exits 0 without Node.js: its tests are skipped then.
set -eu
cd "$(dirname "$0")/node"
command -v npm >/dev/null || { echo "npm is not installed: the JavaScript peer is skipped"; exit 0; }
if [ node_modules/.package-lock.json -nt package.json ]; then exit 0; fi
npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error
