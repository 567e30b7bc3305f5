#include "image/sha256.h"

#include <fmt/format.h>
#include <nettle/sha2.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/error.h"

namespace meros::image {
namespace {

std::string finish(sha256_ctx& context) {
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
  sha256_digest(&context, digest.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

}  // namespace

std::string parse_sha256(std::string_view text, std::string_view what) {
  std::string digits(text);
  for (char& c : digits) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  if (digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == std::string::npos) return digits;
  throw InvalidError(fmt::format("{} '{}' is not a SHA-256", what, text),
                     "write 64 hexadecimal digits, as sha256sum prints them");
}

std::string sha256_of(std::string_view text) {
  sha256_ctx context{};
  sha256_init(&context);
  sha256_update(&context, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
  return finish(context);
}

std::string sha256_of(const Fd& file, const std::function<void(std::uint64_t)>& progress) {
  sha256_ctx context{};
  sha256_init(&context);
  std::vector<std::uint8_t> block(std::size_t{1} << 20);
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(file.get(), block.data(), block.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_errno("cannot read the file for its SHA-256");
    if (n == 0) break;
    sha256_update(&context, static_cast<std::size_t>(n), block.data());
    at += n;
    if (progress) progress(static_cast<std::uint64_t>(at));
  }
  return finish(context);
}

}  // namespace meros::image
