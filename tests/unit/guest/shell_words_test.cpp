// Text that is to survive being split by a shell or by rsync.
#include "guest/shell_words.h"

#include <gtest/gtest.h>

#include "base/child.h"

namespace meros::guest {
namespace {

const std::vector<std::string> hostile = {"",     " ",   "a b", "it's", "''", "\"",    "$HOME", "`id`",
                                          "a\nb", "\\",  "*",   "-n",   "--", "~",     "!x",    "#x",
                                          "a;b",  "a&b", "\t",  "=cat", "%1", "$(id)", "ü\xff", "a'b'\\''c"};

TEST(ShellWords, ComeOutOfAShellAsTheyWere) {
  std::vector<std::string> words = {"printf", "%s\\0"};
  words.insert(words.end(), hostile.begin(), hostile.end());
  Command shell;
  shell.argv = {"sh", "-c", shell_words(words)};
  const Output output = run(shell);
  ASSERT_TRUE(output.status.success()) << output.err;
  std::string expected;
  for (const auto& word : hostile) expected += word + std::string(1, '\0');
  EXPECT_EQ(output.out, expected);
}

TEST(ShellWords, OfHarmlessCharactersStayReadable) {
  EXPECT_EQ(shell_words({"tar", "-C", "/srv", "a=b", "x"}), "tar -C /srv a=b x");
  EXPECT_EQ(shell_word("it's"), R"('it'\''s')");
}

TEST(RshWords, DoubleAQuote) {
  EXPECT_EQ(rsh_words({"ssh", "-o", "IdentityFile=/a b/it's"}), "ssh -o 'IdentityFile=/a b/it''s'");
}

TEST(Percent, IsDoubled) { EXPECT_EQ(without_percent("/100%/x"), "/100%%/x"); }

}  // namespace
}  // namespace meros::guest
