// Net floor, TLS. The authorities that this system trusts: one bundle, or a folder of certificates.
#pragma once

#include "base/result.hpp"

#include <string>
#include <vector>

namespace socketpoll::tls {

// Read once in a process, PEM or DER. SSL_CERT_FILE and SSL_CERT_DIR in the environment take their
// place, as with OpenSSL. Empty where the system has none. Throws std::bad_alloc.
const std::vector<std::string> &system_authorities();

// The certificates in the files of a folder, as they stand in them; each once, however many names
// it has. Other files are passed over. SOCKET_ENOENT, SOCKET_EACCES..., SOCKET_ECREDENTIAL where
// there is none, explained. Throws std::bad_alloc.
Result<std::vector<std::string>> read_authorities_folder(const char *path);

// A whole file of at most 16 MiB. The failures of open(2), SOCKET_EMSGSIZE. Throws std::bad_alloc.
Result<std::string> read_whole_file(const char *path);

} // namespace socketpoll::tls
