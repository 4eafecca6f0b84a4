// extern "C" functions of SocketError.h and SocketVersion.h.
#include "SocketError.h"
#include "SocketVersion.h"

#include "base/error.hpp"

using namespace socketpoll;

int Socket_last_error(void) { return last_error_code(); }
const char *Socket_last_error_message(void) { return last_error_message(); }
const char *Socket_error_name(int code) { return error_name(code); }
const char *Socket_error_text(int code) { return error_text(code); }
const char *Socket_version(void) { return SOCKETPOLL_VERSION_TEXT; }
const char *Socket_features(void) { return SOCKETPOLL_FEATURES_TEXT; }
