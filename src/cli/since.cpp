#include "cli/since.h"

#include <array>
#include <ctime>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/text.h"
#include "cli/output.h"

namespace meros::cli {
namespace {

std::optional<std::int64_t> seconds_of_unit(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    default:
      return std::nullopt;
  }
}

std::optional<std::int64_t> parse_ago(std::string_view text) {
  constexpr std::uint64_t most = 1'000'000'000;
  if (text.empty()) return std::nullopt;
  const auto unit = seconds_of_unit(text.back());
  const auto count = parse_unsigned(text.substr(0, text.size() - 1));
  if (!unit || !count || *count > most) return std::nullopt;
  return static_cast<std::int64_t>(*count) * *unit * 1000;
}

// YYYY-MM-DDThh:mm:ss[.fff]Z
std::optional<std::int64_t> parse_instant(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= form.size() || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == 'd' ? !digit : text[i] != form[i]) return std::nullopt;
  }
  const auto fraction = text.substr(form.size(), text.size() - form.size() - 1);
  if (!fraction.empty() && (fraction[0] != '.' || !parse_unsigned(fraction.substr(1)))) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    return static_cast<int>(*parse_unsigned(text.substr(at, size)));
  };
  std::tm utc{};
  utc.tm_year = number(0, 4) - 1900;
  utc.tm_mon = number(5, 2) - 1;
  utc.tm_mday = number(8, 2);
  utc.tm_hour = number(11, 2);
  utc.tm_min = number(14, 2);
  utc.tm_sec = number(17, 2);
  const std::tm asked = utc;
  const std::time_t seconds = ::timegm(&utc);
  // timegm takes the 31st of June for the 1st of July.
  if (utc.tm_mon != asked.tm_mon || utc.tm_mday != asked.tm_mday || utc.tm_hour != asked.tm_hour ||
      utc.tm_min != asked.tm_min)
    return std::nullopt;
  return static_cast<std::int64_t>(seconds) * 1000;
}

}  // namespace

std::int64_t parse_since(std::string_view text, std::int64_t now_ms) {
  if (const auto ago = parse_ago(text)) return now_ms - *ago;
  if (const auto instant = parse_instant(text)) return *instant;
  throw UsageError("--since: '" + printable(text) + "' is not a time",
                   "write it as 10m, 2h, 7d or 2026-01-31T12:00:00Z");
}

}  // namespace meros::cli
