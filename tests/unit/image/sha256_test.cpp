#include "image/sha256.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/file.h"

namespace meros::image {
namespace {

// The examples of FIPS 180-4 ("SHA256.pdf", csrc.nist.gov), and one that is longer than one block of reading.
TEST(Sha256, GivesTheDigestsOfTheStandard) {
  const TemporaryDirectory directory;
  const auto digest_of = [&](std::string_view content) {
    replace_file(directory.path() / "file", content);
    return sha256_of(open_file((directory.path() / "file").string(), O_RDONLY));
  };
  EXPECT_EQ(digest_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest_of(std::string(3'000'000, 'a')), "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4");
}

TEST(Sha256, OfAFileDoesNotMoveItsOffset) {
  const TemporaryDirectory directory;
  replace_file(directory.path() / "file", "abc");
  const Fd file = open_file((directory.path() / "file").string(), O_RDONLY);
  std::uint64_t progress = 0;
  sha256_of(file, [&](std::uint64_t done) { progress = done; });
  EXPECT_EQ(progress, 3U);
  EXPECT_EQ(read_all(file), "abc");
}

TEST(Sha256, AsTextIsMadeLowerCaseOrRefused) {
  EXPECT_EQ(parse_sha256(std::string(64, 'A'), "--sha256"), std::string(64, 'a'));
  for (const std::string& text : {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g')})
    EXPECT_THROW(parse_sha256(text, "--sha256"), InvalidError) << text;
}

}  // namespace
}  // namespace meros::image
