# Sourced by the scripts of tools/: Wine as they all run it, in a folder of its own below build/,
# without a display, a menu or a question. It needs nothing but bash, for each run of a program
# comes through here.

wine_prefix=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/wine

# Debian puts neither of the two on PATH.
wine_tool() { # wine_tool NAME -> the first of that name, or of NAME64
  local folder name
  for name in "${1}64" "$1"; do
    for folder in /usr/lib/wine /usr/lib/*/wine; do
      if [[ -x $folder/$name ]]; then
        printf '%s' "$folder/$name"
        return
      fi
    done
    command -v "$name" && return
  done
  return 1
}

wine_environment() {
  unset DISPLAY WAYLAND_DISPLAY MALLOC_PERTURB_
  export WINEPREFIX=$wine_prefix WINEDEBUG=${WINEDEBUG--all} WINEARCH=win64 HOME=$wine_prefix
  export WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
}

# The first start, which takes seconds, and a server that stays between the programs of a suite.
wine_begin() {
  (
    mkdir -p "$wine_prefix"
    wine_environment
    # What an interrupted run has left behind would keep a new one from starting.
    "$(wine_tool wineserver)" -k && "$(wine_tool wineserver)" -w || true
    "$(wine_tool wineserver)" -p
    "$(wine_tool wine)" wineboot --init
  )
}

wine_end() {
  (
    wine_environment
    "$(wine_tool wineserver)" -k || true
    "$(wine_tool wineserver)" -w
  )
}
