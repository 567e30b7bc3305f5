#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <thread>

#include "base/deadline.h"
#include "base/fd.h"
#include "vmm/qemu/qmp.h"

namespace meros::vmm::qemu {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

constexpr auto greeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": []}})";

// QEMU's end of the monitor, on a thread of its own, that follows a script.
class Peer {
 public:
  explicit Peer(Fd socket, std::function<void(Peer&)> script)
      : socket_(std::move(socket)), thread_([this, script = std::move(script)] {
          script(*this);
          socket_.reset();
        }) {}
  ~Peer() { thread_.join(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // As it stands, which may be a part of a line or several; not at all where the client has gone.
  void say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void say_line(std::string_view text) { say(std::string(text) + "\r\n"); }
  void say_json(const Json& message) { say_line(message.dump()); }

  // The client's next command.
  Json hear() {
    std::string line;
    for (char c = 0; ::recv(socket_.get(), &c, 1, 0) == 1;) {
      if (c == '\n') return Json::parse(line);
      line += c;
    }
    return nullptr;
  }
  void answer(const Json& command, const Json& result = Json::object()) {
    say_json({{"return", result}, {"id", command["id"]}});
  }
  void negotiate() {
    say_line(greeting);
    answer(hear());
  }
  // Until the client is gone: a peer that hangs, and yet ends with its test.
  void hang() {
    while (!hear().is_null()) {
    }
  }

 private:
  Fd socket_;
  std::thread thread_;
};

Deadline soon() { return Deadline::after(10s); }

// A client whose peer follows the script after the negotiation.
class Conversation {
 public:
  explicit Conversation(std::function<void(Peer&)> script, bool negotiated = true)
      : ends_(make_socket_pair()),
        peer_(std::move(ends_.theirs),
              [script = std::move(script), negotiated](Peer& peer) {
                if (negotiated) peer.negotiate();
                script(peer);
              }),
        client_(std::make_unique<Qmp>(std::move(ends_.ours))) {
    if (negotiated) client_->greet(soon());
  }
  Qmp* operator->() { return client_.get(); }

 private:
  SocketPair ends_;
  Peer peer_;
  std::unique_ptr<Qmp> client_;  // goes first, so that a peer that waits for it ends
};

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

std::vector<std::string> names_of(const std::vector<QmpEvent>& events) {
  std::vector<std::string> names;
  for (const auto& event : events) names.push_back(event.name);
  return names;
}

std::vector<QmpEvent> wait_for_events(Qmp& client) {
  if (!client.has_more()) wait_for(client.socket(), POLLIN, 10'000);
  return client.take_events();
}

TEST(Qmp, NegotiatesThenGivesTheResultOfACommand) {
  Json heard;
  {
    Conversation qmp([&](Peer& peer) {
      heard = peer.hear();
      peer.answer(heard, {{"status", "running"}});
    });
    EXPECT_EQ(qmp->execute("query-status", {{"a", 1}}, soon()), (Json{{"status", "running"}}));
  }
  EXPECT_EQ(heard, (Json{{"execute", "query-status"}, {"arguments", {{"a", 1}}}, {"id", 2}}));
}

TEST(Qmp, ReadsALineThatComesInPieces) {
  Conversation qmp([](Peer& peer) {
    peer.hear();
    for (const char c : std::string("{\"return\": {}, \"id\": 2}\r\n")) peer.say(std::string_view(&c, 1));
  });
  EXPECT_EQ(qmp->execute("cont", nullptr, soon()), Json::object());
}

TEST(Qmp, ReadsSeveralMessagesThatComeAtOnce) {
  Conversation qmp([](Peer& peer) {
    peer.hear();
    peer.say("{\"event\": \"STOP\"}\n{\"return\": {}, \"id\": 2}\n{\"event\": \"RESUME\"}\n");
    peer.hang();
  });
  qmp->execute("stop", nullptr, soon());
  EXPECT_TRUE(qmp->has_more());
  EXPECT_THAT(names_of(qmp->take_events()), ElementsAre("STOP", "RESUME"));
  EXPECT_FALSE(qmp->has_more());
}

TEST(Qmp, KeepsEventsThatComeBetweenCommandAndAnswer) {
  Conversation qmp([](Peer& peer) {
    const Json command = peer.hear();
    peer.say_json({{"event", "SHUTDOWN"}, {"data", {{"guest", true}, {"reason", "guest-reset"}}}});
    peer.answer(command);
    peer.hang();
  });
  qmp->execute("query-status", nullptr, soon());
  const auto events = qmp->take_events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].name, "SHUTDOWN");
  EXPECT_EQ(events[0].data, (Json{{"guest", true}, {"reason", "guest-reset"}}));
}

TEST(Qmp, TakesEventsThatComeByThemselves) {
  Conversation qmp([](Peer& peer) {
    peer.say_json({{"event", "POWERDOWN"}, {"timestamp", {{"seconds", 1}}}});
    peer.hang();
  });
  EXPECT_THAT(names_of(wait_for_events(*qmp.operator->())), ElementsAre("POWERDOWN"));
  EXPECT_TRUE(qmp->take_events().empty());
  EXPECT_FALSE(qmp->ended());
}

TEST(Qmp, LosesTheOldestEventsThatNobodyTakes) {
  Conversation qmp([](Peer& peer) {
    const Json command = peer.hear();
    for (std::size_t i = 0; i < Qmp::max_events + 7; ++i) peer.say_json({{"event", "E" + std::to_string(i)}});
    peer.answer(command);
  });
  qmp->execute("cont", nullptr, soon());
  const auto events = qmp->take_events();
  ASSERT_EQ(events.size(), Qmp::max_events);
  EXPECT_EQ(events.front().name, "E7");
}

TEST(Qmp, GivesQemusWordsForARefusal) {
  Conversation qmp([](Peer& peer) {
    const Json id = peer.hear()["id"];
    peer.say_json(
        {{"error", {{"class", "GenericError"}, {"desc", "Resetting the Virtual Machine is required"}}}, {"id", id}});
    peer.answer(peer.hear());
  });
  EXPECT_EQ(error_of([&] { qmp->execute("cont", nullptr, soon()); }),
            "QEMU refused 'cont': Resetting the Virtual Machine is required");
  EXPECT_EQ(qmp->execute("query-status", nullptr, soon()), Json::object()) << "the client is of no more use";
}

TEST(Qmp, TakesARefusalWithoutAnIdForTheCommandsAnswer) {
  Conversation qmp([](Peer& peer) {
    peer.hear();
    peer.say_json({{"error", {{"class", "GenericError"}, {"desc", "JSON parse error, invalid keyword"}}}});
  });
  EXPECT_EQ(error_of([&] { qmp->execute("cont", nullptr, soon()); }),
            "QEMU refused 'cont': JSON parse error, invalid keyword");
}

TEST(Qmp, ARefusalMayHaveNoWords) {
  for (const Json& error : {Json("odd"), Json::object(), Json{{"desc", 3}}}) {
    Conversation qmp([&](Peer& peer) { peer.say_json({{"error", error}, {"id", peer.hear()["id"]}}); });
    EXPECT_EQ(error_of([&] { qmp->execute("cont", nullptr, soon()); }), "QEMU refused 'cont': it does not say why");
  }
}

TEST(Qmp, GivesUpAfterItsTimeAndPassesOverTheLateAnswer) {
  Conversation qmp([](Peer& peer) {
    const Json late = peer.hear();
    const Json next = peer.hear();
    peer.answer(late, {{"late", true}});
    peer.answer(next, {{"late", false}});
  });
  EXPECT_THROW(qmp->execute("stop", nullptr, Deadline::after(20ms)), TimeoutError);
  EXPECT_EQ(qmp->execute("cont", nullptr, soon()), (Json{{"late", false}}));
}

TEST(Qmp, AsksWhetherItIsStillWantedWhileItWaits) {
  struct Unwanted {};
  Conversation qmp([](Peer& peer) { peer.hang(); });
  int asked = 0;
  EXPECT_THROW(qmp->execute("cont", nullptr, soon(),
                            [&] {
                              if (++asked == 3) throw Unwanted();
                            }),
               Unwanted);
}

TEST(Qmp, TellsThatTheMonitorWasClosed) {
  Conversation qmp([](Peer& peer) {
    peer.hear();
    peer.say_json({{"event", "SHUTDOWN"}});
    peer.say("{\"return\": {");
  });
  EXPECT_THROW(qmp->execute("cont", nullptr, soon()), QmpClosed);
  EXPECT_THROW(qmp->execute("cont", nullptr, soon()), QmpClosed);
  EXPECT_TRUE(qmp->ended());
  EXPECT_THAT(names_of(qmp->take_events()), ElementsAre("SHUTDOWN"));
}

TEST(Qmp, TakesOneThatSaysThatItEndsAndFallsSilentForClosed) {
  Conversation qmp([](Peer& peer) {
    peer.hear();
    peer.say_json({{"event", "SHUTDOWN"}});
    peer.hang();
  });
  EXPECT_FALSE(qmp->fell_silent());
  EXPECT_THROW(qmp->execute("cont", nullptr, soon()), QmpClosed);
  EXPECT_TRUE(qmp->fell_silent());
  EXPECT_TRUE(qmp->ended());
}

TEST(Qmp, DoesNotWaitForTheAnswerToWhatItTells) {
  Json heard;
  {
    Conversation qmp([&](Peer& peer) {
      heard = peer.hear();
      peer.answer(heard);
      peer.answer(peer.hear(), {{"next", true}});
    });
    qmp->tell("quit", soon());
    EXPECT_EQ(qmp->execute("query-status", nullptr, soon()), (Json{{"next", true}}));
  }
  EXPECT_EQ(heard, (Json{{"execute", "quit"}, {"id", 2}}));
}

TEST(Qmp, AClosedMonitorIsNoErrorForWhoTakesEvents) {
  Conversation qmp([](Peer&) {});
  EXPECT_TRUE(wait_for_events(*qmp.operator->()).empty());
  EXPECT_TRUE(qmp->ended());
}

TEST(Qmp, NamesWhatIsNotTheProtocol) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"HTTP/1.1 200 OK\r\n", "QEMU's monitor sent what is not QMP: HTTP/1.1 200 OK?"},
      {"[1, 2]\n", "QEMU's monitor sent what is not QMP: [1, 2]"},
      {"\n", "QEMU's monitor sent what is not QMP: "},
      {"{\"return\": {}, \"id\": 77}\n", R"(QEMU answered a command that was not given: {"id":77,"return":{}})"},
      {"{\"return\": {}}\n", R"(QEMU answered a command that was not given: {"return":{}})"},
      {"{\"return\": {}, \"id\": \"2\"}\n", R"(QEMU answered a command that was not given: {"id":"2","return":{}})"},
      {"{\"id\": 2}\n", R"(QEMU's answer is neither a result nor an error: {"id":2})"},
      {"{\"event\": 5}\n", "QEMU's monitor sent an event without a name"},
      {"\x1b[2J" + std::string(200, 'x') + "\n",
       "QEMU's monitor sent what is not QMP: ?[2J" + std::string(76, 'x') + "..."},
  };
  for (const auto& [said, message] : cases) {
    Conversation qmp([&, text = said](Peer& peer) {
      peer.hear();
      peer.say(text);
      peer.hang();
    });
    EXPECT_EQ(error_of([&] { qmp->execute("cont", nullptr, soon()); }), message);
    EXPECT_EQ(error_of([&] { qmp->execute("cont", nullptr, soon()); }), message) << "it goes on after nonsense";
    EXPECT_TRUE(qmp->ended());
    EXPECT_TRUE(qmp->take_events().empty());
  }
}

TEST(Qmp, BoundsWhatOneLineMayHold) {
  Conversation qmp([](Peer& peer) {
    peer.hear();
    peer.say("{\"return\": \"" + std::string(2 * Qmp::max_line, 'x') + "\", \"id\": 2}\n");
  });
  EXPECT_EQ(error_of([&] { qmp->execute("cont", nullptr, soon()); }), "QEMU's monitor sent a line of more than 1 MiB");
}

TEST(Qmp, TakesALongLineWithinTheBound) {
  const std::string text(Qmp::max_line - 1000, 'x');
  Conversation qmp([&](Peer& peer) { peer.answer(peer.hear(), text); });
  EXPECT_EQ(qmp->execute("cont", nullptr, soon()), Json(text));
}

TEST(Qmp, WantsAGreetingFirst) {
  Conversation qmp(
      [](Peer& peer) {
        peer.say_line(R"({"return": {}, "id": 1})");
        peer.hang();
      },
      false);
  EXPECT_EQ(error_of([&] { qmp->greet(soon()); }), R"(QEMU did not greet, but said: {"id":1,"return":{}})");
}

TEST(Qmp, TimesOutWithoutAGreeting) {
  Conversation qmp([](Peer& peer) { peer.hang(); }, false);
  EXPECT_EQ(error_of([&] { qmp->greet(Deadline::after(20ms)); }), "QEMU's monitor did not answer in time");
}

TEST(Qmp, APeerThatReadsNothingDoesNotHoldItUp) {
  SocketPair ends = make_socket_pair();
  Qmp qmp(std::move(ends.ours));
  const Json large(std::string(std::size_t{4} << 20, 'x'));
  EXPECT_EQ(error_of([&] {
              qmp.execute("cont", {{"x", large}}, Deadline::after(50ms));
            }),
            "QEMU's monitor did not answer in time");
  EXPECT_EQ(error_of([&] { qmp.execute("cont", nullptr, soon()); }), "a command to QEMU's monitor was cut short");
}

}  // namespace
}  // namespace meros::vmm::qemu
