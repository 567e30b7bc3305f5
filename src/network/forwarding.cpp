#include "network/forwarding.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/text.h"
#include "network/tap.h"
#include "network/tun.h"

namespace fs = std::filesystem;

namespace meros::network {
namespace {

using namespace std::chrono_literals;

constexpr auto record_directory = "/run/meros";
constexpr auto record_file = "/run/meros/forwarding.json";
constexpr auto lock_file = "/run/meros/lock";
constexpr auto time_for_lock = 30s;

struct Entry {
  std::string former;  // what the sysctl said before
  std::set<std::string> users;
};
using Record = std::map<std::string, Entry>;  // by interface

std::string sysctl_of(const std::string& link) { return fmt::format("/proc/sys/net/ipv4/conf/{}/forwarding", link); }

std::optional<std::string> forwarding_of(const std::string& link) {
  const auto text = read_file_if_exists(sysctl_of(link));
  return text ? std::optional<std::string>(trim(*text)) : std::nullopt;
}

void set_forwarding(const std::string& link, const std::string& value) {
  if (forwarding_of(link).value_or(value) == value) return;  // gone, or so already
  write_all(open_file(sysctl_of(link), O_WRONLY), value);
}

Record read_record() {
  Record record;
  const auto text = read_file_if_exists(record_file);
  if (!text) return record;
  const Json json = parse_json(*text, record_file);
  const Json links = get<Json>(json, "links");
  for (const auto& [link, entry] : links.items()) {
    const auto users = get<std::vector<std::string>>(entry, "users");
    check_interface_name(link, "interface name");
    record[link] = {get<std::string>(entry, "former"), {users.begin(), users.end()}};
  }
  return record;
}

void write_record(const Record& record) {
  if (record.empty()) {
    fs::remove(record_file);
    fs::remove(std::string(record_file) + ".new");  // of one whose writing was cut short
    return;
  }
  Json links = Json::object();
  for (const auto& [link, entry] : record) links[link] = {{"former", entry.former}, {"users", entry.users}};
  // Root's own, also under sudo: what it says is done as root.
  const std::string next = std::string(record_file) + ".new";
  fs::remove(next);
  write_all(open_file(next, O_WRONLY | O_CREAT | O_EXCL, 0644),
            Json{{"schema_version", 1}, {"links", links}}.dump(2) + "\n");
  fs::rename(next, record_file);
}

ProcessLock lock_record() {
  if (::mkdir(record_directory, 0755) != 0 && errno != EEXIST)
    throw_errno(fmt::format("cannot make '{}'", record_directory));
  Fd file = open_file(lock_file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (auto lock = wait_for_lock(file, Deadline::after(time_for_lock))) return std::move(*lock);
  throw BusyError(fmt::format("'{}' is locked by another process", lock_file));
}

// Takes the user from all entries but that of `kept`, and puts back what nobody needs any more.
void release(Record& record, const std::string& user, const std::string& kept) {
  for (auto entry = record.begin(); entry != record.end();) {
    auto& users = entry->second.users;
    if (entry->first != kept) users.erase(user);
    std::erase_if(users, [&](const std::string& other) { return other != user && !find_link(other); });
    if (!users.empty()) {
      ++entry;
      continue;
    }
    set_forwarding(entry->first, entry->second.former);
    entry = record.erase(entry);
  }
}

}  // namespace

void need_forwarding(const std::string& user, const std::string& link) {
  const ProcessLock lock = lock_record();
  Record record = read_record();
  release(record, user, link);
  const auto found = record.find(link);
  const auto now = forwarding_of(link);
  if (found != record.end()) {
    found->second.users.insert(user);
  } else if (now && now != "1") {
    check_interface_name(link, "interface name");
    record[link] = {*now, {user}};
  }
  // Before it is done: who finds it recorded and not done has nothing to mend.
  write_record(record);
  set_forwarding(link, "1");
}

void need_no_forwarding(const std::string& user) {
  if (!fs::exists(record_file)) return;
  const ProcessLock lock = lock_record();
  Record record = read_record();
  release(record, user, "");
  write_record(record);
}

}  // namespace meros::network
