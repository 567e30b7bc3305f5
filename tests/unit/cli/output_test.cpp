#include "cli/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"

namespace meros::test {
namespace {

using namespace meros::cli;

TEST(Output, KnowsItsFormats) {
  EXPECT_EQ(parse_format("table"), Format::table);
  EXPECT_EQ(parse_format("json"), Format::json);
  EXPECT_EQ(parse_format("yaml"), Format::yaml);
  try {
    parse_format("xml\x1b");
    FAIL() << "it was taken";
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(), "--output: 'xml?' is not a format");
    EXPECT_EQ(e.hint(), "it is table, json or yaml");
  }
}

TEST(Output, DropsWhatItsReaderDoesNotWant) {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe = make_pipe();
  Output output(pipe.write_end.get());
  EXPECT_FALSE(output.closed());
  pipe.read_end.reset();
  output.write("nobody reads this");
  EXPECT_TRUE(output.closed());
  output.write("nor this");
}

TEST(Output, ReportsAFullDisk) {
  const Fd full = open_file("/dev/full", O_WRONLY);
  Output output(full.get());
  try {
    output.write("x");
    FAIL() << "it was written";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "cannot write the output: No space left on device");
  }
}

TEST(Output, HasNoColoursInAPipe) {
  const Pipe pipe = make_pipe();
  EXPECT_EQ(Output(pipe.write_end.get()).paint("running", Colour::green), "running");
}

TEST(Table, AlignsItsColumns) {
  const Pipe pipe = make_pipe();
  Table table({"NAME", "STATE", "CPUS"});
  table.add({"web", Table::Cell("running", Colour::green), "1"});
  table.add({"a-long-name", "stopped", "16"});
  EXPECT_EQ(table.render(Output(pipe.write_end.get())),
            "NAME         STATE    CPUS\n"
            "web          running  1\n"
            "a-long-name  stopped  16\n");
}

TEST(Table, CannotBeBrokenByACell) {
  const Pipe pipe = make_pipe();
  Table table({"A", "B"});
  table.add({"x\ny", "\x1b[31m"});
  EXPECT_EQ(table.render(Output(pipe.write_end.get())), "A    B\nx?y  ?[31m\n");
}

TEST(Printable, KeepsTextAndReplacesControls) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(printable("a\nb\tc\r\x7f"), "a?b?c??");
  EXPECT_EQ(printable("\x1b]0;title\x07"), "?]0;title?");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "?31m")
      << "a C1 control is one too";
  EXPECT_EQ(printable(std::string_view("\0", 1)), "?");
}

TEST(Printable, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "??");
  EXPECT_EQ(printable("\xc3"), "?") << "cut short";
  EXPECT_EQ(printable("\xc0\x9b"), "??") << "ESC in two bytes";
  EXPECT_EQ(printable("\xe0\x80\x9b"), "???") << "ESC in three bytes";
  EXPECT_EQ(printable("\xed\xa0\x80"), "???") << "a surrogate";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????") << "beyond U+10FFFF";
}

TEST(Printable, KeepsTheLinesOfLines) { EXPECT_EQ(printable_lines("a\n\tb\x07"), "a\n\tb?"); }

TEST(JsonText, IsOneDocumentWithALineEnd) {
  EXPECT_EQ(to_json_text(Json{{"a", 1}}), "{\n  \"a\": 1\n}\n");
  EXPECT_EQ(to_json_text(Json::array()), "[]\n");
}

TEST(JsonText, ReplacesWhatIsNotUtf8) { EXPECT_EQ(to_json_text(Json("\xff")), "\"\xef\xbf\xbd\"\n"); }

}  // namespace
}  // namespace meros::test
