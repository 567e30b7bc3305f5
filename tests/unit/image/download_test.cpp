#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/image/download_fixture.h"
#include "unit/image/http_server.h"

namespace fs = std::filesystem;

namespace meros::image {
namespace {

using testing::abc_sha256;
using testing::Download;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpServer;
using testing::some_content;
using ::testing::StartsWith;

TEST_F(Download, FetchesAFileAndNothingElseIsLeft) {
  const std::string content = some_content(3'000'000);
  const HttpServer server({.content = content});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), content);
  EXPECT_THAT(files(), ElementsAre("rootfs.ext4"));
  EXPECT_THAT(server.requests(), ElementsAre("GET /file"));
  EXPECT_EQ(recorder.last_what, "rootfs.ext4");
  EXPECT_EQ(recorder.last_done, content.size());
  EXPECT_EQ(recorder.last_total, content.size());
  EXPECT_EQ(fs::status(target).permissions(), static_cast<fs::perms>(0644));
}

TEST_F(Download, MakesTheDirectory) {
  const HttpServer server({.content = "abc"});
  target = directory.path() / "a" / "b" / "file";
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "abc");
}

TEST_F(Download, ReplacesAFileThatIsThere) {
  const HttpServer server({.content = "new"});
  replace_file(target, "old and longer");
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "new");
}

TEST_F(Download, TakesAnEmptyFileAndOneOfUnknownLength) {
  HttpServer server({.content = ""});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "");
  server.set({.content = "abc", .send_length = false});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "abc");
  EXPECT_EQ(recorder.last_total, std::nullopt);
}

TEST_F(Download, ChecksTheSha256) {
  const HttpServer server({.content = "abc"});
  std::string upper(abc_sha256);
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(outcome_of({.url = server.url(), .target = target, .sha256 = upper}), "no error");
  EXPECT_EQ(read_file(target), "abc");
  EXPECT_EQ(recorder.last_what, "checking rootfs.ext4");
}

TEST_F(Download, AWrongSha256LeavesNothingNewAndTheOldFile) {
  const HttpServer server({.content = "abd"});
  replace_file(target, "old");
  EXPECT_EQ(outcome_of({.url = server.url(), .target = target, .sha256 = abc_sha256}),
            "3 '" + server.url() +
                "' has the SHA-256 a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9, not " +
                abc_sha256 + " (look at the URL and at the SHA-256 you were given; nothing was kept)");
  EXPECT_EQ(read_file(target), "old");
  EXPECT_THAT(files(), ElementsAre("rootfs.ext4"));
}

TEST_F(Download, RefusesAChecksumThatIsNoneBeforeItFetches) {
  const HttpServer server({.content = "abc"});
  EXPECT_EQ(outcome_of({.url = server.url(), .target = target, .sha256 = "abc"}),
            "3 the checksum 'abc' is not a SHA-256 (write 64 hexadecimal digits, as sha256sum prints them)");
  EXPECT_THAT(server.requests(), ElementsAre());
}

TEST_F(Download, GivesUpOnAServerThatStalls) {
  HttpServer server({.content = "abcdef", .cut_at = 3, .stall = true});
  const std::string outcome =
      outcome_of({.url = server.url(), .target = target, .stall_timeout = std::chrono::seconds(1)});
  EXPECT_THAT(outcome, StartsWith("1 cannot fetch '" + server.url() + "': Operation too slow"));
}

TEST_F(Download, SaysWhatTheServerAnswers) {
  HttpServer server({.status = 404});
  EXPECT_EQ(outcome_of(server.url()),
            "4 cannot fetch '" + server.url() + "': the server answers 404 (Said So) (look at the URL)");
  server.set({.status = 503});
  EXPECT_EQ(outcome_of(server.url()), "1 cannot fetch '" + server.url() + "': the server answers 503 (Said So)");
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(Download, SaysThatNobodyListens) {
  std::string url;
  {
    const HttpServer gone({});
    url = gone.url();
  }
  const std::string outcome = outcome_of(url);
  EXPECT_THAT(outcome, StartsWith("1 cannot fetch '" + url + "': "));
  EXPECT_THAT(outcome, HasSubstr("(look at the network of this host, or give another URL)"));
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(Download, FollowsRedirectionsButNotToFiles) {
  HttpServer server({.content = "abc", .location = "/target"});
  EXPECT_EQ(outcome_of(server.url()), "no error");
  EXPECT_EQ(read_file(target), "abc");
  server.set({.content = "abc", .location = "file:///etc/passwd"});
  EXPECT_THAT(outcome_of(server.url()), StartsWith("1 cannot fetch '" + server.url() + "': "));
  server.set({.content = "abc", .location = "/again"});
  EXPECT_THAT(outcome_of(server.url()), HasSubstr("Maximum (10) redirects followed"));
}

TEST_F(Download, RefusesOtherUrls) {
  EXPECT_EQ(outcome_of(std::string("ftp://host/file")),
            "3 cannot fetch 'ftp://host/file': only http, https and file URLs can be fetched (write it as "
            "https://host/path, http://host/path or file:///path)");
  for (const char* url :
       {"", "/etc/passwd", "http://", "https:///x", "http://host/a b", "http://host/\r\nX: y", "HTTP"})
    EXPECT_THAT(outcome_of(std::string(url)), StartsWith("3 ")) << url;
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(Download, NeverShowsAPassword) {
  HttpServer server({.status = 404});
  const std::string url = server.url();
  const std::string secret = "http://ann:s3cret@" + url.substr(7);
  EXPECT_EQ(outcome_of(secret), "4 cannot fetch '" + url + "': the server answers 404 (Said So) (look at the URL)");
  server.set({.content = "abcdef", .cut_at = 3});
  outcome_of(secret);
  EXPECT_THAT(read_file(target.string() + ".part.json"), ::testing::Not(HasSubstr("s3cret")));
}

TEST_F(Download, RefusesAFileLargerThanAnyImage) {
  const HttpServer server({.content = "abc", .length = "999999999999999"});
  EXPECT_EQ(outcome_of(server.url()), "3 cannot fetch '" + server.url() + "': it is larger than 64 GiB");
  EXPECT_THAT(files(), ElementsAre());
}

TEST_F(Download, LocalFilesKeepTheirHoles) {
  const fs::path source = directory.path() / "a b.img";
  replace_file(source, "abc");
  fs::resize_file(source, 64 << 20);
  EXPECT_EQ(outcome_of("file://" + directory.path().string() + "/a%20b.img"), "no error");
  EXPECT_EQ(fs::file_size(target), std::uintmax_t{64} << 20);
  struct stat info {};
  ASSERT_EQ(::stat(target.c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 1 << 20);
  EXPECT_EQ(read_file(target, std::size_t{128} << 20).substr(0, 4), std::string("abc\0", 4));
  EXPECT_THAT(files(), ElementsAre("a b.img", "rootfs.ext4"));
}

TEST_F(Download, LocalFilesAreCheckedToo) {
  const fs::path source = directory.path() / "source";
  replace_file(source, "abd");
  EXPECT_THAT(outcome_of({.url = "file://" + source.string(), .target = target, .sha256 = abc_sha256}),
              HasSubstr("has the SHA-256 a52d159f"));
  EXPECT_EQ(outcome_of("file:///no/such/file"), "4 cannot fetch 'file:///no/such/file': it does not exist");
  EXPECT_EQ(outcome_of(std::string("file:///dev/null")), "3 cannot fetch 'file:///dev/null': it is not a regular file");
  EXPECT_THAT(outcome_of(std::string("file://otherhost/file")),
              StartsWith("3 cannot fetch 'file://otherhost/file': a file URL names a file of this host"));
  EXPECT_THAT(outcome_of(std::string("file:///a%zz")), StartsWith("3 "));
  EXPECT_THAT(outcome_of(std::string("file:///a%00b")), StartsWith("3 "));
  EXPECT_THAT(files(), ElementsAre("source"));
}

TEST_F(Download, NeverWritesThroughALink) {
  const HttpServer server({.content = "abc"});
  replace_file(directory.path() / "precious", "precious");
  fs::create_symlink("precious", target.string() + ".part");
  EXPECT_THAT(outcome_of(server.url()), StartsWith("1 cannot open '" + target.string() + ".part': "));
  EXPECT_EQ(read_file(directory.path() / "precious"), "precious");
}

// A file system of 1 MiB, in a mount namespace that goes with the child.
TEST_F(Download, AFullDiskLeavesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount a small file system";
  const std::string content = some_content(3'000'000);
  for (const bool length_known : {true, false}) {
    const HttpServer server({.content = content, .send_length = length_known});
    Pipe result = make_pipe();
    const pid_t child = ::fork();
    if (child == 0) {
      if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
          ::mount("none", directory.path().c_str(), "tmpfs", 0, "size=1m") != 0)
        ::_exit(1);
      const std::string outcome = outcome_of(server.url());
      write_all(result.write_end, outcome + " " + std::to_string(files().size()) + " files");
      ::_exit(0);
    }
    result.write_end.reset();
    const std::string outcome = read_all(result.read_end);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(outcome, "1 cannot write '" + target.string() +
                           ".part': No space left on device (make room there, and run it again) 0 files");
  }
}

TEST_F(Download, StopsWhenTheReporterThrows) {
  const HttpServer server({.content = some_content(900'000)});
  recorder.on_progress = [](std::uint64_t) { throw BusyError("interrupted"); };
  EXPECT_EQ(outcome_of(server.url()), "5 interrupted");
}

}  // namespace
}  // namespace meros::image
