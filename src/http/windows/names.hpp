// HTTP floor. Which names Windows takes for something else than a file in the folder where they are
// looked up. Pure, and compiled everywhere, so that it is tested everywhere.
#pragma once

#include <string_view>

namespace socketpoll::http {

// One segment of a path, in UTF-8. False for devices ("CON", "nul.txt", "COM1"), streams ("a:b"),
// drives ("C:"), wildcards, backslashes, control characters, and names whose last dots or blanks
// Windows would take off.
bool names_a_file(std::string_view segment) noexcept;

} // namespace socketpoll::http
