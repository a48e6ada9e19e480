// SPDX-License-Identifier: Apache-2.0
#include "hub/repo_id.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace molmo::hub {
namespace {

constexpr const char* kDefaultRevision = "main";
constexpr size_t kCommitDigits = 40, kLongestName = 96, kLongestRevision = 200;

bool has_only(std::string_view text, std::string_view beside_letters_and_digits) {
  return std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return std::isalnum(c) || beside_letters_and_digits.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

// "--" stands for the slash in the names of the cache's folders.
bool is_name(std::string_view part) {
  return !part.empty() && part.front() != '.' && part.front() != '-' && part.find("..") == std::string_view::npos &&
         part.find("--") == std::string_view::npos && has_only(part, "-_.");
}

bool is_revision(const std::string& revision) {
  const std::vector<std::string> parts = split_text(revision, '/');
  return revision.size() <= kLongestRevision && std::all_of(parts.begin(), parts.end(), [](const std::string& part) {
           return !part.empty() && part.front() != '.' && part.front() != '-' && has_only(part, "-_.+");
         });
}

}  // namespace

bool is_hash(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool RepoId::is_commit() const { return revision.size() == kCommitDigits && is_hash(revision); }

std::optional<RepoId> parse_repo_id(const std::string& text) {
  const size_t at = text.find('@');
  RepoId id{.name = text.substr(0, at), .revision = at == std::string::npos ? kDefaultRevision : text.substr(at + 1)};
  const std::vector<std::string> parts = split_text(id.name, '/');
  const bool is_good = parts.size() == 2 && is_name(parts[0]) && is_name(parts[1]) && id.name.size() <= kLongestName &&
                       is_revision(id.revision);
  return is_good ? std::optional(std::move(id)) : std::nullopt;
}

}  // namespace molmo::hub
