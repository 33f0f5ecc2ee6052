# Sourced by run and test: finds what the build needs, installs it where it can, and says what is missing where it cannot.
# shellcheck shell=bash

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
fail() { printf '\nchatfriends: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "installing packages needs root; run as root or install sudo"
  fi
}

# apt_install COMMAND-OR-FILE-TEST… -- PACKAGE…: installs the packages unless the test holds.
apt_install() {
  say "Installing $*"
  [ -n "${apt_lists_are_new:-}" ] || { as_root apt-get update -q; apt_lists_are_new=1; }
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
}

# bindgen reads llama.cpp's headers through libclang, and stdbool.h comes with the package of the same version.
has_clang_headers() { ls /usr/lib/llvm-*/lib/clang/*/include/stdbool.h /usr/lib/clang/*/include/stdbool.h >/dev/null 2>&1; }
has_libclang() { ldconfig -p 2>/dev/null | grep -q 'libclang[-.]' || ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1; }

setup_build() {
  command -v cargo >/dev/null || [ ! -f "$HOME/.cargo/env" ] || . "$HOME/.cargo/env"
  command -v cargo >/dev/null || fail "Rust is missing; install it from https://rustup.rs and run this again"
  case "$(uname -s)" in
    Darwin) setup_other "xcode-select --install && brew install cmake"; return ;;
    Linux) ;;
    *) fail "this script knows Linux and macOS; on Windows use WSL with Ubuntu" ;;
  esac
  if command -v apt-get >/dev/null; then
    local packages=()
    command -v cmake >/dev/null || packages+=(cmake)
    command -v c++ >/dev/null || packages+=(g++)
    command -v make >/dev/null || packages+=(make)
    if ! has_libclang || ! has_clang_headers; then
      [ -n "${apt_lists_are_new:-}" ] || { as_root apt-get update -q; apt_lists_are_new=1; }
      local version
      version=$(apt-cache depends libclang1 2>/dev/null | grep -o 'libclang1-[0-9]*' | head -n1 | grep -o '[0-9]*$') || true
      [ -n "$version" ] || fail "the package libclang1 was not found; install libclang and its headers (stdbool.h) by hand"
      packages+=("libclang1-$version" "libclang-common-$version-dev")
    fi
    [ "${#packages[@]}" = 0 ] || apt_install "${packages[@]}"
  elif command -v dnf >/dev/null; then setup_other "sudo dnf install cmake gcc-c++ make clang-libs clang-devel"
  elif command -v pacman >/dev/null; then setup_other "sudo pacman -S --needed base-devel cmake clang"
  else setup_other "install cmake, a C++ compiler, make, libclang and its headers"
  fi
  # llama.cpp's baseline here; without these instructions the program would die at its first word.
  if [ "$(uname -m)" = x86_64 ] && [ -r /proc/cpuinfo ]; then
    for flag in avx2 fma f16c bmi2; do
      grep -qw "$flag" /proc/cpuinfo || fail "this processor has no $flag; use a model server instead (server.url in config/default.toml) and build with --no-default-features"
    done
  fi
}

# Where packages are not installed for you: name what is missing and the command that installs it.
setup_other() {
  local missing=()
  for tool in cmake c++ make; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [ "${#missing[@]}" = 0 ] || fail "missing: ${missing[*]}. Install what the build needs with: $1"
  printf 'If the build stops at libclang or stdbool.h, install what it needs with: %s\n' "$1"
}
