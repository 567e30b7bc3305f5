// What goes to stdout: text, tables, JSON and YAML.
#pragma once

#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace meros::cli {

enum class Format { table, json, yaml };
Format parse_format(std::string_view text);  // UsageError for another word

enum class Colour { none, red, green, yellow, dim };

// A stream to a descriptor that is not ours. Each write goes out at once, whole, and may come from any thread.
class Output {
 public:
  explicit Output(int descriptor);

  // Throws SystemError (a full disk). A reader that went away is no error: what it does not want is dropped.
  void write(std::string_view text);
  // The reader went away.
  bool closed() const;
  bool is_terminal() const { return is_terminal_; }
  // `text` in a colour, where the terminal has colours and NO_COLOR is not set.
  std::string paint(std::string_view text, Colour colour) const;

  // One whole document; never for Format::table.
  void print(const nlohmann::json& document, Format format);

 private:
  int descriptor_;
  bool is_terminal_;
  bool colours_;
  mutable std::mutex mutex_;
  bool closed_ = false;
};

// Columns as wide as their widest cell, two blanks between them, nothing after the last. Cells are made printable.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  struct Cell {
    Cell(std::string t, Colour c = Colour::none) : text(std::move(t)), colour(c) {}
    Cell(const char* t) : text(t) {}
    std::string text;
    Colour colour = Colour::none;
  };
  // As many cells as there are headings.
  void add(std::vector<Cell> row);
  std::string render(const Output& output) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

// JSON in two-blank indentation with a line end; bytes that are not UTF-8 become U+FFFD.
std::string to_json_text(const nlohmann::json& document);
// The same values as YAML 1.2, readable as YAML 1.1 too: every string that could be taken for something else is quoted.
std::string to_yaml_text(const nlohmann::json& document);

// One line that cannot drive a terminal: control characters become '?', as do bytes that are not UTF-8.
std::string printable(std::string_view text);
// The same for text of several lines: line ends and tabs stay.
std::string printable_lines(std::string_view text);

}  // namespace meros::cli
