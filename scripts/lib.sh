# shellcheck shell=bash
# What scripts/serve and scripts/test share: steps with their times, and the tools they need.
# Every tool is pinned; one that is there in the right version is used, whoever installed it.
# What has to be installed goes into .tools/ and tests/browser/node_modules/, nowhere else.

TRUNK_VERSION=0.21.14
# The wasm-bindgen command has to be of the very version of the library.
WASM_BINDGEN_VERSION=$(sed -n '/^name = "wasm-bindgen"$/{n;s/^version = "\(.*\)"$/\1/p;}' Cargo.lock)
NODE_MAJOR=20

# Ahead of everything else: Debian's wasm-opt, for one, is too old for what rustc emits.
export PATH="$PWD/.tools/bin:$PWD/tests/browser/node_modules/.bin:$PATH"
# Trunk reads NO_COLOR as a boolean and takes the customary "1" for an error.
[[ -z ${NO_COLOR:-} ]] || export NO_COLOR=true

die() {
  printf '\n%s\n' "$1" >&2
  exit 1
}

SUMMARY=()
FAILED=0

# step NAME COMMAND...: runs the command, says how long it took, and remembers if it failed.
step() {
  local name=$1 start=$SECONDS result=ok
  shift
  printf '\n== %s\n' "$name"
  "$@" || result=FAILED
  local took=$((SECONDS - start))
  printf '== %s: %s in %d:%02d\n' "$name" "$result" $((took / 60)) $((took % 60))
  SUMMARY+=("$(printf '%3d:%02d  %-6s  %s' $((took / 60)) $((took % 60)) "$result" "$name")")
  [[ $result == ok ]] && return
  FAILED=1
  return 1
}

# setup NAME COMMAND...: a step without which nothing else makes sense.
setup() {
  step "$@" || die "Set-up failed at: $1"
}

need_rust() {
  command -v cargo >/dev/null || die "Rust is missing: install it from https://rustup.rs"
  local target=wasm32-unknown-unknown
  [[ -d $(rustc --print sysroot)/lib/rustlib/$target ]] && return
  command -v rustup >/dev/null || die "The Rust target $target is missing, and there is no rustup to add it with"
  rustup target add "$target"
}

# need_component COMPONENT COMMAND...: a part of the toolchain that minimal installations lack.
need_component() {
  local component=$1
  shift
  "$@" >/dev/null 2>&1 && return
  command -v rustup >/dev/null || die "Rust's $component is missing, and there is no rustup to add it with"
  rustup component add "$component"
}

need_node() {
  command -v npm >/dev/null || die "Node $NODE_MAJOR or newer is missing: see https://nodejs.org"
  local have
  have=$(node -p 'process.versions.node.split(".")[0]')
  ((have >= NODE_MAJOR)) || die "Node $have is too old: $NODE_MAJOR or newer is needed"
  local lock=tests/browser/package-lock.json installed=tests/browser/node_modules/.installed.json
  cmp -s "$lock" "$installed" && return
  npm --prefix tests/browser ci --ignore-scripts --no-audit --no-fund && cp "$lock" "$installed"
}

# need_crate CRATE VERSION COMMAND FLAG...: a command from crates.io, prebuilt if cargo-binstall is
# there, else compiled.
need_crate() {
  local crate=$1 version=$2 command=$3
  shift 3
  if [[ $("$command" --version 2>/dev/null) == *" $version"* ]]; then
    echo "$crate $version: $(command -v "$command")"
    return
  fi
  if command -v cargo-binstall >/dev/null; then
    cargo binstall --no-confirm --root .tools "$crate@$version" && return
  fi
  echo "Compiling $crate $version, once; installing cargo-binstall beforehand would save this"
  # Little optimisation: these commands run for seconds, and compiling them should not take long.
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    CARGO_TARGET_DIR=.tools/build cargo install --root .tools "$crate" --version "$version" "$@"
}

need_page_tools() {
  # --locked would hold wasm-bindgen-cli to a version of a dependency that was withdrawn.
  need_node &&
    need_crate wasm-bindgen-cli "$WASM_BINDGEN_VERSION" wasm-bindgen &&
    need_crate trunk "$TRUNK_VERSION" trunk --locked &&
    rm -rf .tools/build
}

need_chromium() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    [[ -n $name ]] || continue
    CHROMIUM=$(command -v "$name") || continue
    export CHROMIUM
    echo "$CHROMIUM"
    return
  done
  local as_root=()
  ((EUID == 0)) || as_root=(sudo -n)
  if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    "${as_root[@]}" apt-get update -q && "${as_root[@]}" apt-get install -y -q --no-install-recommends chromium
    CHROMIUM=$(command -v chromium) && export CHROMIUM && return
  fi
  die "The browser tests need Chromium: install it, or say where it is with CHROMIUM=/path/to/chromium"
}
