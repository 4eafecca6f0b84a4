// HTTP floor: the table of media types, in the order of the extensions.
#include "http/mime.hpp"

#include "http/ascii.hpp"

#include <algorithm>
#include <iterator>

namespace socketpoll::http {
namespace {

struct MimeEntry {
  std::string_view extension;
  std::string_view type;
};

#define UTF8(type) type "; charset=utf-8"
constexpr MimeEntry kTypes[] = {
    {"7z", "application/x-7z-compressed"},
    {"aac", "audio/aac"},
    {"apng", "image/apng"},
    {"asc", UTF8("text/plain")},
    {"atom", "application/atom+xml"},
    {"avif", "image/avif"},
    {"bin", "application/octet-stream"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"c", UTF8("text/plain")},
    {"cc", UTF8("text/plain")},
    {"conf", UTF8("text/plain")},
    {"cpp", UTF8("text/plain")},
    {"css", UTF8("text/css")},
    {"csv", UTF8("text/csv")},
    {"deb", "application/vnd.debian.binary-package"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"eot", "application/vnd.ms-fontobject"},
    {"epub", "application/epub+zip"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"h", UTF8("text/plain")},
    {"hpp", UTF8("text/plain")},
    {"htm", UTF8("text/html")},
    {"html", UTF8("text/html")},
    {"ico", "image/vnd.microsoft.icon"},
    {"ics", UTF8("text/calendar")},
    {"ini", UTF8("text/plain")},
    {"jar", "application/java-archive"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", UTF8("text/javascript")},
    {"json", "application/json"},
    {"jsonld", "application/ld+json"},
    {"jxl", "image/jxl"},
    {"lisp", UTF8("text/plain")},
    {"log", UTF8("text/plain")},
    {"m4a", "audio/mp4"},
    {"m4v", "video/mp4"},
    {"map", "application/json"},
    {"md", UTF8("text/markdown")},
    {"mid", "audio/midi"},
    {"mjs", UTF8("text/javascript")},
    {"mkv", "video/matroska"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"mpeg", "video/mpeg"},
    {"nim", UTF8("text/plain")},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"oga", "audio/ogg"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"opus", "audio/ogg"},
    {"otf", "font/otf"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"py", UTF8("text/plain")},
    {"rar", "application/vnd.rar"},
    {"rss", "application/rss+xml"},
    {"rtf", "application/rtf"},
    {"sh", UTF8("text/plain")},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"toml", "application/toml"},
    {"ts", "video/mp2t"},
    {"tsv", UTF8("text/tab-separated-values")},
    {"ttf", "font/ttf"},
    {"txt", UTF8("text/plain")},
    {"vtt", UTF8("text/vtt")},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"weba", "audio/webm"},
    {"webm", "video/webm"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xhtml", "application/xhtml+xml"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};
#undef UTF8

constexpr bool extension_precedes(const MimeEntry &a, const MimeEntry &b) {
  return a.extension < b.extension;
}
static_assert(std::is_sorted(std::begin(kTypes), std::end(kTypes), extension_precedes));

constexpr size_t kMaxExtension = 11;
static_assert(std::all_of(std::begin(kTypes), std::end(kTypes), [](const MimeEntry &entry) {
  return entry.extension.size() <= kMaxExtension;
}));

} // namespace

std::string_view mime_type(std::string_view name) noexcept {
  constexpr std::string_view kUnknown = "application/octet-stream";
  name = name.substr(name.rfind('/') + 1); // npos + 1 is 0
  const size_t dot = name.rfind('.');
  // A leading dot hides a file; it does not type it.
  if (dot == std::string_view::npos || dot == 0 || name.size() - dot - 1 > kMaxExtension)
    return kUnknown;
  char lower[kMaxExtension];
  const std::string_view extension = name.substr(dot + 1);
  std::transform(extension.begin(), extension.end(), lower, to_lower);
  const MimeEntry wanted{{lower, extension.size()}, {}};
  const auto found =
      std::lower_bound(std::begin(kTypes), std::end(kTypes), wanted, extension_precedes);
  return found != std::end(kTypes) && found->extension == wanted.extension ? found->type : kUnknown;
}

} // namespace socketpoll::http
