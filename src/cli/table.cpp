#include <algorithm>

#include "cli/output.h"

namespace meros::cli {
namespace {

std::string padding(std::size_t used, std::size_t width) { return std::string(width > used ? width - used : 0, ' '); }

}  // namespace

void Table::add(std::vector<Cell> row) {
  for (auto& cell : row) cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::render(const Output& output) const {
  std::vector<std::size_t> widths;
  for (const auto& heading : headings_) widths.push_back(heading.size());
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].text.size());

  std::string text;
  const auto put = [&](std::size_t column, std::string_view cell, Colour colour) {
    text += output.paint(cell, colour);
    text += column + 1 == widths.size() ? "\n" : padding(cell.size(), widths[column]) + "  ";
  };
  for (std::size_t i = 0; i < headings_.size(); ++i) put(i, headings_[i], Colour::none);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) put(i, row[i].text, row[i].colour);
  return text;
}

}  // namespace meros::cli
