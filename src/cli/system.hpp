// The command: what it asks of the operating system itself, beside the library. posix/ and windows/
// have one of each.
#pragma once

#include <ctime>
#include <string>

namespace cli {

// The command line in UTF-8; where it has to be converted, `count` and the answer are the new one,
// which lives as long as the process.
char **command_line(int &count, char **values);

// Before anything is served: limits that were made for other programs, signals that would end this
// one, an output that shows UTF-8.
void prepare_process();

// A file's descriptor for write(2) and close(2), or -1 with errno. A pipe that nobody reads must
// not hold the server up.
int open_to_append(const char *path);

// A new file's, for its owner's eyes alone if it is secret; -1 with EEXIST if there is one.
int create_file(const char *path, bool secret);

std::tm utc_of(std::time_t time);

// Another descriptor for the same socket, or -1.
int duplicate_socket(int fd);
void close_socket(int fd);
// "http://127.0.0.1:8080" or "unix:/path" of a socket that somebody else has bound.
std::string url_of(int fd);

} // namespace cli
