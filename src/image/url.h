// The URLs that can be downloaded from: http, https and file.
#pragma once

#include <filesystem>
#include <string>

namespace meros::image {

enum class Scheme { http, https, file };
// InvalidError for any other, and for one without a host or path.
Scheme scheme_of(const std::string& url);

// "file:///srv/a%20b" -> "/srv/a b". InvalidError for a host other than localhost, a NUL, or a broken %-sequence.
std::filesystem::path path_of_file_url(const std::string& url);

// For messages and for files that others may read: without the user name and password that it may hold.
std::string without_credentials(const std::string& url);

}  // namespace meros::image
