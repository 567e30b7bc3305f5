#include "guest/merged_logs.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include "base/bounded_log.h"
#include "base/file.h"
#include "base/lock.h"
#include "guest/log_follower.h"
#include "machine/log_times.h"
#include "machine/state.h"

namespace meros::test {
namespace {

using guest::FollowOptions;
using guest::MergedLogs;
using testing::ElementsAre;
using testing::IsEmpty;

// The volume of a machine that writes at times that the test names.
class Volume {
 public:
  explicit Volume(const std::filesystem::path& path) {
    make_directories(path);
    directory_ = open_file(path, O_RDONLY | O_DIRECTORY);
    log_.emplace(directory_, machine::names::console_log, 64);
    times_.emplace(directory_, machine::names::console_times);
  }
  void write(std::int64_t at_ms, const std::string& text) {
    const auto note = [&](const LogPlace& place) {
      const auto record = machine::encode({at_ms, place});
      times_->append({record.data(), record.size()});
    };
    const LogPlace before = log_->end();
    note(before);
    log_->append(text);
    if (log_->end().inode != before.inode) note({log_->end().inode, 0});
  }
  Fd open() const { return open_file(proc_path(directory_), O_RDONLY | O_DIRECTORY); }

 private:
  Fd directory_;
  std::optional<BoundedLog> log_;
  std::optional<BoundedLog> times_;
};

class MergedLogsTest : public testing::Test {
 protected:
  Volume make(const std::string& name) const { return Volume(directory_.path() / name); }
  // "0: text" for each line that is there.
  static std::vector<std::string> lines(MergedLogs& logs) {
    std::vector<std::string> all;
    while (const auto line = logs.next()) all.push_back(std::to_string(line->log) + ": " + line->text);
    return all;
  }
  TemporaryDirectory directory_;
};

TEST_F(MergedLogsTest, AreInTheOrderOfTheirTimes) {
  Volume web = make("web");
  Volume db = make("db");
  web.write(1000, "web 1\n");
  db.write(2000, "db 2\ndb 2, too\n");
  web.write(3000, "web 3\n");
  db.write(4000, "db 4");
  MergedLogs logs({});
  for (const auto* volume : {&web, &db}) logs.add(volume->open(), machine::names::console_log);
  EXPECT_THAT(lines(logs), ElementsAre("0: web 1", "1: db 2", "1: db 2, too", "0: web 3", "1: db 4"));
}

TEST_F(MergedLogsTest, TakeALineForAsOldAsItsBeginning) {
  Volume web = make("web");
  Volume db = make("db");
  web.write(1000, "begun ");
  db.write(2000, "between\n");
  web.write(3000, "and ended\nafter\n");
  MergedLogs logs({});
  for (const auto* volume : {&web, &db}) logs.add(volume->open(), machine::names::console_log);
  EXPECT_THAT(lines(logs), ElementsAre("0: begun and ended", "1: between", "0: after"));
}

TEST_F(MergedLogsTest, FollowALineOverARotation) {
  Volume web = make("web");
  Volume db = make("db");
  web.write(1000, std::string(60, 'a') + "\n");
  web.write(2000, "begins in the one and ends in the other\n");
  db.write(2500, "between\n");
  web.write(3000, "after\n");
  MergedLogs logs({});
  for (const auto* volume : {&web, &db}) logs.add(volume->open(), machine::names::console_log);
  EXPECT_THAT(lines(logs), ElementsAre("0: " + std::string(60, 'a'), "0: begins in the one and ends in the other",
                                       "1: between", "0: after"));
}

TEST_F(MergedLogsTest, BeginWithTheLastLinesOfEachAndAtATime) {
  Volume web = make("web");
  Volume db = make("db");
  web.write(1000, "web 1\n");
  db.write(2000, "db 2\n");
  web.write(3000, "web 3\n");
  db.write(4000, "db 4\n");
  FollowOptions tail;
  tail.lines = 1;
  MergedLogs last(tail);
  for (const auto* volume : {&web, &db}) last.add(volume->open(), machine::names::console_log);
  EXPECT_THAT(lines(last), ElementsAre("0: web 3", "1: db 4"));
  FollowOptions since;
  since.since_ms = 2000;
  MergedLogs late(since);
  for (const auto* volume : {&web, &db}) late.add(volume->open(), machine::names::console_log);
  EXPECT_THAT(lines(late), ElementsAre("1: db 2", "0: web 3", "1: db 4"));
}

TEST_F(MergedLogsTest, TellWhatComesAndThatAllIsOver) {
  Volume web = make("web");
  web.write(1000, "before\n");
  FollowOptions follow;
  follow.follow = true;
  MergedLogs logs(follow);
  logs.add(web.open(), machine::names::console_log);
  EXPECT_THAT(lines(logs), ElementsAre("0: before"));
  web.write(2000, "after, and no en");
  EXPECT_TRUE(logs.wait(-1));
  EXPECT_THAT(lines(logs), IsEmpty()) << "the line has no end yet";
  machine::StateFile state;
  state.state = machine::State::stopped;
  machine::write_state(proc_path(web.open()), state);
  EXPECT_TRUE(logs.wait(-1));
  EXPECT_THAT(lines(logs), ElementsAre("0: after, and no en"));
  EXPECT_FALSE(logs.wait(-1));
}

}  // namespace
}  // namespace meros::test
