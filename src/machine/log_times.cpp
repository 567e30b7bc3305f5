#include "machine/log_times.h"

#include <algorithm>

namespace meros::machine {
namespace {

constexpr std::size_t number_size = 8;

void put_number(std::array<char, log_time_size>& record, std::size_t at, std::uint64_t number) {
  for (std::size_t i = 0; i < number_size; ++i) record[at + i] = static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t get_number(std::string_view record, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = number_size; i > 0; --i) number = number << 8 | static_cast<unsigned char>(record[at + i - 1]);
  return number;
}

}  // namespace

std::array<char, log_time_size> encode(const LogTime& time) {
  std::array<char, log_time_size> record{};
  put_number(record, 0, static_cast<std::uint64_t>(time.at_ms));
  put_number(record, number_size, time.place.inode);
  put_number(record, 2 * number_size, time.place.offset);
  return record;
}

LogTimes::LogTimes(std::string_view records) {
  for (; records.size() >= log_time_size; records.remove_prefix(log_time_size))
    times_.push_back({static_cast<std::int64_t>(get_number(records, 0)),
                      {get_number(records, number_size), get_number(records, 2 * number_size)}});
}

std::optional<std::int64_t> LogTimes::at(const LogPlace& place) const {
  if (times_.empty()) return std::nullopt;
  const auto in_file = [&](const LogTime& time) { return time.place.inode == place.inode; };
  // An inode is used again after a rotation: only its last records count.
  const auto end = std::find_if(times_.rbegin(), times_.rend(), in_file).base();
  if (end == times_.begin()) return times_.front().at_ms;
  auto begin = end - 1;
  while (begin != times_.begin() && in_file(*(begin - 1)) && (begin - 1)->place.offset <= begin->place.offset) --begin;
  const auto after = std::upper_bound(
      begin, end, place.offset, [](std::uint64_t offset, const LogTime& time) { return offset < time.place.offset; });
  // What came before a file's first record was written after all that is in the file before it.
  return after == times_.begin() ? times_.front().at_ms : (after - 1)->at_ms;
}

}  // namespace meros::machine
