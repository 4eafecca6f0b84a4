# Sourced by setup.sh: mbedTLS's source where meson looks for it (subprojects/mbedtls.wrap). Debian 12
# and Ubuntu 24.04 have only older ones, so it comes from a later suite of the machine's own mirror;
# where there is none, meson fetches the release from upstream, as the wrap says.
source "$project_root/tools/lib/debian_source.sh"

mbedtls_wrap() { sed -n "s/^$1 = //p" "$project_root/subprojects/mbedtls.wrap"; }

later_suite() {
  case $(. /etc/os-release 2>/dev/null && printf '%s' "${ID-}") in
    ubuntu) printf resolute ;;
    *) printf trixie ;;
  esac
}

lay_over() { # lay_over FROM TO: each file of a folder that differs
  local file
  for file in "$1"/*; do
    cmp -s "$file" "$2/${file##*/}" || cp "$file" "$2/"
  done
}

# A later 3.6.x than the wrap's, which a suite moves to with its point releases, is unpacked in its
# place: apt has checked where it comes from, and the build checks that the patch still fits.
provide_mbedtls() {
  local folder cache scratch tarball
  folder=$project_root/subprojects/$(mbedtls_wrap directory)
  cache=$project_root/subprojects/packagecache
  if [[ ! -d $folder && ! -f $cache/$(mbedtls_wrap source_filename) ]] && have apt-get; then
    scratch=$(mktemp -d)
    if tarball=$(debian_tarball mbedtls "$scratch" "$(later_suite)" 2>"$scratch/said"); then
      if printf '%s  %s\n' "$(mbedtls_wrap source_hash)" "$tarball" | sha256sum --check --status; then
        mkdir -p "$cache"
        cp "$tarball" "$cache/$(mbedtls_wrap source_filename)"
      else
        printf 'mbedTLS: %s in place of %s\n' "${tarball##*/}" "$(mbedtls_wrap source_filename)" >&2
        mkdir -p "$folder"
        tar -xf "$tarball" -C "$folder" --strip-components=1
      fi
    else
      printf 'mbedTLS: not to be had from the mirror; meson asks upstream\n' >&2
    fi
    rm -rf "$scratch"
  fi
  # Meson lays them over the source only when it unpacks it. One that has changed is new to its build,
  # and the others are not.
  [[ ! -d $folder ]] || lay_over "$project_root/subprojects/packagefiles/mbedtls" "$folder"
}
