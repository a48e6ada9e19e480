// SPDX-License-Identifier: Apache-2.0
#include "data/own_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "base/json_parser.h"
#include "base/strings.h"
#include "data/problem_list.h"
#include "data/record_reader.h"
#include "data/remarks.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

namespace fs = std::filesystem;

// A list around the records: one sentence instead of a problem for each of its lines.
void expect_lines(std::string_view text, ProblemList& problems) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos || text[first] != '[') return;
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(first), '\n');
  problems.add(static_cast<size_t>(line), "",
               "got a list, expected JSON Lines: one object a line, without a list around them");
}

}  // namespace

std::string OwnData::where(const Record& record) const { return fmt::format("{}:{}", file.string(), record.line); }

OwnData read_own_data(const fs::path& folder) {
  const fs::path file = fs::is_directory(folder) ? folder / "data.jsonl" : folder;
  return parse_own_data(read_text_file(file), file);
}

OwnData parse_own_data(const std::string& text, const fs::path& file) {
  OwnData data;
  data.file = file;
  const std::string where = file.string();
  FingerprintMaker fingerprint;
  fingerprint.add_text(text);
  ProblemList problems;
  RemarkCounter remarks;
  const std::string_view content = expect_utf8(text, where);
  expect_lines(content, problems);
  problems.throw_if_any(where);
  for_each_line(content, [&](size_t line, std::string_view line_text) {
    Json json;
    if (const auto mistake = try_parse_json(line_text, JsonText::kLine, &json))
      return problems.add(line, mistake->key, mistake->problem);
    const JsonRules rules{
        .on_problem = [&](const std::string& key, const std::string& problem) { problems.add(line, key, problem); }};
    data.records.push_back(read_record(json, data.file.parent_path(), rules,
                                       [&](int64_t num_bytes) { fingerprint.add_picture(num_bytes); }));
    data.records.back().line = line;
    remarks.see(data.records.back());
  });
  problems.throw_if_any(where);
  if (data.records.empty()) throw Error(fmt::format("[data] {}: no records", where));
  data.fingerprint = fingerprint.finish();
  data.remarks = remarks.remarks();
  return data;
}

std::vector<Record> select_split(OwnData data, const std::string& split) {
  std::vector<Record> records;
  std::set<std::string> splits;
  for (Record& record : data.records) {
    splits.insert(record.split);
    if (record.split == split) records.push_back(std::move(record));
  }
  if (!records.empty()) return records;
  throw Error(fmt::format("[data] {}: no record of split '{}', got {}", data.file.string(), split,
                          join_text({splits.begin(), splits.end()}, ", ")));
}

}  // namespace molmo::data
