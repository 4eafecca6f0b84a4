#include "http/windows/names.hpp"

#include "http/ascii.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

// "Naming Files, Paths, and Namespaces"; those of the console have worked since Windows NT.
constexpr std::string_view kDevices[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"};
constexpr std::string_view kNumbered[] = {"COM", "LPT"};
// Superscripts one, two and three of Latin-1 count as digits there.
constexpr std::string_view kSuperscripts[] = {"\xc2\xb9", "\xc2\xb2", "\xc2\xb3"};

bool is_device(std::string_view name) noexcept {
  name = name.substr(0, name.find_first_of(".:"));
  while (name.ends_with(' ')) name.remove_suffix(1);
  for (const std::string_view device : kDevices)
    if (equals_ignoring_case(name, device)) return true;
  for (const std::string_view device : kNumbered) {
    if (name.size() <= device.size() || !equals_ignoring_case(name.substr(0, 3), device)) continue;
    const std::string_view number = name.substr(3);
    if (number.size() == 1 && number[0] >= '0' && number[0] <= '9') return true;
    if (std::find(std::begin(kSuperscripts), std::end(kSuperscripts), number) !=
        std::end(kSuperscripts))
      return true;
  }
  return false;
}

} // namespace

bool names_a_file(std::string_view segment) noexcept {
  constexpr std::string_view kForbidden = "<>:\"|?*\\/";
  for (const char c : segment)
    if (static_cast<unsigned char>(c) < ' ' || kForbidden.find(c) != kForbidden.npos) return false;
  if (segment.empty() || segment.ends_with('.') || segment.ends_with(' ')) return false;
  return !is_device(segment);
}

} // namespace socketpoll::http
