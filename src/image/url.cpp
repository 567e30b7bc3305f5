#include "image/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace meros::image {
namespace {

InvalidError not_supported(const std::string& url, std::string_view why) {
  return InvalidError(fmt::format("cannot fetch '{}': {}", without_credentials(url), why),
                      "write it as https://host/path, http://host/path or file:///path");
}

std::size_t authority_begin(const std::string& url) {
  const auto colon = url.find("://");
  return colon == std::string::npos ? url.size() : colon + 3;
}

std::string authority_of(const std::string& url) {
  const auto begin = authority_begin(url);
  const auto end = url.find_first_of("/?#", begin);
  return url.substr(begin, end == std::string::npos ? end : end - begin);
}

bool drives_terminals(char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }

std::string percent_decoded(const std::string& url, std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc{} || end != digits.data() + 2 || value == 0)
      throw not_supported(url, "what follows a '%' in it is not a byte in hexadecimal");
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

}  // namespace

Scheme scheme_of(const std::string& url) {
  if (std::any_of(url.begin(), url.end(), drives_terminals)) throw not_supported(url, "it has a blank or control byte");
  const std::string scheme = url.substr(0, url.find("://"));
  if (scheme == "file") return Scheme::file;
  if (scheme != "http" && scheme != "https") throw not_supported(url, "only http, https and file URLs can be fetched");
  if (authority_of(url).empty()) throw not_supported(url, "it names no host");
  return scheme == "http" ? Scheme::http : Scheme::https;
}

std::filesystem::path path_of_file_url(const std::string& url) {
  const std::string host = authority_of(url);
  if (!host.empty() && host != "localhost") throw not_supported(url, "a file URL names a file of this host");
  const std::string path = percent_decoded(url, url.substr(authority_begin(url) + host.size()));
  if (path.empty()) throw not_supported(url, "it names no file");
  return path;
}

std::string without_credentials(const std::string& url) {
  const std::string authority = authority_of(url);
  const auto at = authority.rfind('@');
  if (at == std::string::npos) return url;
  return std::string(url).erase(authority_begin(url), at + 1);
}

}  // namespace meros::image
