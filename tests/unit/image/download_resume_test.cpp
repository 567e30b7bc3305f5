// What an earlier run, a broken connection or another process left is gone on with, or begun anew.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/lock.h"
#include "unit/image/download_fixture.h"
#include "unit/image/http_server.h"

namespace meros::image {
namespace {

using testing::Download;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpServer;
using testing::some_content;
using ::testing::StartsWith;

TEST_F(Download, TakesUpABrokenConnectionInTheSameRun) {
  const std::string content = some_content(900'000);
  HttpServer server({.content = content, .cut_at = 500'000});
  recorder.on_progress = [&](std::uint64_t done) {
    if (done == 500'000) server.set({.content = content});
  };
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), content);
  EXPECT_THAT(server.requests(), ElementsAre("GET /file range=500000- if-range=\"v1\""));
  EXPECT_THAT(recorder.notes.back(), StartsWith("the connection broke at 488 KiB: "));
}

TEST_F(Download, KeepsWhatCameAndGoesOnInTheNextRun) {
  const std::string content = some_content(900'000);
  HttpServer server({.content = content, .cut_at = 500'000});
  const std::string outcome = outcome_of(server.url());
  EXPECT_THAT(outcome, StartsWith("1 cannot fetch '" + server.url() + "': "));
  EXPECT_THAT(outcome, HasSubstr("(run it again: it goes on at 488 KiB)"));
  EXPECT_THAT(files(), ElementsAre("rootfs.ext4.part", "rootfs.ext4.part.json"));

  server.set({.content = content});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), content);
  EXPECT_THAT(server.requests(), ElementsAre("GET /file range=500000- if-range=\"v1\""));
  EXPECT_THAT(files(), ElementsAre("rootfs.ext4"));
}

TEST_F(Download, GoesOnByTheDateWhereTheEtagIsWeak) {
  const std::string date = "Wed, 21 Oct 2015 07:28:00 GMT";
  HttpServer server({.content = "abcdef", .etag = "W/\"v1\"", .last_modified = date, .cut_at = 3});
  outcome_of(server.url());
  server.set({.content = "abcdef", .etag = "W/\"v1\"", .last_modified = date});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_THAT(server.requests(), ElementsAre("GET /file range=3- if-range=" + date));
  EXPECT_EQ(read_file(target), "abcdef");
}

TEST_F(Download, StartsAnewWhereTheServerHasAnotherFileByNow) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  server.set({.content = "ABCDEFGH", .etag = "\"v2\""});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "ABCDEFGH");
  EXPECT_THAT(server.requests(), ElementsAre("GET /file range=3- if-range=\"v1\""));
}

TEST_F(Download, StartsAnewWhereTheServerPaysNoHeedToIfRange) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  server.set({.content = "ABCDEFGH", .etag = "\"v2\"", .if_range = false});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "ABCDEFGH");
  EXPECT_THAT(server.requests(), ElementsAre("GET /file range=3- if-range=\"v1\"", "GET /file"));
}

TEST_F(Download, StartsAnewWhereTheServerKnowsNoRanges) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  server.set({.content = "abcdef", .ranges = false});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "abcdef");
}

TEST_F(Download, StartsAnewWhereTheServerSendsAnotherRange) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  server.set({.content = "abcdef", .range_begins = 2});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "abcdef");
}

TEST_F(Download, StartsAnewForAnotherUrlOrWithoutAValidator) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url("/one"));
  server.set({.content = "ABCDEF", .etag = "", .cut_at = 3});
  outcome_of(server.url("/two"));
  EXPECT_THAT(server.requests(), ElementsAre("GET /two", "GET /two")) << "nothing to go on by";
  server.set({.content = "ABCDEF"});
  EXPECT_EQ(outcome_of(server.url("/two")), "no error");
  EXPECT_THAT(server.requests(), ElementsAre("GET /two"));
  EXPECT_EQ(read_file(target), "ABCDEF");
}

TEST_F(Download, StartsAnewWhenToldTo) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  server.set({.content = "abcdef"});
  EXPECT_EQ(outcome_of({.url = server.url(), .target = target, .resume = false}), "no error");
  EXPECT_THAT(server.requests(), ElementsAre("GET /file"));
}

TEST_F(Download, PublishesAPartThatWasWholeAlready) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  replace_file(target.string() + ".part", "abcdef");
  server.set({.content = "abcdef"});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "abcdef");
  EXPECT_THAT(server.requests(), ElementsAre("GET /file range=6- if-range=\"v1\""));
}

TEST_F(Download, StartsAnewWhereThePartIsLongerThanTheFile) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  replace_file(target.string() + ".part", "abcdefghi");
  server.set({.content = "abcdef"});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "abcdef");
}

TEST_F(Download, StartsAnewWhereWhatIsKnownOfThePartIsDamaged) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  for (const char* damage : {"", "{", "[]", "{\"url\": 7}", "\xff\xfe"}) {
    server.set({.content = "abcdef", .cut_at = 3});
    outcome_of(server.url());
    replace_file(target.string() + ".part.json", damage);
    server.set({.content = "abcdef"});
    EXPECT_EQ(outcome_of(server.url()), "no error");
    EXPECT_THAT(server.requests(), ElementsAre("GET /file")) << damage;
  }
}

TEST_F(Download, KilledLeavesAPartAndNoFileAndIsGoneOnWith) {
  const std::string content = some_content(900'000);
  HttpServer server({.content = content, .cut_at = 500'000, .stall = true});
  Pipe half_way = make_pipe();
  const pid_t child = ::fork();
  if (child == 0) {
    recorder.on_progress = [&](std::uint64_t done) {
      if (done == 500'000) write_all(half_way.write_end, "x");
    };
    outcome_of(server.url());
    ::_exit(0);
  }
  ASSERT_NE(wait_for(half_way.read_end, POLLIN, 20'000), 0);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_THAT(files(), ElementsAre("rootfs.ext4.part", "rootfs.ext4.part.json"));

  server.set({.content = content});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), content);
  EXPECT_THAT(server.requests(), ElementsAre("GET /file range=500000- if-range=\"v1\""));
}

TEST_F(Download, OnlyOneAtATimeToOneTarget) {
  const HttpServer server({.content = "abc"});
  const Fd other = open_file(target.string() + ".part", O_RDWR | O_CREAT);
  ASSERT_TRUE(try_inherited_lock(other));
  EXPECT_EQ(outcome_of(server.url()), "5 '" + target.string() + "' is being downloaded by another process");
  EXPECT_THAT(files(), ElementsAre("rootfs.ext4.part"));
}

TEST_F(Download, KeepsThePartWhenTheServerHasAnErrorLater) {
  HttpServer server({.content = "abcdef", .cut_at = 3});
  outcome_of(server.url());
  server.set({.status = 503});
  outcome_of(server.url());
  EXPECT_THAT(files(), ElementsAre("rootfs.ext4.part", "rootfs.ext4.part.json"));
}

}  // namespace
}  // namespace meros::image
