# Sourced by tools/test, after checks.sh: TLS beside other people's software, over both engines. Each
# step needs the command and tls_peer of the release build and of build/openssl.

peer_packages() { # peer_packages STEP... -> what they need beside the library
  local step
  for step in "$@"; do
    case $step in
      peers) printf 'openssl gnutls-bin ' ;;
      testssl) printf 'testssl.sh ' ;;
      browser) printf 'chromium libnss3-tools ' ;;
    esac
  done
}

# beside COUNTS TEST...: modules of test/peers.
beside() {
  local counts=$1
  shift
  release_build src/cli/socketpoll test/tls_peer
  openssl_build src/cli/socketpoll test/tls_peer
  counted "$counts" python3 -B test/peers/run.py build/release build/openssl "$@"
}

step_peers() { beside "$1" test_tls_peers test_tls_refusals test_curl; }
step_testssl() { beside "$1" test_testssl; }
step_browser() { beside "$1" test_browser; }
