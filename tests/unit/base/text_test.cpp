#include "base/text.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"

namespace meros {
namespace {

TEST(Mebibytes, AreReadWithAndWithoutAUnit) {
  EXPECT_EQ(parse_mebibytes("512", "--memory"), 512U);
  EXPECT_EQ(parse_mebibytes("512M", "--memory"), 512U);
  EXPECT_EQ(parse_mebibytes("2G", "--memory"), 2048U);
  EXPECT_EQ(parse_mebibytes("1GiB", "--memory"), 1024U);
  EXPECT_EQ(parse_mebibytes("1T", "--memory"), 1024U * 1024U);
}

TEST(Mebibytes, RefuseWhatIsNoSize) {
  for (const auto* text :
       {"", "G", "-1", "+1", "1.5G", "1 G", "12K", "99999999999999999999", "1g", "99999999T", "1GiBs"}) {
    try {
      parse_mebibytes(text, "--memory");
      ADD_FAILURE() << text;
    } catch (const InvalidError& e) {
      EXPECT_EQ(e.message(), "--memory '" + std::string(text) + "' is not a size");
      EXPECT_EQ(e.hint(), "write it as 512 (MiB), 512M or 2G");
    }
  }
}

TEST(Names, AreLettersDigitsUnderscoresAndDashes) {
  for (const auto* name : {"a", "0", "web-1", "A_b", "x--"}) EXPECT_TRUE(is_valid_name(name)) << name;
  EXPECT_TRUE(is_valid_name(std::string(63, 'a')));
  for (const auto* name : {"", "-a", "_a", "a.b", "a/b", "..", "a b", "a\n", "ä", "a\x1b[0m"})
    EXPECT_FALSE(is_valid_name(name)) << name;
  EXPECT_FALSE(is_valid_name(std::string(64, 'a')));
}

TEST(Names, ThatAreRefusedAreShownWithoutControlCharacters) {
  try {
    check_name("a\x1b[31m", "machine name");
    FAIL();
  } catch (const InvalidError& e) {
    EXPECT_EQ(e.message(), "the machine name 'a?[31m' is not valid");
    EXPECT_EQ(e.hint(), "use 1 to 63 letters, digits, '_' and '-', beginning with a letter or digit");
  }
}

TEST(HostName, IsLowerCaseWithDashes) { EXPECT_EQ(host_name_of("Web_1"), "web-1"); }

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(nearest("strat", {"start", "stop", "status"}), "start");
  EXPECT_EQ(nearest("pmox_br", {"proxmox_br", "lab"}), "proxmox_br");
  EXPECT_EQ(nearest("proxmx_br", {"proxmox_br", "lab"}), "proxmox_br");
  EXPECT_EQ(nearest("xyz", {"start"}), std::nullopt);
}

TEST(Time, IsWrittenInUtc) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(1'769'860'800'123), "2026-01-31T12:00:00.123Z");
}

TEST(Bytes, AreWrittenForPeople) {
  EXPECT_EQ(format_bytes(512), "512 B");
  EXPECT_EQ(format_bytes(1536), "1.5 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{10} << 30), "10 GiB");
}

TEST(Text, IsTrimmedSplitAndJoined) {
  EXPECT_EQ(trim("  a b\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(split("a::b", ':'), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  // Equal parts must not be mistaken for the first.
  EXPECT_EQ(join({"a", "a", "a"}, ","), "a,a,a");
}

TEST(StableHash, IsTheSameForEver) {
  EXPECT_EQ(stable_hash("meros"), stable_hash("meros"));
  EXPECT_EQ(stable_hash(""), 0xcbf29ce484222325U);
}

TEST(Errors, CarryContextHintAndCodeOverASocket) {
  BusyError error("it is taken", "choose another");
  error.add_context("cannot create 'x'");
  const Error again = error_from_json(to_json(error));
  EXPECT_EQ(again.message(), "cannot create 'x': it is taken");
  EXPECT_EQ(again.hint(), "choose another");
  EXPECT_EQ(again.exit_code(), ExitCode::busy);
}

TEST(Errors, KeepTheHintNearestToTheCause) {
  Error error("x", "near");
  error.suggest("far");
  EXPECT_EQ(error.hint(), "near");
}

TEST(JsonMembers, AreCheckedForTypeAndRange) {
  const Json json = {{"a", 300}, {"b", "text"}, {"c", nullptr}};
  EXPECT_EQ(get<int>(json, "a"), 300);
  EXPECT_THROW(get<std::uint8_t>(json, "a"), InvalidError);
  EXPECT_THROW(get<int>(json, "b"), InvalidError);
  EXPECT_THROW(get<int>(json, "c"), InvalidError);
  EXPECT_EQ(get_or<int>(json, "c", 5), 5);
  EXPECT_EQ(get_or<int>(json, "d", 6), 6);
}

}  // namespace
}  // namespace meros
