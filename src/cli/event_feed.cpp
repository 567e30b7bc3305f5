#include "cli/event_feed.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/error.h"
#include "machine/events.h"
#include "machine/state.h"

namespace meros::cli {
namespace {

// Longer than any that we write: a file without line ends is not ours.
constexpr std::size_t longest_line = std::size_t{1} << 20;

bool is_removed(const Fd& directory) {
  struct stat info {};
  return ::fstat(directory.get(), &info) != 0 || info.st_nlink == 0;
}

}  // namespace

EventFeed::Source::Source(Fd directory)
    : volume(std::move(directory)), log(volume, machine::names::events, std::nullopt) {}

void EventFeed::add(const machine::MachineId& id) {
  if (sources_.contains(id)) return;
  Fd volume(::open(machine::volume_of(home_, id).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!volume) {
    if (errno == ENOENT) return;
    throw_errno("cannot open the volume of '" + id.to_string() + "'");
  }
  watch_.add(volume);
  sources_.emplace(id, std::make_unique<Source>(std::move(volume)));
}

std::vector<MachineEvent> EventFeed::take() {
  watch_.clear();
  std::vector<MachineEvent> events;
  for (auto at = sources_.begin(); at != sources_.end();) {
    const bool removed = is_removed(at->second->volume);
    take_from(*at->second, at->first, events);
    at = removed ? sources_.erase(at) : std::next(at);
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const auto& a, const auto& b) { return a.event.at_ms < b.event.at_ms; });
  return events;
}

void EventFeed::take_from(Source& source, const machine::MachineId& id, std::vector<MachineEvent>& events) const {
  for (;;) {
    const std::string bytes = source.log.take();
    if (bytes.empty()) return;
    source.unfinished += bytes;
    std::size_t begin = 0;
    for (std::size_t end; (end = source.unfinished.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto line = std::string_view(source.unfinished).substr(begin, end - begin);
      auto event = machine::parse_event(line);
      if (event && event->at_ms >= since_ms_) events.push_back({id, std::move(*event)});
    }
    source.unfinished.erase(0, begin);
    if (source.unfinished.size() > longest_line) source.unfinished.clear();
  }
}

bool EventFeed::wait(int timeout_ms, int output) {
  std::array<pollfd, 2> polled = {{{watch_.descriptor().get(), POLLIN, 0}, {output, 0, 0}}};
  if (::poll(polled.data(), polled.size(), timeout_ms) < 0 && errno != EINTR) throw_errno("cannot wait for events");
  return (polled[1].revents & (POLLERR | POLLHUP)) == 0;
}

}  // namespace meros::cli
