# Sourced by the scripts of tools/: how they come by the source of a package that no suite carries
# ready-made for what is built here. It asks whatever mirror the machine's own apt asks, with lists
# and options of its own: the user's apt stays as it is, and no rights are needed.

# As deb-src what the machine's apt has as deb, or the same mirrors' SUITE, in files of our own below
# FOLDER.
write_source_lists() { # write_source_lists FOLDER [SUITE]
  local list etc=/etc/apt parts=$1/parts suite=${2-}
  mkdir -p "$parts"
  for list in "$etc/sources.list" "$etc"/sources.list.d/*.list; do
    [[ -f $list ]] || continue
    sed -nE 's/^[[:space:]]*deb[[:space:]]+/deb-src /p' "$list" |
      sed -E "${suite:+s/([a-z]+:[^ ]+ +)[^ ]+/\\1$suite/}" >"$parts/$(basename "$list")"
  done
  for list in "$etc"/sources.list.d/*.sources; do
    [[ -f $list ]] || continue
    sed -E "s/^Types:.*/Types: deb-src/I; ${suite:+s/^Suites:.*/Suites: $suite/I}" "$list" \
      >"$parts/$(basename "$list")"
  done
}

private_apt() { # private_apt FOLDER ARGUMENT...
  local folder=$1
  shift
  apt-get -q -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$folder/parts" \
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache" \
    -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none "$@"
}

# debian_tarball PACKAGE SCRATCH [SUITE] -> the upstream part of PACKAGE's source, a file below SCRATCH.
debian_tarball() {
  local package=$1 scratch=$2 status=0 tarball
  have apt-get || die "the source of $package comes by way of apt-get, which is not here"
  mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/got"
  write_source_lists "$scratch" "${3-}"
  # A third party's archive without sources, or without this suite, spoils only itself.
  private_apt "$scratch" update >"$scratch/log" 2>&1 || true
  (cd "$scratch/got" && private_apt "$scratch" source --download-only --tar-only "$package") \
    >>"$scratch/log" 2>&1 || status=$?
  tarball=$(find "$scratch/got" -name "*.orig.tar.*" ! -name '*.asc' | head -n 1)
  if [[ $status != 0 || -z $tarball ]]; then
    cat "$scratch/log" >&2
    return 1
  fi
  printf '%s' "$tarball"
}

# debian_source PACKAGE FOLDER: unpacks the upstream part of PACKAGE's source as FOLDER.
debian_source() {
  local package=$1 folder=$2 scratch status=0 tarball
  scratch=$(mktemp -d)
  if ! tarball=$(debian_tarball "$package" "$scratch"); then
    rm -rf "$scratch"
    die "apt-get source $package failed"
  fi
  rm -rf "$folder"
  mkdir -p "$folder"
  tar -xf "$tarball" -C "$folder" --strip-components=1 || status=$?
  rm -rf "$scratch"
  return $status
}
