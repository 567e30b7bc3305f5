#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "constellation/manifest_check.h"

namespace meros::constellation {
namespace {

// Machines of one `count` wait for the same, so whole groups are looked at.
class DependencyGraph {
 public:
  DependencyGraph(Reading& reading, const std::vector<MachineDraft>& drafts) : reading_(reading), drafts_(drafts) {
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      groups_.try_emplace(drafts[i].name, i);
      if (drafts[i].count > 1)
        for (unsigned n = 1; n <= drafts[i].count; ++n) groups_.try_emplace(indexed(drafts[i].name, n), i);
    }
  }

  void check() {
    for (std::size_t i = 0; i < drafts_.size(); ++i) resolve(i);
    marks_.assign(drafts_.size(), Mark::fresh);
    find_cycles();
  }

 private:
  struct Edge {
    std::size_t to;
    Position at;
  };

  void resolve(std::size_t from) {
    const MachineDraft& draft = drafts_[from];
    edges_.emplace_back();
    for (std::size_t i = 0; i < draft.depends_on.size(); ++i) {
      const std::string& name = draft.depends_on[i];
      const Position at = draft.written.of(fmt::format("depends_on[{}]", i));
      const auto found = groups_.find(name);
      if (found == groups_.end()) {
        unknown(name, at);
      } else if (found->second == from) {
        reading_.error(at, fmt::format("{} depends on itself", in_quotes(draft.name)));
      } else {
        edges_.back().push_back({found->second, at});
      }
    }
  }

  void unknown(const std::string& name, Position at) {
    std::vector<std::string> names;
    std::string help;
    for (const auto& each : drafts_) {
      names.push_back(each.name);
      if (each.count > 1 && name.starts_with(each.name + "-"))
        help = fmt::format("there are {} to {}", in_quotes(indexed(each.name, 1)),
                           in_quotes(indexed(each.name, static_cast<unsigned>(each.count))));
    }
    if (help.empty()) help = reading_.did_you_mean(name, names);
    if (help.empty()) help = listed(names, "machines");
    reading_.error(at, fmt::format("machine {} is not defined", in_quotes(name)), std::move(help));
  }

  // Depth first without recursion, for a chain may be as long as there are machines.
  void find_cycles() {
    for (std::size_t start = 0; start < drafts_.size(); ++start) {
      if (marks_[start] != Mark::fresh) continue;
      enter(start);
      while (!path_.empty()) {
        Step& step = path_.back();
        if (step.next == edges_[step.group].size()) {
          marks_[step.group] = Mark::done;
          path_.pop_back();
        } else {
          follow(edges_[step.group][step.next++]);
        }
      }
    }
  }

  void enter(std::size_t group) {
    marks_[group] = Mark::on_path;
    path_.push_back({group});
  }

  void follow(const Edge& edge) {
    if (marks_[edge.to] == Mark::fresh)
      enter(edge.to);
    else if (marks_[edge.to] == Mark::on_path)
      report(edge);
  }

  void report(const Edge& closing) {
    constexpr std::size_t longest_shown = 12;
    const auto begin = std::find_if(path_.begin(), path_.end(), [&](const Step& s) { return s.group == closing.to; });
    std::vector<std::string> names;
    for (auto step = begin; step != path_.end() && names.size() < longest_shown; ++step)
      names.push_back(harmless(drafts_[step->group].name));
    if (static_cast<std::size_t>(path_.end() - begin) > longest_shown) names.emplace_back("...");
    names.push_back(harmless(drafts_[closing.to].name));
    reading_.error(closing.at, fmt::format("these machines wait for each other: {}", join(names, " -> ")),
                   "take one of the dependencies out");
  }

  enum class Mark { fresh, on_path, done };
  struct Step {
    std::size_t group;
    std::size_t next = 0;  // edge to follow
  };

  Reading& reading_;
  const std::vector<MachineDraft>& drafts_;
  std::unordered_map<std::string, std::size_t> groups_;  // names of groups and of their members
  std::vector<std::vector<Edge>> edges_;
  std::vector<Mark> marks_;
  std::vector<Step> path_;
};

}  // namespace

void check_dependencies(Reading& reading, const std::vector<MachineDraft>& machines) {
  DependencyGraph(reading, machines).check();
}

}  // namespace meros::constellation
