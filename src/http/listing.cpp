// HTTP floor: the folder page's markup. Names come from the file system, that is from anyone:
// each goes through html_escape or percent_encode.
#include "http/listing.hpp"

#include "http/ascii.hpp"
#include "http/http_date.hpp"
#include "http/percent.hpp"

#include <algorithm>

namespace socketpoll::http {
namespace {

constexpr std::string_view kStart = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>)";

constexpr std::string_view kStyle = R"(</title>
<style>
:root{--ink:#1d2330;--soft:#667085;--line:#e6e8ee;--page:#f7f8fa;--card:#fff;--hover:#f2f6ff;
--link:#1a5fd0;--folder:#d99a1c}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ee;--soft:#97a0b3;--line:#2b3140;
--page:#12151c;--card:#1a1e28;--hover:#222938;--link:#84b2ff;--folder:#e6b34d}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem}
h1{margin:0 0 1.25rem;font-size:1.35rem;font-weight:600;overflow-wrap:anywhere}
h1 i{margin:0 .4em;color:var(--soft);font-style:normal;font-weight:400}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;overflow:hidden}
table{width:100%;border-collapse:collapse}
th{padding:.65rem 1rem;text-align:left;font-weight:600;color:var(--soft)}
td{padding:.5rem 1rem;border-top:1px solid var(--line)}
tbody tr:hover{background:var(--hover)}
td:first-child{width:100%;overflow-wrap:anywhere}
td:first-child a{display:flex;align-items:center;gap:.7rem}
svg{flex:none;width:1.15rem;height:1.15rem;color:var(--soft)}
.d svg{color:var(--folder)}
.d a{font-weight:550}
th+th,td+td{text-align:right;white-space:nowrap;color:var(--soft);
font-variant-numeric:tabular-nums}
th,td+td{font-size:.875rem}
svg[hidden]{display:none}
.empty{margin:0;padding:3rem 1rem;text-align:center;color:var(--soft)}
footer{margin-top:.9rem;font-size:.85rem;color:var(--soft)}
@media(max-width:36rem){main{padding:1.25rem .75rem}th:last-child,td:last-child{display:none}
th,td{padding:.7rem .85rem}}
</style>
</head>
<body>
<svg hidden><symbol id="d" viewBox="0 0 20 20"><path fill="currentColor" d="M2 5.5A1.5 1.5 0 0 1 )"
                                    R"(3.5 4h4l2 2h7A1.5 1.5 0 0 1 18 7.5v7a1.5 1.5 0 0 1-1.5 )"
                                    R"(1.5h-13A1.5 1.5 0 0 1 2 14.5z"/></symbol>
<symbol id="f" viewBox="0 0 20 20"><path fill="none" stroke="currentColor" stroke-width="1.5" )"
                                    R"(stroke-linejoin="round" d="M5 2.75h6.5l3.75 )"
                                    R"(3.75v10.75H5zM11.25 3v3.75H15"/></symbol></svg>
<main>
<h1>)";

constexpr std::string_view kTable = R"(<div class="card"><table>
<thead><tr><th scope="col">Name</th><th scope="col">Size</th>)"
                                    R"(<th scope="col">Modified (UTC)</th></tr></thead>
<tbody>
)";

void append_crumbs(std::string &page, std::string_view path) {
  const size_t depth =
      path.empty() ? 0 : 1 + static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
  const auto link = [&](size_t steps_up, std::string_view label) {
    if (steps_up == 0) {
      page += "<span aria-current=\"page\">";
      html_escape(page, label);
      page += "</span>";
      return;
    }
    page += "<a href=\"";
    for (size_t i = 0; i < steps_up; i++) page += "../";
    page += "\">";
    html_escape(page, label);
    page += "</a>";
  };
  link(depth, "Home");
  for (size_t steps_up = depth; steps_up-- > 0;) {
    const size_t slash = path.find('/');
    page += "<i>/</i>";
    link(steps_up, path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
}

// "812 B", "1.4 KB": powers of 1024, one decimal below ten.
void append_size(std::string &page, uint64_t size) {
  constexpr std::string_view kUnits[] = {" B", " KB", " MB", " GB", " TB", " PB", " EB"};
  size_t unit = 0;
  uint64_t tenths = size * 10;
  if (size >= 1024) {
    unsigned shift = 0;
    while (size >> shift >= 1024) shift += 10, unit++;
    const uint64_t whole = size >> shift;
    const uint64_t rest = (size >> (shift - 10)) & 1023;
    tenths = whole * 10 + rest * 10 / 1024;
  }
  page += std::to_string(tenths / 10);
  if (unit > 0 && tenths < 100) (page += '.') += static_cast<char>('0' + tenths % 10);
  page += kUnits[unit];
}

// "1994-11-06 08:49", out of the one formatter there is.
void append_time(std::string &page, int64_t time) {
  char date[kHttpDateLength];
  http_date(time, date);
  const std::string_view text(date, sizeof date);
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const size_t month = kMonths.find(text.substr(8, 3)) / 3 + 1;
  page.append(text.substr(12, 4)).append(month < 10 ? "-0" : "-").append(std::to_string(month));
  page.append("-").append(text.substr(5, 2)).append(" ").append(text.substr(17, 5));
}

void append_row(std::string &page, const ListingEntry &entry) {
  page += entry.is_directory ? "<tr class=\"d\">" : "<tr>";
  page += "<td><a href=\"";
  percent_encode(page, entry.name, false);
  page += entry.is_directory ? "/\"><svg aria-hidden=\"true\"><use href=\"#d\"/></svg><span>"
                             : "\"><svg aria-hidden=\"true\"><use href=\"#f\"/></svg><span>";
  html_escape(page, entry.name);
  page += entry.is_directory ? "/</span></a></td><td>" : "</span></a></td><td>";
  if (entry.is_directory)
    page += "\xe2\x80\x93";
  else
    append_size(page, entry.size);
  page += "</td><td>";
  append_time(page, entry.mtime);
  page += "</td></tr>\n";
}

bool precedes(const ListingEntry &a, const ListingEntry &b) noexcept {
  if (a.is_directory != b.is_directory) return a.is_directory;
  const auto less = [](char x, char y) {
    return static_cast<uint8_t>(to_lower(x)) < static_cast<uint8_t>(to_lower(y));
  };
  const auto compare = [&](const std::string &x, const std::string &y) {
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end(), less);
  };
  if (compare(a.name, b.name)) return true;
  return !compare(b.name, a.name) && a.name < b.name;
}

void append_count(std::string &page, size_t count, std::string_view one, std::string_view many) {
  page.append(std::to_string(count)).append(" ").append(count == 1 ? one : many);
}

} // namespace

std::string listing_page(std::string_view path, std::vector<ListingEntry> entries) {
  std::sort(entries.begin(), entries.end(), precedes);
  std::string page;
  page.reserve(kStart.size() + kStyle.size() + 1024 + 256 * entries.size());
  page += kStart;
  html_escape(page, path.empty() ? "Home" : path.substr(path.rfind('/') + 1));
  page += kStyle;
  append_crumbs(page, path);
  page += "</h1>\n";
  if (entries.empty()) {
    page += "<div class=\"card\"><p class=\"empty\">This folder is empty.</p></div>\n";
  } else {
    page += kTable;
    for (const ListingEntry &entry : entries) append_row(page, entry);
    page += "</tbody>\n</table></div>\n<footer>";
    const size_t folders = static_cast<size_t>(
        std::count_if(entries.begin(), entries.end(), [](auto &e) { return e.is_directory; }));
    append_count(page, folders, "folder", "folders");
    page += ", ";
    append_count(page, entries.size() - folders, "file", "files");
    page += "</footer>\n";
  }
  page += "</main>\n</body>\n</html>\n";
  return page;
}

} // namespace socketpoll::http
