# Sourced by tools/test, after checks.sh: the bindings, over the release library.

binding_packages() { # binding_packages STEP... -> what they need beside the library
  local step
  for step in "$@"; do
    case $step in
      lisp) printf 'sbcl ' ;;
      nim) printf 'nim ' ;;
    esac
  done
}

# And the scripts that keep watch over what others make: the published interface, the bundled source.
step_generated() {
  tools/generate --check
  tools/abi-report
  provide_mbedtls
  meson subprojects download mbedtls
  (cd tools/lib && python3 -B -m unittest test_abi_report test_mbedtls)
}

step_python() {
  release_build
  (cd bindings/python &&
    SOCKETPOLL_LIBRARY_DIR=$project_root/build/release/src python3 -B -m unittest test_socketpoll)
}

binding() { # binding COUNTS LANGUAGE: its own runner
  release_build
  SOCKETPOLL_LIBRARY_DIR=$project_root/build/release/src counted "$1" "bindings/$2/run-tests"
}

step_lisp() { binding "$1" lisp; }
step_nim() { binding "$1" nim; }
