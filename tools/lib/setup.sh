# Sourced by the scripts of tools/ and bench/: what they share. It knows which package carries which
# tool, installs what is missing, and configures build folders. It prints nothing unless it has to
# install something or fails.
# Callers have run `set -euo pipefail`.

project_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Servers live in sbin, which an ordinary user's PATH lacks on Debian.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

at_least() { # at_least VERSION MINIMUM
  [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]
}

clang_major() { clang -dumpversion | cut -d. -f1; }

# The run-time libraries come in a package of their own, or not, depending on the release.
sanitizers_link() {
  local scratch sanitizer status=0
  have clang++ || return 1
  scratch=$(mktemp -d)
  for sanitizer in address,undefined thread; do
    printf 'int main() { return 0; }\n' |
      clang++ "-fsanitize=$sanitizer" -x c++ - -o "$scratch/program" >/dev/null 2>&1 || status=1
  done
  rm -rf "$scratch"
  return $status
}

package_present() {
  case $1 in
    g++) have g++ && have gcc && have cc && have readelf ;;
    meson) have meson && at_least "$(meson --version)" 1.0.1 ;;
    ninja-build) have ninja ;;
    libcmocka-dev) have pkg-config && pkg-config --exists 'cmocka >= 1.1.5' ;;
    libuv1-dev) have pkg-config && pkg-config --exists libuv ;;
    libssl-dev) have pkg-config && pkg-config --exists 'openssl >= 3' ;;
    libevent-dev) have pkg-config && pkg-config --exists libevent_core ;;
    libglib2.0-dev) have pkg-config && pkg-config --exists glib-2.0 ;;
    sanitizers) sanitizers_link ;;
    nginx-light) have nginx ;;
    gnutls-bin) have gnutls-cli && have gnutls-serv ;;
    testssl.sh) have testssl ;;
    libnss3-tools) have certutil ;;
    cl-hunchentoot) [[ -f /usr/share/common-lisp/source/hunchentoot/hunchentoot.asd ]] ;;
    python3-clang) python3 -c 'import clang.cindex' 2>/dev/null || /usr/bin/python3 -c 'import clang.cindex' 2>/dev/null ;;
    g++-mingw-w64-x86-64-posix) have x86_64-w64-mingw32-g++-posix ;;
    wine64) wine_tool wine >/dev/null && wine_tool wineserver >/dev/null ;;
    util-linux) have taskset ;;
    xz-utils) have xz ;;
    *) have "$1" ;;
  esac
}

missing_packages() { # missing_packages PACKAGE... -> the absent ones, on one line
  local package missing=()
  for package in "$@"; do
    package_present "$package" || missing+=("$package")
  done
  printf '%s' "${missing[*]-}"
}

# Quiet unless it fails.
as_root() {
  local log status=0 elevate=()
  if [[ $(id -u) != 0 ]]; then
    elevate=(sudo)
    [[ -t 0 ]] || elevate+=(-n)
  fi
  log=$(mktemp)
  "${elevate[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1 || status=$?
  [[ $status == 0 ]] || cat "$log" >&2
  rm -f "$log"
  return $status
}

can_install() { have apt-get && { [[ $(id -u) == 0 ]] || have sudo; }; }

install_packages() {
  as_root apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# `sanitizers` is no package name: which one it is follows from the clang that is there.
real_package() {
  local major
  [[ $1 == sanitizers ]] || { printf '%s' "$1"; return; }
  if ! have clang; then
    printf 'libclang-rt-dev'
    return
  fi
  major=$(clang_major)
  if ! have apt-cache || apt-cache show "libclang-rt-$major-dev" >/dev/null 2>&1; then
    printf 'libclang-rt-%s-dev' "$major"
  else
    printf 'libclang-common-%s-dev' "$major"
  fi
}

# require PACKAGE...: installs what is missing, or says exactly what to install and ends.
require() {
  local missing package names=() with_sanitizers=false
  missing=$(missing_packages "$@")
  [[ -n $missing ]] || return 0
  if can_install; then
    printf 'installing %s\n' "$missing" >&2
    as_root apt-get update -q || printf 'apt-get update failed; trying with the lists as they are\n' >&2
    for package in $missing; do
      # After clang, which decides its name.
      if [[ $package == sanitizers ]]; then with_sanitizers=true; else names+=("$package"); fi
    done
    [[ ${#names[@]} == 0 ]] || install_packages "${names[@]}" || true
    ! $with_sanitizers || package_present sanitizers || install_packages "$(real_package sanitizers)" || true
    hash -r
    missing=$(missing_packages "$@")
    [[ -n $missing ]] || return 0
  fi
  names=()
  for package in $missing; do names+=("$(real_package "$package")"); done
  printf '%s: please install these packages (Debian 12 names), then run it again: %s\n' \
    "${0##*/}" "${names[*]}" >&2
  [[ " $missing " != *" meson "* ]] || printf 'meson 1.0.1 or later is needed\n' >&2
  exit 1
}

quietly() { # quietly COMMAND...: its output only if it fails
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || status=$?
  [[ $status == 0 ]] || cat "$log" >&2
  rm -f "$log"
  return $status
}

source "$project_root/tools/lib/mbedtls.sh"

# configure NAME OPTION...: makes build/NAME; starts it afresh when it belongs to another checkout,
# other options or another tool chain.
configure() {
  local name=$1 folder=$project_root/build/$1 stamp
  shift
  [[ " $*" == *' -Dtls='* ]] || provide_mbedtls
  stamp="$project_root|meson $(meson --version)|${CXX:-c++} $("${CXX:-c++}" -dumpfullversion -dumpversion)|$*"
  # Meson keeps what an option was when the folder was made, even if it was only the default.
  stamp+="|$(cksum <"$project_root/meson_options.txt")"
  if [[ ! -f $folder/build.ninja || $(cat "$folder/.configured" 2>/dev/null) != "$stamp" ]]; then
    rm -rf "$folder"
    meson setup "$folder" "$project_root" "$@" || return
    printf '%s' "$stamp" >"$folder/.configured"
  fi
}

compile() { # compile NAME OPTION...: configure, then build
  configure "$@" && ninja -C "$project_root/build/$1"
}

# release_build [TARGET...]: in build/release, the library and the command as users have them, or
# what is named. Tests are in it where what they need is installed; building them is `all`.
release_build() {
  local tests=false
  ! package_present libcmocka-dev || tests=true
  [[ $# != 0 ]] || set -- src/cli/socketpoll src/libsocketpoll.a
  CC=gcc CXX=g++ configure release "-Dtests=$tests" "-Dexamples=$tests" &&
    ninja -C "$project_root/build/release" "$@"
}
