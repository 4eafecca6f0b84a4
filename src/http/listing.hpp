// HTTP floor: the page that lists a folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace socketpoll::http {

struct ListingEntry {
  std::string name; // any bytes but '/' and NUL
  bool is_directory;
  uint64_t size; // of a file
  int64_t mtime; // seconds since 1970
};

// The page for `path`, the folder's decoded path below the root that is served, without slashes at
// its ends ("" for the root). Every link is relative, so the page must be served from an address
// that ends in a slash; it then works under any prefix. The page needs no script and nothing from
// elsewhere: it may be sent with kListingPolicy. Throws std::bad_alloc.
std::string listing_page(std::string_view path, std::vector<ListingEntry> entries);

// For Content-Security-Policy.
inline constexpr std::string_view kListingPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

} // namespace socketpoll::http
