#!/usr/bin/env bash
# Packs the package, installs it elsewhere as a user does, and uses it there: `scripts/smoke.sh [NODE...]`, by default with
# Node 20, 22 and 24, which npx fetches. Scripts run, and whatever asks for more than npm's registry meets a closed door.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
versions=("$@")
[ "$#" -gt 0 ] || versions=(20 22 24)
most_megabytes=400

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
node scripts/build.mjs --if-needed
tarball=$work/$(npm pack --silent --pack-destination "$work")

registry=$(npm config get registry | sed -E 's#^[a-z]+://([^/:]+).*#\1#')
install() {
  env npm_config_ignore_scripts=false npm_config_cache="$work/cache" npm_config_noproxy="$registry" \
    npm_config_https_proxy=http://127.0.0.1:9 GLOBAL_AGENT_HTTP_PROXY=http://127.0.0.1:9 \
    npm install --foreground-scripts --no-audit --no-fund "$@"
}

echo "In another project"
mkdir "$work/project"
cd "$work/project"
npm init --yes >/dev/null
npm pkg set type=module >/dev/null
install "$tarball"
megabytes=$(du -sm node_modules | cut -f 1)
echo "node_modules: $megabytes MB"
[ "$megabytes" -le "$most_megabytes" ] || { echo "more than $most_megabytes MB" >&2; exit 1; }
[ ! -e node_modules/onnxruntime-web ]

cat >use.js <<'EOF'
import { openSegmenter, segmentImage } from "ep-sam";
import { openSlide } from "ep-sam/slides";
if (typeof openSegmenter !== "function" || typeof segmentImage !== "function") throw new Error("not exported");
EOF
for version in "${versions[@]}"; do
  echo "Node $version"
  npx -y "node@$version" use.js
  npx -y "node@$version" node_modules/ep-sam/bin/epsam.mjs doctor
done

echo "Examples"
install --save-dev typescript tsx @types/node
cp node_modules/ep-sam/examples/*.ts .
npx tsc --noEmit --strict --target es2023 --module nodenext --types node ./*.ts
npx tsx differentiable-graph.ts

echo "For every project"
cd "$work"
install --global --prefix "$work/global" "$tarball"
"$work/global/bin/epsam" doctor
[ "$("$work/global/bin/epsam" --version)" = "$(node -p "require('$root/package.json').version")" ]
echo "All of it works."
