// What the built programs say and exit with, as a shell sees it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "cli/option_list.h"
#include "machine/home.h"
#include "place.h"

namespace meros::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Program, TellsItsVersion) {
  const Place place;
  EXPECT_EQ(place.meros({"--version"}), (Ran{0, "meros " MEROS_VERSION "\n", ""}));
  EXPECT_EQ(place.mergenc({"--version"}), (Ran{0, "mergenc " MEROS_VERSION "\n", ""}));
  EXPECT_EQ(place.meros({"version"}), (Ran{0, "meros " MEROS_VERSION "\n", ""}));
  EXPECT_EQ(place.meros({"version", "-o", "yaml"}), (Ran{0, "name: meros\nversion: \"" MEROS_VERSION "\"\n", ""}));
}

class HelpOf : public testing::TestWithParam<machine::Face> {
 protected:
  std::string program() const { return GetParam() == machine::Face::meros ? "meros" : "mergenc"; }
};

TEST_P(HelpOf, TheProgramNamesEachVerb) {
  const Place place;
  const Ran help = place.run(program(), {"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_EQ(help.err, "");
  for (const auto& verb : cli::describe_verbs(GetParam())) {
    EXPECT_THAT(help.out, HasSubstr("\n  " + verb.name + " "));
    EXPECT_THAT(help.out, HasSubstr(verb.summary));
  }
}

TEST_P(HelpOf, EachVerbNamesEachOption) {
  const Place place;
  for (const auto& verb : cli::describe_verbs(GetParam())) {
    auto arguments = split(verb.name, ' ');
    arguments.emplace_back("--help");
    const Ran help = place.run(program(), arguments);
    EXPECT_EQ(help.code, 0) << verb.name;
    EXPECT_EQ(help.err, "") << verb.name;
    EXPECT_THAT(help.out, HasSubstr("Usage: " + program() + " " + verb.name)) << verb.name;
    for (const auto& option : verb.options) {
      EXPECT_THAT(help.out, HasSubstr(option.names.back())) << verb.name;
      EXPECT_FALSE(option.description.empty()) << verb.name << " " << option.names.back();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Faces, HelpOf, testing::Values(machine::Face::meros, machine::Face::mergenc));

TEST(Program, RefusesWhatItDoesNotUnderstand) {
  const Place place;
  EXPECT_EQ(place.meros({"strat", "web"}), (Ran{2, "", "meros: unknown verb 'strat'\nhint: did you mean 'start'?\n"}));
  EXPECT_EQ(place.meros({}), (Ran{2, "", "meros: no verb is given\nhint: see 'meros --help'\n"}));
  EXPECT_EQ(place.meros({"stop", "--forse", "web"}),
            (Ran{2, "", "meros: stop: unexpected: --forse\nhint: did you mean '--force'?\n"}));
  EXPECT_EQ(place.meros({"ps", "web"}), (Ran{2, "", "meros: ps: unexpected: web\nhint: see 'meros ps --help'\n"}));
  EXPECT_EQ(place.meros({"console"}),
            (Ran{2, "", "meros: console: TARGET is required\nhint: see 'meros console --help'\n"}));
  EXPECT_EQ(place.meros({"ps", "-o", "xml"}),
            (Ran{2, "", "meros: --output: 'xml' is not a format\nhint: it is table, json or yaml\n"}));
  EXPECT_EQ(place.meros({"start"}), (Ran{2, "", "meros: no TARGET is given\nhint: name machines, or pass --all\n"}));
  EXPECT_EQ(place.meros({"start", "--all", "web"}),
            (Ran{2, "", "meros: --all and a TARGET exclude each other\nhint: see 'meros start --help'\n"}));
  EXPECT_EQ(
      place.meros({"stop", "--timeout", "soon", "web"}),
      (Ran{2, "",
           "meros: --timeout: 'soon' is not a number of seconds\nhint: write it as 30 or 0.5; a week is the most\n"}));
  EXPECT_EQ(place.meros({"start", "-j", "0", "web"}).code, 2);
  EXPECT_EQ(place.meros({"wait", "--for", "tea", "web"}).code, 2);
  EXPECT_EQ(place.meros({"create", "--cpus", "many", "web"}).code, 2);
  EXPECT_EQ(place.meros({"logs", "--tail", "-1", "web"}).code, 2);
  EXPECT_EQ(place.meros({"events", "--since", "yesterday"}).code, 2);
  EXPECT_EQ(place.meros({"completion", "csh"}).code, 2);
}

TEST(Program, TakesABridgeOrNoNetworkButNotBoth) {
  const Place place;
  EXPECT_EQ(place.meros({"create", "web", "--bridge", "br0", "--no-network"}).code, 2);
}

TEST(Program, AsksWhichProgramIsMeant) {
  const Place place;
  EXPECT_EQ(place.meros({"create", "web", "--no-network", "--firecracker-bin", "fc", "--qemu-bin", "qemu"}).err,
            "meros: --firecracker-bin and --qemu-bin are both given\nhint: say which is meant with --driver\n");
  EXPECT_EQ(place.meros({"create", "web", "--no-network", "--driver", "qemu", "--firecracker-bin", "fc"}).err,
            "meros: --firecracker-bin is given for a machine on QEMU\nhint: name it with --qemu-bin\n");
}

TEST(Program, ExitsWith3ForWhatMakesNoSense) {
  const Place place;
  const Ran bad_name = place.meros({"start", "a b"});
  EXPECT_EQ(bad_name.code, 3);
  EXPECT_THAT(bad_name.err, StartsWith("meros: the machine name 'a b' is not valid\nhint: "));
  EXPECT_EQ(place.meros({"create", "web", "--no-network", "--memory", "lots"}),
            (Ran{3, "", "meros: --memory 'lots' is not a size\nhint: write it as 512 (MiB), 512M or 2G\n"}));
}

TEST(Program, ExitsWith4ForWhatIsNotThere) {
  const Place place;
  place.add_machine("web");
  EXPECT_EQ(place.meros({"start", "wbe"}), (Ran{4, "", "meros: no such machine 'wbe'\nhint: did you mean 'web'?\n"}));
  for (const auto& verb :
       {"stop", "restart", "pause", "resume", "delete", "info", "logs", "console", "supervise", "events"})
    EXPECT_EQ(place.meros({verb, "nothing-of-that-name"}).code, 4) << verb;
  EXPECT_EQ(place.meros({"wait", "--for", "running", "nothing-of-that-name"}).code, 4);
}

TEST(Program, ExitsWith5WhileAnotherVerbIsAtIt) {
  const Place place;
  place.add_machine("web");
  place.write("data/volumes/.locks/web", "stop 4711\n");
  const auto lock = ProcessLock::try_take(open_file(place.path() / "data/volumes/.locks/web", O_RDWR));
  ASSERT_TRUE(lock);
  const Ran ran = place.meros({"delete", "web", "--lock-timeout", "0"});
  EXPECT_EQ(ran.code, 5);
  EXPECT_THAT(ran.err, HasSubstr("machine 'web' is in use by 'stop' by process 4711"));
  EXPECT_TRUE(std::filesystem::exists(place.volume("web")));
}

TEST(Program, ExitsWith6ForAnotherUsersMachine) {
  const Place place;
  place.add_machine("web", ::geteuid() + 1);
  const Ran ran = place.meros({"start", "web"});
  EXPECT_EQ(ran.code, 6);
  EXPECT_THAT(ran.err, HasSubstr("'web'"));
  EXPECT_THAT(ran.err, HasSubstr("hint: run: sudo -u"));
}

TEST(Program, ExitsWith124AfterItsTime) {
  const Place place;
  place.add_machine("web");
  EXPECT_EQ(place.meros({"wait", "--for", "running", "--timeout", "0.01", "web"}),
            (Ran{124, "", "meros: machine 'web' is still created\n"}));
  EXPECT_EQ(place.meros({"wait", "--for", "stopped", "web"}), (Ran{0, "web is stopped\n", ""}));
}

TEST(Program, DoesAllThatItCanAndExitsWithTheWorst) {
  const Place place;
  place.add_machine("one");
  place.add_machine("two");
  const Ran ran = place.meros({"delete", "one", "nothing-of-that-name", "two"});
  EXPECT_EQ(ran.code, 4);
  EXPECT_THAT(ran.out, HasSubstr("deleted one\n"));
  EXPECT_THAT(ran.out, HasSubstr("deleted two\n"));
  EXPECT_THAT(ran.err, StartsWith("meros: no such machine 'nothing-of-that-name'\n"));
  EXPECT_FALSE(std::filesystem::exists(place.volume("one")));
  EXPECT_FALSE(std::filesystem::exists(place.volume("two")));
}

TEST(Program, TellsWhatBecameOfEachInOneDocument) {
  const Place place;
  place.add_machine("one");
  const Ran ran = place.meros({"delete", "one", "nothing-of-that-name", "-o", "json"});
  EXPECT_EQ(ran.code, 4);
  const Json document = parse_json(ran.out, "stdout");
  ASSERT_EQ(document.size(), 2u);
  EXPECT_EQ(document[0], (Json{{"machine", "one"}, {"ok", true}, {"deleted", true}}));
  EXPECT_EQ(document[1]["machine"], "nothing-of-that-name");
  EXPECT_EQ(document[1]["ok"], false);
  EXPECT_EQ(document[1]["error"]["code"], 4);
  EXPECT_EQ(document[1]["error"]["message"], "no such machine 'nothing-of-that-name'");
}

TEST(Program, DoesEachMachineOnce) {
  const Place place;
  place.add_machine("one");
  EXPECT_EQ(place.meros({"delete", "one", "one"}), (Ran{0, "deleted one\n", ""}));
}

TEST(Program, DeletesWhatIsNotThereWhereThatIsAllowed) {
  const Place place;
  EXPECT_EQ(place.meros({"delete", "--if-exists", "web"}), (Ran{0, "web is not there\n", ""}));
  EXPECT_EQ(place.meros({"rm", "--if-exists", "web", "-o", "json"}).code, 0);
}

TEST(Program, SaysThatThereIsNothingToDo) {
  const Place place;
  EXPECT_EQ(place.meros({"stop", "--all"}), (Ran{0, "", "meros: there are no machines\n"}));
  EXPECT_EQ(place.meros({"stop", "--all", "-o", "json"}).out, "[]\n");
  place.add_machine("web");
  EXPECT_EQ(place.meros({"stop", "web"}), (Ran{0, "web is already stopped\n", ""}));
}

constexpr auto headings = "NAME  STATE  DRIVER  ACCEL  CPUS  MEMORY  ADDRESS  UPTIME\n";

TEST(Ps, ListsNothingWhereNothingIs) {
  const Place place;
  EXPECT_EQ(place.meros({"ps"}), (Ran{0, headings, ""}));
  EXPECT_EQ(place.meros({"ps", "-o", "json"}), (Ran{0, "[]\n", ""}));
  EXPECT_EQ(place.meros({"ps", "-o", "yaml"}), (Ran{0, "[]\n", ""}));
  EXPECT_EQ(place.meros({"ps", "-q"}), (Ran{0, "", ""}));
  EXPECT_EQ(place.mergenc({"list"}), (Ran{0, headings, ""}));
}

TEST(Ps, ListsThoseThatDoNotRunWhereTheyAreAskedFor) {
  const Place place;
  place.add_machine("web");
  place.add_machine("lab/db");
  EXPECT_EQ(place.meros({"ps"}), (Ran{0, headings, ""}));
  EXPECT_EQ(place.meros({"ps", "-a"}).out,
            "NAME    STATE    DRIVER  ACCEL  CPUS  MEMORY   ADDRESS  UPTIME\n"
            "lab/db  created  qemu    tcg    2     512 MiB  -        -\n"
            "web     created  qemu    tcg    2     512 MiB  -        -\n");
  EXPECT_EQ(place.meros({"ps", "-a", "-q"}).out, "lab/db\nweb\n");
  const Json document = parse_json(place.meros({"ps", "-a", "-o", "json"}).out, "stdout");
  ASSERT_EQ(document.size(), 2u);
  EXPECT_EQ(document[1]["name"], "web");
  EXPECT_EQ(document[1]["state"], "created");
  EXPECT_EQ(document[1]["cpus"], 2);
}

TEST(Ps, ShowsAMachineWhoseConfigIsBroken) {
  const Place place;
  place.write("data/volumes/web/config.json", "{\"name\": \"\x1b[2Jweb\"");
  const Ran ran = place.meros({"ps", "-a"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("web   created  ?"));
  EXPECT_THAT(ran.err, HasSubstr("meros: warning: web: "));
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("\x1b")));
  EXPECT_EQ(place.meros({"start", "web"}).code, 3);
}

TEST(Ps, FindsTheDataDirectory) {
  const Place place;
  place.add_machine("web");
  const Place elsewhere;
  const std::string data = place.path() / "data";
  EXPECT_EQ(elsewhere.meros({"--data-dir", data, "ps", "-aq"}).out, "web\n");
  EXPECT_EQ(elsewhere.meros({"ps", "-aq", "--data-dir", data}).out, "web\n");
  Command command = elsewhere.command("meros", {"ps", "-aq"});
  command.environment.push_back("MEROS_DATA_DIR=" + data);
  EXPECT_EQ(run(command).out, "web\n");
}

TEST(Ps, SaysMoreOnRequest) {
  const Place place;
  const std::string volumes = place.path() / "data/volumes";
  EXPECT_EQ(place.meros({"-v", "ps"}).err, "meros: machines are in '" + volumes + "'\n");
  const Ran debug = place.meros({"--debug", "ps"});
  EXPECT_THAT(debug.err, testing::MatchesRegex("\\[ +[0-9.]+\\] meros: machines are in '.*'\n"));
}

TEST(Info, IsAnObjectForOneMachineAndAnArrayForSeveral) {
  const Place place;
  place.add_machine("web");
  const Json one = parse_json(place.meros({"info", "web", "-o", "json"}).out, "stdout");
  ASSERT_TRUE(one.is_object());
  EXPECT_EQ(one["kernel_args"], "console=ttyS0");
  EXPECT_EQ(one["disks"], Json::array());
  EXPECT_TRUE(parse_json(place.meros({"info", "-o", "json"}).out, "stdout").is_array());
  place.add_machine("db");
  EXPECT_EQ(parse_json(place.meros({"info", "web", "db", "-o", "json"}).out, "stdout").size(), 2u);
}

TEST(Info, TellsPeopleAboutAMachine) {
  const Place place;
  place.add_machine("web");
  const Ran ran = place.meros({"info", "web"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out,
            "web\n"
            "  state       created\n"
            "  driver      qemu (accel tcg)\n"
            "  program     /usr/bin/qemu-system-x86_64\n"
            "  hardware    2 x x86_64, 512 MiB\n"
            "  kernel      kernel\n"
            "  arguments   console=ttyS0\n"
            "  network     none\n"
            "  restart     no\n"
            "  created     2026-01-31T12:00:00.000Z\n"
            "  volume      " +
                place.volume("web").string() + "\n");
}

TEST(Logs, PrintsTheConsolesLog) {
  const Place place;
  place.add_machine("web");
  EXPECT_EQ(place.meros({"logs", "web"}), (Ran{0, "", ""})) << "a machine that was never started has said nothing";
  place.write("data/volumes/web/console.log", "one\r\n\x1b[2Jtwo\r\nthree\r\n");
  EXPECT_EQ(place.meros({"logs", "web"}), (Ran{0, "one\r\n\x1b[2Jtwo\r\nthree\r\n", ""})) << "a pipe gets every byte";
  EXPECT_EQ(place.meros({"logs", "web", "--tail", "1"}).out, "three\r\n");
  EXPECT_EQ(place.meros({"logs", "web", "-n0"}).out, "");
  place.write("data/volumes/web/qemu.log", "qemu: hello\n");
  EXPECT_EQ(place.meros({"logs", "--vmm", "web"}).out, "qemu: hello\n");
}

TEST(Logs, DoNotDriveTheTerminal) {
  const Place place;
  place.add_machine("web");
  place.write("data/volumes/web/console.log", "a\r\n\x1b[2J\x1b[31mred\x1b[0m\x1b[6n\r\n");
  EXPECT_EQ(place.on_terminal({"logs", "web"}, "", {"TERM=xterm"}).out, "a\r\n\x1b[31mred\x1b[0m\r\n");
}

TEST(Events, AreOneDocumentInOrderOfTime) {
  const Place place;
  place.add_machine("web");
  place.add_machine("db");
  place.write(
      "data/volumes/web/events.jsonl",
      "{\"at_ms\": 1000, \"event\": \"created\", \"detail\": \"qemu\"}\n{\"at_ms\": 3000, \"event\": \"starting\"}\n");
  place.write("data/volumes/db/events.jsonl", "{\"at_ms\": 2000, \"event\": \"created\"}\nnot an event\n{\"at_ms\"");
  EXPECT_EQ(place.meros({"events"}), (Ran{0,
                                          "1970-01-01T00:00:01.000Z  web  created  qemu\n"
                                          "1970-01-01T00:00:02.000Z  db  created\n"
                                          "1970-01-01T00:00:03.000Z  web  starting\n",
                                          ""}));
  const Json document = parse_json(place.meros({"events", "web", "-o", "json"}).out, "stdout");
  ASSERT_EQ(document.size(), 2u);
  EXPECT_EQ(document[0], (Json{{"at", "1970-01-01T00:00:01.000Z"},
                               {"at_ms", 1000},
                               {"machine", "web"},
                               {"event", "created"},
                               {"detail", "qemu"}}));
  EXPECT_EQ(place.meros({"events", "--since", "1970-01-01T00:00:02Z"}).out,
            "1970-01-01T00:00:02.000Z  db  created\n1970-01-01T00:00:03.000Z  web  starting\n");
}

TEST(Gc, SaysThatThereIsNothing) {
  const Place place;
  EXPECT_EQ(place.meros({"gc"}), (Ran{0, "", "meros: there is nothing to mend\n"}));
  EXPECT_EQ(place.meros({"gc", "-o", "json"}).out, "{\n  \"done\": []\n}\n");
}

TEST(Console, SaysHowToGetOne) {
  const Place place;
  place.add_machine("web");
  EXPECT_EQ(place.meros({"console", "web"}),
            (Ran{1, "", "meros: machine 'web' does not run\nhint: start it: meros start web\n"}));
}

TEST(Program, HasColoursOnATerminalUnlessTheyAreUnwanted) {
  const Place place;
  place.add_machine("web");
  EXPECT_THAT(place.on_terminal({"ps", "-a"}, "", {"TERM=xterm"}).out, HasSubstr("\x1b[2mcreated\x1b[0m"));
  EXPECT_THAT(place.on_terminal({"ps", "-a"}, "", {"TERM=xterm", "NO_COLOR=1"}).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(place.on_terminal({"ps", "-a"}, "", {"TERM=dumb"}).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(place.on_terminal({"strat"}, "", {"TERM=xterm"}).out, StartsWith("\x1b[31mmeros:\x1b[0m unknown verb"));
}

TEST(Program, AsksBeforeItDeletesEverything) {
  const Place place;
  place.add_machine("web");
  const Ran refused = place.on_terminal({"delete", "--all"}, "n\r", {"TERM=dumb"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.out, HasSubstr("delete all 1 machines with their disks? [y/N] "));
  EXPECT_THAT(refused.out, HasSubstr("meros: nothing was deleted\r\n"));
  EXPECT_TRUE(std::filesystem::exists(place.volume("web")));
  const Ran agreed = place.on_terminal({"delete", "--all"}, "y\r", {"TERM=dumb"});
  EXPECT_EQ(agreed.code, 0);
  EXPECT_FALSE(std::filesystem::exists(place.volume("web")));
}

TEST(Program, DoesNotAskWithoutATerminalOrWhereItWasTold) {
  const Place place;
  place.add_machine("web");
  EXPECT_EQ(place.meros({"delete", "--all"}), (Ran{0, "deleted web\n", ""}));
  place.add_machine("web");
  EXPECT_EQ(place.on_terminal({"delete", "--all", "--yes"}, "", {"TERM=dumb"}).out, "deleted web\r\n");
}

TEST(Program, IsQuietWhenNobodyReadsItsOutput) {
  const Place place;
  place.add_machine("web");
  Pipe pipe = make_pipe();
  pipe.read_end.reset();
  Pipe errors = make_pipe();
  Command command = place.command("meros", {"ps", "-a"});
  command.pass(pipe.write_end.get(), STDOUT_FILENO);
  command.pass(errors.write_end.get(), STDERR_FILENO);
  EXPECT_EQ(spawn(command).wait().shell_code(), 0);
  errors.write_end.reset();
  EXPECT_EQ(read_all(errors.read_end), "");
}

TEST(Program, DoesItsWorkThoughNobodyReads) {
  const Place place;
  place.add_machine("web");
  Pipe pipe = make_pipe();
  pipe.read_end.reset();
  Command command = place.command("meros", {"delete", "web"});
  command.pass(pipe.write_end.get(), STDOUT_FILENO);
  EXPECT_EQ(spawn(command).wait().shell_code(), 0);
  EXPECT_FALSE(std::filesystem::exists(place.volume("web")));
}

TEST(Program, FailsWhereItsOutputCannotBeWritten) {
  const Place place;
  const Fd full = open_file("/dev/full", O_WRONLY);
  Command command = place.command("meros", {"ps"});
  command.pass(full.get(), STDOUT_FILENO);
  EXPECT_EQ(spawn(command).wait().shell_code(), 1);
}

// No Command can do this: it always gives all three.
TEST(Program, RunsWithoutStandardDescriptors) {
  const Place place;
  const std::string program = std::string(MEROS_BINARY_DIR) + "/bin/meros";
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (int standard = 0; standard < 3; ++standard) ::close(standard);
    ::execl(program.c_str(), "meros", "--data-dir", place.path().c_str(), "ps", nullptr);
    ::_exit(99);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace meros::test
