# Sourced by tools/test, after checks.sh: step wine, which is the library for Windows, from the cross
# compiler to a server inside Wine.

step_wine() {
  local status=0
  build_mingw_cmocka
  configure_mingw mingw --buildtype=plain -Doptimization=1 -Dexamples=false "${pieces[@]}"
  ninja -C build/mingw
  check_dll
  trap wine_end EXIT
  wine_begin
  suite "$1" mingw --timeout-multiplier 4 --num-processes 4 || status=$?
  tools/lib/compare_tests.py 'under Wine' iocp build/mingw/meson-logs/testlog.json \
    build/release/meson-logs/testlog.json || status=$?
  serve_inside_wine
  return $status
}

# Only what the headers declare leaves the library, by way of an import library as well, and it needs
# nothing that Windows does not bring.
check_dll() {
  local library=build/mingw/src/libsocketpoll-0.dll objdump=x86_64-w64-mingw32-objdump
  $objdump -p "$library" >build/log/dll
  sed -n '/^\[Ordinal\/Name Pointer\] Table/,/^$/s/^[[:space:]]*\[ *[0-9]*\].* \([^ ]*\)$/\1/p' \
    build/log/dll | LC_ALL=C sort >build/log/dll-exported
  diff -u src/socketpoll.symbols build/log/dll-exported
  x86_64-w64-mingw32-nm build/mingw/src/libsocketpoll.dll.a |
    sed -n 's/^[0-9a-f]* T //p' | LC_ALL=C sort | diff -u src/socketpoll.symbols -
  sed -n 's/^[[:space:]]*DLL Name: //p' build/log/dll | tee build/log/dll-needed
  if grep -viE '^(kernel32|ws2_32|mswsock|iphlpapi|ntdll|advapi32|bcrypt|crypt32|shell32|msvcrt|api-ms-.*)\.dll$' \
    build/log/dll-needed; then return 1; fi
  grep -qi '^kernel32\.dll$' build/log/dll-needed
}

# A folder of this system, served by socketpoll.exe, fetched from outside.
serve_inside_wine() {
  local line url code status=0 target
  served=$(mktemp -d) # not local: the trap needs it
  trap 'wine_end; rm -rf "$served"' EXIT
  head -c 3000000 /dev/urandom >"$served/file name.bin"
  coproc windows_server {
    PATH=$project_root/build/mingw/src:$PATH exec tools/lib/run-wine \
      build/mingw/test/support/windows/console.exe build/mingw/src/cli/socketpoll.exe \
      serve "$served" --port 0
  }
  server_pid=$windows_server_PID
  read -r -t 60 line <&"${windows_server[0]}"
  printf '%s\n' "$line"
  url=$(grep -o 'http://[0-9.:]*' <<<"$line")
  curl -sSf --max-time 20 "$url/file%20name.bin" | cmp - "$served/file name.bin"
  curl -sSf --max-time 20 "$url/" | grep -q 'file'
  curl -sSf --max-time 20 -r 1000000-1999999 "$url/file%20name.bin" |
    cmp - <(tail -c +1000001 "$served/file name.bin" | head -c 1000000)
  for target in CON nul.txt COM1 'file%20name.bin::$DATA' 'file%20name.bin.' C:/windows/win.ini \
    '..%5C..%5Cetc%5Cpasswd' absent; do
    code=$(curl -sS --max-time 20 --path-as-is -o /dev/null -w '%{http_code}' "$url/$target")
    printf '%s: %s\n' "$target" "$code"
    [[ $code == 404 || $code == 400 ]]
  done
  printf 'c\n' >&"${windows_server[1]}"
  timeout 60 tail -s 0.1 --pid="$server_pid" -f /dev/null # it must not wait for ever
  wait "$server_pid" || status=$?
  printf 'after Ctrl-C: exit status %d\n' "$status"
  [[ $status == 0 ]]
}
