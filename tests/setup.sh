# Installs missing Debian packages; sourced by ./dev.
# shellcheck shell=bash

# Whether the contents of PACKAGE are present, installed in whatever way.
present() {  # PACKAGE
  case $1 in
    ninja-build) command -v ninja >/dev/null ;;
    clang-19) command -v clang++-19 >/dev/null ;;
    g++-12-multilib) compgen -G '/usr/lib/gcc/x86_64-linux-gnu/12/32/libgcc.a' >/dev/null ;;
    libclang-rt-19-dev) compgen -G '/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.tsan-*' >/dev/null ;;
    doctest-dev) [[ -e /usr/include/doctest/doctest.h ]] ;;
    libstb-dev) [[ -e /usr/include/stb/stb_image.h ]] ;;
    libcli11-dev) [[ -e /usr/include/CLI/CLI.hpp ]] ;;
    libeigen3-dev) [[ -e /usr/include/eigen3/Eigen/Core ]] ;;
    libxtensor-dev) [[ -e /usr/include/xtensor/xtensor.hpp ]] ;;
    libjemalloc2) compgen -G '/usr/lib*/**/libjemalloc.so.2' >/dev/null || compgen -G '/usr/lib*/libjemalloc.so.2' >/dev/null ;;
    python3-venv) python3 -c 'import ensurepip, venv' 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

require() {  # PACKAGE...
  local package missing=() as_root=()
  for package in "$@"; do
    present "$package" || missing+=("$package")
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    return
  fi
  if [[ $(id -u) -ne 0 ]]; then
    as_root=(sudo)
  fi
  if ! command -v apt-get >/dev/null || ! command -v "${as_root[0]:-true}" >/dev/null; then
    echo "Please install these Debian packages (or their contents) and run this again: ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing ${missing[*]}" >&2
  if ! install_log=$({
    "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 -qq update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq -y \
        --no-install-recommends install "${missing[@]}"
  } 2>&1); then
    echo "$install_log" >&2
    echo "Installing failed; please install these Debian packages and run this again: ${missing[*]}" >&2
    exit 1
  fi
}
