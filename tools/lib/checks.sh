# Sourced by tools/test: its steps. Each runs in a subshell with errexit, from the project's folder,
# its output going to a log. A suite writes its counts to the file it is given; any other step is
# one check, which its exit status decides.

# suite COUNTS NAME MESON_TEST_ARGUMENT...: runs the tests of build/NAME, having built what they need.
suite() {
  local counts=$1 name=$2 status=0
  shift 2
  rm -f "build/$name"/meson-logs/testlog*
  meson test -C "build/$name" --print-errorlogs "$@" || status=$?
  tools/lib/count_tests.py "build/$name/meson-logs/testlog.json" >"$counts"
  tools/lib/count_tests.py --failed "build/$name/meson-logs/testlog.json" >"${counts%.counts}.failed"
  return $status
}

# counted COUNTS COMMAND...: one whose last line is "N passed, N failed, N skipped".
counted() {
  local counts=$1 output=${1%.counts}.output status=0
  shift
  "$@" 2>&1 | tee "$output" || status=$?
  tail -n 1 "$output" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' >"$counts"
  [[ -s $counts ]] || echo '0 1 0' >"$counts"
  return "$status"
}

# The core in a few large pieces, most of whose compilation is then its own and not the standard
# library's. The release build does without: that each file includes what it needs shows there.
pieces=(-Dunity=on -Dunity_size=30)

step_gcc() {
  release_build all
  suite "$1" release
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

step_asan() {
  export CC=clang CXX=clang++
  compile asan --buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined \
    -Db_lundef=false -Dkqueue=emulated "${pieces[@]}"
  suite "$1" asan --timeout-multiplier 4
  tools/lib/compare_tests.py 'over kqueue' kqueue build/asan/meson-logs/testlog.json{,}
}

step_tsan() {
  export CC=clang CXX=clang++
  # Not everything is built: that would take longer than the tests do.
  configure tsan --buildtype=debug -Doptimization=1 -Db_sanitize=thread -Db_lundef=false \
    -Dexamples=false -Dkqueue=emulated "${pieces[@]}"
  suite "$1" tsan --timeout-multiplier 6 --suite threads
}

openssl_build() { # openssl_build TARGET...: in build/openssl, the library with the other engine of TLS
  CC=clang CXX=clang++ configure openssl --buildtype=debug -Doptimization=1 \
    -Db_sanitize=address,undefined -Db_lundef=false -Dexamples=false -Dtls=openssl "${pieces[@]}"
  ninja -C build/openssl "$@"
}

# By the same tests.
step_openssl() {
  local test targets=(src/cli/socketpoll test/test_bad_handles)
  for test in test/net/test_tls*; do
    test=${test##*/}
    targets+=("test/${test%.*}")
  done
  targets+=(test/test_tls_http)
  openssl_build "${targets[@]}"
  suite "$1" openssl --no-rebuild --timeout-multiplier 4 --suite tls
}

public_headers() { (cd include/socketpoll && ls ./*.h ./*.h.in) | sed 's|^\./||; s|\.in$||' | sort; }

step_headers() {
  release_build
  local header spelling compiler language program=build/log/header
  for header in $(public_headers); do
    for spelling in "$header" "socketpoll/$header"; do
      # Twice in a row proves the guard; alone proves that it includes what it needs.
      printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' \
        "$spelling" "$spelling" >"$program.c"
      cp "$program.c" "$program.cpp"
      for compiler in gcc clang; do
        for language in c:c11 cpp:c++17; do
          "$compiler" "-std=${language#*:}" -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -Iinclude -Iinclude/socketpoll -Ibuild/release/include \
            -Ibuild/release/include/socketpoll "$program.${language%%:*}"
        done
      done
    done
    printf '%s: clean\n' "$header"
  done
}

step_symbols() {
  release_build
  local library=build/release/src/libsocketpoll.so
  # Only what the headers declare leaves the library ...
  nm -D --defined-only "$library" | awk '{print $3}' | sed 's/@.*//' | LC_ALL=C sort \
    >build/log/exported
  diff -u src/socketpoll.symbols build/log/exported
  # ... and whatever it bundles, it needs nothing but libc and the C++ run-time.
  readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >build/log/needed
  cat build/log/needed
  if grep -vE '^(libc|libm|libstdc\+\+|libgcc_s|ld-linux[-a-z0-9_]*)\.so' build/log/needed; then
    return 1
  fi
  grep -q '^libc\.so' build/log/needed
}

# A program that includes every header and links every function.
write_consumer() { # write_consumer PREFIX: '' or 'socketpoll/'
  public_headers | sed "s|.*|#include <$1&>|"
  printf '#include <stdio.h>\nstatic void (*const all[])(void) = {\n'
  sed 's|.*|  (void (*)(void))&,|' src/socketpoll.symbols
  cat <<'END'
};
int main (void) {
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
    if (!all[i]) return 1;
  printf ("%s\n", Socket_version ());
  return Socket_version ()[0] ? 0 : 1;
}
END
}

# As packages are made: into a folder that stands for the root of another system.
step_install() {
  local prefix spelling
  release_build
  outside=$(mktemp -d) # not local: the trap needs it
  trap 'rm -rf "$outside"' EXIT
  export DESTDIR=$outside/root PKG_CONFIG_SYSROOT_DIR=$outside/root
  prefix=$DESTDIR$(meson introspect --buildoptions build/release |
    python3 -c 'import json, sys; print(*(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
  meson install -C build/release --no-rebuild
  (cd "$prefix" && find . -type f -o -type l | sort)
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name socketpoll.pc)")
  export PKG_CONFIG_PATH
  for spelling in '' socketpoll/; do
    write_consumer "$spelling" >"$outside/prog.c"
    (
      cd "$outside"
      # shellcheck disable=SC2046
      cc -Wall -Wextra -Werror prog.c $(pkg-config --cflags --libs socketpoll) -o shared
      LD_LIBRARY_PATH=${PKG_CONFIG_PATH%/pkgconfig} ./shared
      cc -static prog.c $(pkg-config --static --cflags --libs socketpoll) -o static
      env -i ./static
    )
  done
  [[ -s $prefix/share/man/man1/socketpoll.1 ]]
  ninja -C build/release uninstall
  if [[ -e $prefix ]]; then
    printf 'left behind:\n'
    find "$prefix"
    return 1
  fi
}

# As its user meets it: a folder served, a file fetched, an address in use, a signal.
step_serve() {
  local line url status=0 command=build/release/src/cli/socketpoll
  release_build
  served=$(mktemp -d) # not local: the trap needs it
  head -c 100000 /dev/urandom >"$served/file name.bin"
  coproc server { exec tools/serve "$served" --port 0; }
  server_pid=$server_PID
  trap 'kill -9 "$server_pid" 2>/dev/null || true; rm -rf "$served"' EXIT
  read -r -t 60 line <&"${server[0]}"
  printf '%s\n' "$line"
  url=$(grep -o 'http://[0-9.:]*' <<<"$line")
  curl -sSf --max-time 10 "$url/file%20name.bin" | cmp - "$served/file name.bin"
  curl -sSf --max-time 10 "$url/" | grep -q 'file'
  [[ $(curl -sS --max-time 10 -o /dev/null -w '%{http_code}' "$url/absent") == 404 ]]
  "$command" serve "$served" --port "${url##*:}" >build/log/in-use 2>&1 || status=$?
  cat build/log/in-use
  [[ $status == 1 ]]
  grep -q SOCKET_EADDRINUSE build/log/in-use
  kill -TERM "$server_pid"
  timeout 30 tail -s 0.1 --pid="$server_pid" -f /dev/null # it must not wait for ever
  status=0
  wait "$server_pid" || status=$?
  printf 'after SIGTERM: exit status %d\n' "$status"
  [[ $status == 0 ]]
  "$command" --version
  "$command" info
  # Every option of the manual page is in the help as well.
  "$command" --help >build/log/help
  for line in $(sed -n 's/^\.It Fl -\([a-z-]*\).*/\1/p' docs/socketpoll.1); do
    grep -q -e "--$line" build/log/help || { printf 'not in --help: --%s\n' "$line"; return 1; }
  done
}

step_house() { tools/check-house; }

# Without anything that can be left out; of the tests those that tell what is missing then, and that
# the rest works without it.
step_minimal() {
  local tests=(without_tls net_parts stream)
  export CC=gcc CXX=g++
  configure minimal --buildtype=plain -Dhttp=false -Dtls=none -Dexamples=false "${pieces[@]}"
  ninja -C build/minimal src/libsocketpoll.a "${tests[@]/#/test/test_}"
  if nm -D --defined-only build/minimal/src/libsocketpoll.so | grep SocketHTTP; then return 1; fi
  suite "$1" minimal --no-rebuild without_tls net_parts stream-{epoll,poll}
}

# Compiled and linked; what has no macOS around it cannot be run. The first time
# zig compiles its C++ library as well, which takes some minutes.
build_for_macos() { # build_for_macos PROCESSOR
  local library
  source tools/lib/zig.sh
  fetch_zig
  zig_cross "$1"
  compile "macos-$1" --cross-file "build/zig/$1-macos.ini" --buildtype=plain -Dtests=false \
    "${pieces[@]}"
  library=build/macos-$1/src/libsocketpoll.0.dylib
  tr '\0' '\n' <"$library" | LC_ALL=C grep -axE '_Socket[A-Za-z_0-9]*' | sed 's/^_//' |
    LC_ALL=C sort -u | LC_ALL=C comm -13 - src/socketpoll.symbols >build/log/absent
  cat build/log/absent
  [[ ! -s build/log/absent ]]
}

step_macos() {
  build_for_macos aarch64
  build_for_macos x86_64
}

step_bench() {
  release_build
  bench/build
}

step_man() { mandoc -T lint -W warning docs/*.1; }

step_readme() {
  release_build
  tools/lib/check_documents.py
}
