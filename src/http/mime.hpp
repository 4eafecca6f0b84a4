// HTTP floor: the media type of a file, by its name's extension.
#pragma once

#include <string_view>

namespace socketpoll::http {

// For the Content-Type of the file `name`, which may have folders before it: text types say
// charset=utf-8; "application/octet-stream" for an extension that is not known, or none.
std::string_view mime_type(std::string_view name) noexcept;

} // namespace socketpoll::http
