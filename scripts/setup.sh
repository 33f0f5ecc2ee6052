# Sourced by run and test: finds what the build needs, installs it where it can, and says what is missing where it cannot.
# shellcheck shell=bash

# To where errors go: what stands on standard output is chatfriends' own, as in `./scripts/run chat <lines.txt`.
say() { printf '\n\033[1m== %s\033[0m\n' "$*" >&2; }
fail() { printf '\nchatfriends: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "installing packages needs root; run as root or install sudo"
  fi
}

apt_update() {
  [ -z "${apt_lists_are_new:-}" ] || return 0
  as_root apt-get update -q </dev/null
  apt_lists_are_new=1
}

# Packages get no input: what stands there is meant for chatfriends, as in `./scripts/run chat <lines.txt`.
apt_install() {
  say "Installing $*"
  apt_update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null
}

# bindgen reads llama.cpp's headers through libclang, and stdbool.h comes with the package of the same version.
has_clang_headers() { has_file '/usr/lib/llvm-*/lib/clang/*/include/stdbool.h' || has_file '/usr/lib/clang/*/include/stdbool.h'; }
# libclang-cpp.so, which other packages bring along, is another library.
has_libclang() {
  local folder
  for folder in '/usr/lib/llvm-*/lib' '/usr/lib/*-linux-gnu' /usr/lib /usr/lib64 /usr/local/lib; do
    ! has_file "$folder/libclang.so*" || return 0
    ! has_file "$folder/libclang-[0-9]*.so*" || return 0
  done
  return 1
}
has_file() { compgen -G "$1" >/dev/null; }

setup_build() {
  # shellcheck disable=SC1091 # Rustup writes it.
  command -v cargo >/dev/null || [ ! -f "${HOME:-}/.cargo/env" ] || . "${HOME:-}/.cargo/env"
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
      apt_update
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

# llama.cpp's options for instructions beyond the baseline that a processor with these flags has and this compiler knows, one a line. AMX is
# left out: what gcc 12 makes of it dies on some processors that have it. GGML_NATIVE would take it in.
cpu_options() {
  local flags=" $1 " flag
  for flag in avx512f avx512bw avx512cd avx512dq avx512vl; do
    [[ $flags == *" $flag "* ]] || return 0
  done
  printf 'GGML_AVX512\n'
  [[ $flags != *" avx512vbmi "* ]] || printf 'GGML_AVX512_VBMI\n'
  [[ $flags != *" avx512_vnni "* ]] || printf 'GGML_AVX512_VNNI\n'
  [[ $flags != *" avx512_bf16 "* ]] || ! c++ -mavx512bf16 -E -x c++ - </dev/null >/dev/null 2>&1 || printf 'GGML_AVX512_BF16\n'
}

# Has what is built next made for this machine's processor. Each set of options has a folder of its own: in one that is there already,
# other options are ignored without a word.
setup_cpu() {
  local option folder=cpu
  for option in ${!GGML_@}; do unset "$option"; done
  [ "$(uname -m)" = x86_64 ] && [ -r /proc/cpuinfo ] || return 0
  while read -r option; do
    export "$option=ON"
    folder+=-${option#GGML_}
  done < <(cpu_options "$(grep -m1 '^flags' /proc/cpuinfo | cut -d: -f2)")
  [ "$folder" = cpu ] || export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/${folder,,}
}

# Has what is built next compute on the graphics processor that CHATFRIENDS_GPU names the kind of. Sets `features` to what cargo is given for
# it. Such a program has a folder of its own, or it and the one without would be built in turns.
setup_gpu() {
  features=()
  case "${CHATFRIENDS_GPU:-}" in
    "")
      ! command -v nvidia-smi >/dev/null || say "There is an NVIDIA graphics processor: CHATFRIENDS_GPU=cuda ./scripts/run computes on it (README, \"A real model\")"
      return
      ;;
    cuda) command -v "${CUDACXX:-nvcc}" >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] || fail "CHATFRIENDS_GPU=cuda needs NVIDIA's CUDA toolkit, and nvcc was not found: \
install it (on Debian and Ubuntu the package nvidia-cuda-toolkit, or NVIDIA's own) and put its bin folder into PATH" ;;
    rocm) command -v hipcc >/dev/null || [ -x /opt/rocm/bin/hipcc ] || fail "CHATFRIENDS_GPU=rocm needs AMD's ROCm with its compiler, and hipcc was not found" ;;
    vulkan) setup_vulkan ;;
    metal) [ "$(uname -s)" = Darwin ] || fail "CHATFRIENDS_GPU=metal is for macOS" ;;
    *) fail "CHATFRIENDS_GPU=$CHATFRIENDS_GPU is unknown; it can be cuda, rocm, vulkan or metal" ;;
  esac
  # shellcheck disable=SC2034 # scripts/run reads it.
  features=(--features "$CHATFRIENDS_GPU")
  export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/$CHATFRIENDS_GPU
}

# What llama.cpp's Vulkan code is built with.
setup_vulkan() {
  if command -v apt-get >/dev/null; then
    local packages=()
    command -v glslc >/dev/null || packages+=(glslc)
    has_file '/usr/share/cmake/SPIRV-Headers/*' || has_file '/usr/lib/cmake/SPIRV-Headers/*' || packages+=(spirv-headers)
    has_file '/usr/lib/*/libvulkan.so' || packages+=(libvulkan-dev)
    [ "${#packages[@]}" = 0 ] || apt_install "${packages[@]}"
  fi
  command -v glslc >/dev/null || fail "missing: glslc. Install it, the Vulkan and SPIR-V headers"
  grep -qs VK_EXT_layer_settings "${VULKAN_SDK:-/usr}/include/vulkan/vulkan_core.h" ||
    fail "the Vulkan headers in ${VULKAN_SDK:-/usr}/include are missing or older than llama.cpp wants (1.3.275; Debian 12 has 1.3.239): unpack newer ones, \
such as Debian 13's libvulkan-dev, and name their folder (the one with include/vulkan) in VULKAN_SDK"
}

# Mesa's software device for Vulkan. Sets `vulkan_driver` to it.
setup_lavapipe() {
  if command -v apt-get >/dev/null && ! has_file '/usr/share/vulkan/icd.d/lvp_icd*.json'; then
    apt_install mesa-vulkan-drivers
  fi
  # shellcheck disable=SC2034 # scripts/test reads it.
  vulkan_driver=$(compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' | head -n1) || fail "missing: Mesa's software device for Vulkan (lavapipe)"
}

# Where packages are not installed for you: name what is missing and the command that installs it.
setup_other() {
  local missing=()
  for tool in cmake c++ make; do command -v "$tool" >/dev/null || missing+=("$tool"); done
  [ "${#missing[@]}" = 0 ] || fail "missing: ${missing[*]}. Install what the build needs with: $1"
  printf 'If the build stops at libclang or stdbool.h, install what it needs with: %s\n' "$1"
}

# The scripts read TOML with what Python brings along since 3.11, and run in an environment of their own.
python_will_do() { "$1" -c 'import sys, ensurepip, venv; assert sys.version_info >= (3, 11)' >/dev/null 2>&1; }

# Sets `python` to an interpreter that will do.
setup_python() {
  for python in python3 python3.14 python3.13 python3.12 python3.11; do
    ! python_will_do "$python" || return 0
  done
  if command -v apt-get >/dev/null; then
    # Ubuntu 22.04 calls an older one python3 and has this one beside it.
    for python in python3 python3.11; do
      apt_install "$python" "$python-venv" || true
      ! python_will_do "$python" || return 0
    done
  fi
  fail "the tests need Python 3.11 or later with venv, which was not found; install it and run this again"
}
