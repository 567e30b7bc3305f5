#include "vmm/firecracker/api.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <string>

#include "base/error.h"

namespace meros::vmm::firecracker {
namespace {

using namespace std::chrono_literals;

const Plan::Request pause_request{"PATCH", "/vm", R"({"state":"Paused"})"};
const Plan::Request look{"GET", "/", ""};

// The peer is this test: what it says is in the socket before the client asks, or comes while the client waits.
class FirecrackerApi : public testing::Test {
 protected:
  FirecrackerApi() : api_(std::move(pair_.ours)) {}

  void say(std::string_view text) { write_all(pair_.theirs, text); }
  void hang_up() { pair_.theirs.reset(); }
  std::string heard() {
    std::string text(65536, '\0');
    const ssize_t n = ::recv(pair_.theirs.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
  }
  Answer ask(const Plan::Request& request, const StillWanted& still_wanted = {}) {
    return api_.exchange(request, Deadline::after(5s), still_wanted);
  }
  // The message of the error that asking gives.
  std::string failure(const Plan::Request& request, Deadline deadline = Deadline::after(5s)) {
    try {
      api_.exchange(request, deadline, {});
      return "no error";
    } catch (const Error& e) {
      return e.message();
    }
  }

  SocketPair pair_ = make_socket_pair();
  Api api_;
};

TEST_F(FirecrackerApi, SendsHttp) {
  say("HTTP/1.1 204 \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(ask(pause_request).status, 204U);
  EXPECT_EQ(heard(),
            "PATCH /vm HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
            "Content-Length: 18\r\n\r\n{\"state\":\"Paused\"}");
}

TEST_F(FirecrackerApi, SendsNoBodyWithoutOne) {
  say("HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(ask(look).body, "{}");
  EXPECT_EQ(heard(), "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
}

TEST_F(FirecrackerApi, KeepsTheConnectionFromOneAnswerToTheNext) {
  for (int i = 0; i < 3; ++i) {
    say("HTTP/1.1 200 \r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nyes");
    EXPECT_EQ(ask(look).body, "yes");
    say("HTTP/1.1 204 \r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(ask(pause_request).status, 204U);
  }
  EXPECT_TRUE(api_.usable());
}

TEST_F(FirecrackerApi, GivesTheConnectionUpWhereTheOtherEndDoes) {
  say("HTTP/1.1 503 \r\nConnection: close\r\nContent-Length: 4\r\n\r\nfull");
  EXPECT_EQ(ask(look).status, 503U);
  EXPECT_FALSE(api_.usable());
}

TEST_F(FirecrackerApi, TakesAnAnswerByteByByte) {
  const std::string answer =
      "HTTP/1.1 400 \r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n"
      "{\"fault_message\":\"no\"}";
  std::size_t said = 0;
  const Answer got = ask(pause_request, [&] {
    if (said < answer.size()) say(answer.substr(said++, 1));
  });
  EXPECT_EQ(got.status, 400U);
  EXPECT_EQ(got.body, R"({"fault_message":"no"})");
}

TEST_F(FirecrackerApi, AsksWhetherItIsStillWanted) {
  int calls = 0;
  try {
    api_.exchange(look, Deadline::after(5s), [&] {
      if (++calls == 4) throw Error("given up");
    });
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "given up");
  }
  EXPECT_FALSE(api_.usable());
}

TEST_F(FirecrackerApi, AsksAtLeastEveryFiftyMilliseconds) {
  int calls = 0;
  const auto begin = Deadline::clock::now();
  EXPECT_THROW(api_.exchange(look, Deadline::after(400ms), [&] { ++calls; }), TimeoutError);
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::clock::now() - begin);
  EXPECT_GE(waited, 400ms);
  EXPECT_GE(calls, 4);
}

TEST_F(FirecrackerApi, TellsASilentPeer) {
  EXPECT_EQ(failure(look, Deadline::after(20ms)), "Firecracker did not answer GET / in time");
  EXPECT_FALSE(api_.usable());
}

TEST_F(FirecrackerApi, TellsAPeerThatStopsInTheMiddle) {
  say("HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n{}");
  EXPECT_EQ(failure(look, Deadline::after(20ms)), "Firecracker did not answer GET / in time");
}

TEST_F(FirecrackerApi, TellsAPeerThatTalksForEver) {
  say("HTTP/1.1 200 \r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_THROW(api_.exchange(look, Deadline::after(100ms), [&] { say("x"); }), TimeoutError);
}

TEST_F(FirecrackerApi, TellsAnEndBeforeTheAnswer) {
  hang_up();
  EXPECT_EQ(failure(look), "Firecracker closed its API connection at GET /");
  EXPECT_FALSE(api_.usable());
}

TEST_F(FirecrackerApi, TellsAnEndWithinTheAnswer) {
  say("HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n{}");
  hang_up();
  EXPECT_THROW(ask(look), Disconnected);
}

TEST_F(FirecrackerApi, ReadsWhatWasSaidBeforeTheEnd) {
  say("HTTP/1.1 400 \r\nContent-Length: 2\r\n\r\nno");
  hang_up();
  EXPECT_EQ(ask(pause_request).body, "no");
}

TEST_F(FirecrackerApi, RefusesWhatIsNotHttp) {
  say("-ERR unknown command\r\n\r\n");
  EXPECT_EQ(failure(look), "Firecracker's answer to GET / is not HTTP: bad version");
  EXPECT_FALSE(api_.usable());
}

TEST_F(FirecrackerApi, RefusesAnAnswerWithoutEnd) {
  say("HTTP/1.1 200 \r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_EQ(failure(look), "Firecracker's answer to GET / is larger than 1048576 bytes");
}

TEST_F(FirecrackerApi, RefusesHeadersWithoutEnd) {
  std::string headers = "HTTP/1.1 200 \r\n";
  for (int i = 0; i < 500; ++i) headers += "X-Header: some value that is long\r\n";
  say(headers);
  EXPECT_EQ(failure(look), "Firecracker's answer to GET / is not HTTP: header limit exceeded");
}

TEST_F(FirecrackerApi, RefusesChunksWithoutEnd) {
  say("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "1000\r\n" + std::string(0x1000, 'x') + "\r\n";
  try {
    ask(look, [&] { say(chunk); });
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "Firecracker's answer to GET / is larger than 1048576 bytes");
  }
}

TEST_F(FirecrackerApi, SendsMoreThanASocketHolds) {
  const Plan::Request long_one{"PUT", "/x", std::string(std::size_t{2} << 20, 'x')};
  std::size_t received = 0;
  bool answered = false;
  const Answer answer = ask(long_one, [&] {
    for (std::string text = heard(); !text.empty(); text = heard()) received += text.size();
    if (received > long_one.body.size() && !answered) {
      answered = true;
      say("HTTP/1.1 204 \r\n\r\n");
    }
  });
  EXPECT_EQ(answer.status, 204U);
}

}  // namespace
}  // namespace meros::vmm::firecracker
