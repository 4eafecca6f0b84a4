// Net floor, TLS. Where this system keeps the authorities that it trusts.
#pragma once

#include <string>
#include <vector>

namespace socketpoll::tls {

// PEM or DER, any number of certificates each; empty where there is no such place. Throws
// std::bad_alloc.
std::vector<std::string> read_system_store();

// What stands between the folders of SSL_CERT_DIR.
extern const char between_folders;

} // namespace socketpoll::tls
