// SPDX-License-Identifier: Apache-2.0
#include "distributed/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "distributed/communicator.h"
#include "molmo/error.h"

namespace molmo::distributed {
namespace {

std::string shortened(const std::string& value) {
  constexpr size_t kMost = 160;
  return value.size() <= kMost ? value : value.substr(0, kMost) + "...";
}

const std::string* find(const Facts& facts, const std::string& key) {
  const auto found = std::find_if(facts.begin(), facts.end(), [&](const auto& fact) { return fact.first == key; });
  return found == facts.end() ? nullptr : &found->second;
}

}  // namespace

std::string difference(const Facts& own, const Facts& others, int rank) {
  std::string text, also;
  const auto compare = [&](const std::string& key) {
    const std::string *mine = find(own, key), *theirs = find(others, key);
    if (mine != nullptr && theirs != nullptr && *mine == *theirs) return;
    if (!text.empty()) {
      also += (also.empty() ? "" : ", ") + key;
      return;
    }
    const auto value = [](const std::string* said) { return said != nullptr ? shortened(*said) : "nothing"; };
    text = fmt::format("[dist] the ranks differ in {}, got {} on rank {}, expected {} as on rank 0", key, value(theirs),
                       rank, value(mine));
  };
  for (const auto& [key, value] : own) compare(key);
  for (const auto& [key, value] : others) {
    if (find(own, key) == nullptr) compare(key);
  }
  return also.empty() ? text : fmt::format("{} (also in {})", text, shortened(also));
}

void expect_agreement(Communicator& everyone, const Facts& own) {
  const std::vector<std::string> all = everyone.gather_texts(to_text(own), "what the ranks have in common");
  const Facts first = facts_from_text(all.front());
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all.front()) continue;
    const std::string text = difference(first, facts_from_text(all[rank]), static_cast<int>(rank));
    if (!text.empty()) throw Error(text);
  }
}

std::string to_text(const Facts& facts) {
  Json said = Json::array();
  for (const auto& [key, value] : facts) said.push_back({key, value});
  return said.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

Facts facts_from_text(const std::string& text) {
  Facts facts;
  for (const Json& each : Json::parse(text)) facts.emplace_back(each.at(0), each.at(1));
  return facts;
}

}  // namespace molmo::distributed
