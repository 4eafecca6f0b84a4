# Sourced by tools/test, after checks.sh: the bindings, over the release library.

step_generated() {
  tools/generate --check
  tools/abi-report
  (cd tools/lib && python3 -B -m unittest test_abi_report)
}

step_python() {
  release_build
  (cd bindings/python &&
    SOCKETPOLL_LIBRARY_DIR=$project_root/build/release/src python3 -B -m unittest test_socketpoll)
}
