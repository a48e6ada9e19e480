// SPDX-License-Identifier: Apache-2.0
#include "data/data_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/strings.h"
#include "base/thread_pool.h"
#include "data/places.h"
#include "image/decode.h"
#include "image/picture_info.h"
#include "molmo/error.h"

namespace molmo::data {
namespace {

constexpr size_t kMostLabels = 20;  // in the table

ImageSize size_of(const std::filesystem::path& picture, const DataCheckOptions& options) {
  if (options.decodes) {
    const image::Picture decoded = image::load_picture(picture, options.limits);
    return {decoded.width, decoded.height};
  }
  const image::PictureInfo info = image::read_picture_info(picture);
  return {info.width, info.height};
}

// Empty where the pictures of a record can be read and hold its places.
std::string problem_of(const Record& record, const DataCheckOptions& options) {
  try {
    for (const std::filesystem::path& picture : record.images) {
      const ImageSize size = size_of(picture, options);
      if (record.images.size() == 1) check_places(record, size);
    }
  } catch (const Error& error) {
    return fmt::format("line {}: {}", record.line, with_orientation_hint(error.what(), record.images.front()));
  }
  return "";
}

void count_record(const Record& record, SplitCounts& counts) {
  const auto size = [](const auto& list) { return static_cast<int64_t>(list.size()); };
  ++counts.records;
  counts.pictures += size(record.images);
  counts.captions += record.caption ? 1 : 0;
  counts.transcripts += size(record.transcripts);
  counts.questions += size(record.qa);
  counts.choices += size(record.choices);
  counts.objects += size(record.objects);
  counts.counts += size(record.counts);
  for (const PointsEntry& entry : record.points) {
    entry.points.empty() ? ++counts.absences : ++counts.point_lists;
    counts.points += size(entry.points);
    counts.boxes += size(entry.boxes);
  }
}

void count_labels(const Record& record, std::map<std::string, LabelCounts>& labels) {
  for (const PointsEntry& entry : record.points) {
    LabelCounts& counts = labels[entry.label];
    ++counts.records;
    counts.points += static_cast<int64_t>(entry.points.size());
    counts.absences += entry.points.empty() ? 1 : 0;
  }
}

// Labels that a model learns as two kinds and that were probably meant as one: "Dog", "dogs".
std::vector<std::string> similar_labels(const std::map<std::string, LabelCounts>& labels) {
  std::map<std::string, std::vector<std::string>> spellings;
  for (const auto& [label, counts] : labels) {
    std::string kind = lower_ascii(trim_text(label));
    if (kind.size() > 2 && kind.ends_with('s')) kind.pop_back();
    spellings[kind].push_back(fmt::format("'{}'", label));
  }
  std::vector<std::string> groups;
  for (const auto& [kind, names] : spellings) {
    if (names.size() > 1) groups.push_back(join_text(names, " and "));
  }
  return groups;
}

// Kinds that every picture has teach nothing about absence.
std::vector<std::string> remarks_on_labels(const std::map<std::string, LabelCounts>& labels) {
  std::vector<std::string> remarks;
  if (const std::vector<std::string> groups = similar_labels(labels); !groups.empty())
    remarks.push_back("labels that differ by case or a final s alone count as different kinds: " +
                      join_some(groups, ", "));
  const auto has_absence = [](const auto& entry) { return entry.second.absences > 0; };
  if (!labels.empty() && std::none_of(labels.begin(), labels.end(), has_absence))
    remarks.push_back(
        "no label has an empty list of points: a model that never sees what is absent points at something always");
  return remarks;
}

std::string split_table(const std::map<std::string, SplitCounts>& splits) {
  std::string text =
      fmt::format("{:<14}{:>9}{:>10}{:>10}{:>13}{:>11}{:>9}{:>8}{:>8}{:>8}\n", "split", "records", "pictures",
                  "captions", "transcripts", "questions", "choices", "counts", "points", "boxes");
  for (const auto& [name, c] : splits)
    text += fmt::format("{:<14}{:>9}{:>10}{:>10}{:>13}{:>11}{:>9}{:>8}{:>8}{:>8}\n", name, c.records, c.pictures,
                        c.captions, c.transcripts, c.questions, c.choices, c.counts, c.points, c.boxes);
  return text;
}

std::string label_table(const std::map<std::string, LabelCounts>& labels) {
  std::vector<std::pair<std::string, LabelCounts>> sorted(labels.begin(), labels.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.records > b.second.records; });
  std::string text = fmt::format("{:<30}{:>9}{:>9}{:>9}\n", "label pointed at", "records", "points", "absent");
  for (size_t i = 0; i < std::min(kMostLabels, sorted.size()); ++i) {
    const auto& [label, counts] = sorted[i];
    text += fmt::format("{:<30}{:>9}{:>9}{:>9}\n", label, counts.records, counts.points, counts.absences);
  }
  if (sorted.size() > kMostLabels) text += fmt::format("... and {} more labels\n", sorted.size() - kMostLabels);
  return text;
}

}  // namespace

DataCheck check_data(const OwnData& data, const DataCheckOptions& options) {
  DataCheck check{.file = data.file.string(),
                  .picture_bytes = data.fingerprint.picture_bytes,
                  .splits = {},
                  .labels = {},
                  .remarks = data.remarks,
                  .problems = {}};
  for (const Record& record : data.records) {
    count_record(record, check.splits[record.split]);
    count_labels(record, check.labels);
  }
  for (std::string& remark : remarks_on_labels(check.labels)) check.remarks.push_back(std::move(remark));
  std::vector<std::string> problems(data.records.size());
  ThreadPool pool(num_available_threads() - 1);
  pool.parallel_for(data.records.size(), [&](size_t i) { problems[i] = problem_of(data.records[i], options); });
  for (std::string& problem : problems) {
    if (!problem.empty()) check.problems.push_back(std::move(problem));
  }
  return check;
}

std::string format_check(const DataCheck& check) {
  std::string text =
      fmt::format("{}: pictures of {}\n\n", check.file, format_bytes(static_cast<double>(check.picture_bytes)));
  text += split_table(check.splits);
  if (!check.labels.empty()) text += "\n" + label_table(check.labels);
  if (!check.remarks.empty()) text += "\n";
  for (const std::string& remark : check.remarks) text += "note: " + remark + "\n";
  return text;
}

Json to_json(const DataCheck& check) {
  Json splits = Json::object(), labels = Json::object();
  for (const auto& [name, c] : check.splits) {
    splits[name] = {{"records", c.records},   {"pictures", c.pictures},       {"captions", c.captions},
                    {"points", c.points},     {"transcripts", c.transcripts}, {"qa", c.questions},
                    {"choices", c.choices},   {"objects", c.objects},         {"counts", c.counts},
                    {"absences", c.absences}, {"point_lists", c.point_lists}, {"boxes", c.boxes}};
  }
  for (const auto& [name, c] : check.labels)
    labels[name] = {{"records", c.records}, {"points", c.points}, {"absences", c.absences}};
  return {{"file", check.file},     {"picture_bytes", check.picture_bytes},
          {"splits", splits},       {"labels", labels},
          {"notes", check.remarks}, {"problems", check.problems}};
}

}  // namespace molmo::data
