// What several builds are at, on a terminal and elsewhere.
#include "cli/status_lines.h"

#include <gmock/gmock.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/reporter.h"

namespace meros::cli {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const StatusLines::clock::time_point start{};

TEST(StatusLines, AreInTheOrderOfTheirBeginningWithTheirTimes) {
  StatusLines lines;
  lines.set("lab/web", "base", start);
  lines.set("lab/db", "waiting for the base", start + seconds(2));
  lines.set("lab/web", "kernel", start + seconds(30));
  EXPECT_THAT(lines.render(start + seconds(65), 79),
              ElementsAre("lab/web  kernel  1m 5s", "lab/db   waiting for the base  1m 3s"));
}

TEST(StatusLines, GoWhenTheirWorkHasEnded) {
  StatusLines lines;
  lines.set("lab/web", "base", start);
  lines.set("lab/web", "", start);
  lines.set("lab/db", "", start);
  EXPECT_THAT(lines.render(start, 79), IsEmpty());
}

TEST(StatusLines, FitTheTerminalAndCannotDriveIt) {
  StatusLines lines;
  lines.set("lab/web", "a\x1b[2J long text", start);
  EXPECT_THAT(lines.render(start, 22), ElementsAre("lab/web  a?[2J lon  0s"));
  EXPECT_THAT(lines.render(start, 9), ElementsAre("lab/web  "));
}

// What a program writes there, without the terminal's own changes to it.
class Terminal {
 public:
  Terminal() {
    int ours = -1;
    int theirs = -1;
    if (::openpty(&ours, &theirs, nullptr, nullptr, nullptr) != 0) throw_errno("cannot make a terminal");
    ours_ = Fd(ours);
    theirs_ = Fd(theirs);
    termios settings{};
    ::tcgetattr(theirs, &settings);
    ::cfmakeraw(&settings);
    ::tcsetattr(theirs, TCSANOW, &settings);
  }
  int descriptor() const { return theirs_.get(); }
  std::string seen() const {
    std::string text(4096, '\0');
    const ssize_t n = ::read(ours_.get(), text.data(), text.size());
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
  }

 private:
  Fd ours_;
  Fd theirs_;
};

TEST(StderrReporter, DrawsWorksInPlaceAndNotesAboveThem) {
  const Terminal terminal;
  Output err(terminal.descriptor());
  StderrReporter reporter(err, "meros", StderrReporter::Times::hidden);
  reporter.stage("lab/web", "base");
  EXPECT_EQ(terminal.seen(), "lab/web  base  0s\n");
  reporter.stage("lab/web", "kernel");
  EXPECT_EQ(terminal.seen(), "\x1b[1A\x1b[Jlab/web  kernel  0s\n");
  reporter.note("by the way");
  EXPECT_EQ(terminal.seen(), "\x1b[1A\x1b[Jmeros: by the way\nlab/web  kernel  0s\n");
  reporter.stage("lab/web", "");
  EXPECT_EQ(terminal.seen(), "\x1b[1A\x1b[J");
}

TEST(StderrReporter, SaysStagesInLinesWhereThereIsNoTerminal) {
  Pipe pipe = make_pipe();
  Output err(pipe.write_end.get());
  StderrReporter reporter(err, "meros", StderrReporter::Times::hidden);
  reporter.stage("lab/web", "base");
  reporter.stage("lab/web", "");
  pipe.write_end.reset();
  EXPECT_EQ(read_all(pipe.read_end), "meros: lab/web: base\n");
}

}  // namespace
}  // namespace meros::cli
