// SPDX-License-Identifier: Apache-2.0
#include "eval/reply_log.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::eval {

namespace fs = std::filesystem;

ReplyLog::ReplyLog(const fs::path& folder, const Json& settings) {
  if (folder.empty()) return;
  fs::create_directories(folder);
  const fs::path path = folder / "predictions.jsonl";
  if (fs::exists(path)) read(path, settings);
  const bool is_new = !fs::exists(path);
  file_.open(path, std::ios::app);
  if (!file_) throw Error(fmt::format("[eval] cannot write {}", path.string()));
  if (is_new) file_ << format_json_line(Json{{"settings", settings}}) << std::endl;
}

const std::string* ReplyLog::find(size_t question, Pictures pictures) const {
  const auto found = replies_.find({question, pictures});
  return found == replies_.end() ? nullptr : &found->second;
}

void ReplyLog::add(size_t question, Pictures pictures, const std::string& reply) {
  if (!file_.is_open()) return;
  file_ << format_json_line(Json{{"question", question}, {"blank", pictures == Pictures::kBlank}, {"reply", reply}})
        << std::endl;
}

void ReplyLog::read(const fs::path& path, const Json& settings) {
  std::string kept;
  for (const std::string& text : split_text(read_text_file(path), '\n')) {
    if (text.empty()) continue;
    try {
      read_line(parse_json(text, path.string()), path, settings);
    } catch (const Json::exception&) {
      throw Error(fmt::format("[eval] {}: not a line of predictions: {:.80}", path.string(), text));
    } catch (const Error& error) {
      if (!std::string_view(error.what()).starts_with("[json]")) throw;
      log_warning(fmt::format("[eval] {}: dropped a torn line", path.string()));
      break;
    }
    kept += text + "\n";
  }
  write_file_atomically(path, kept);
}

void ReplyLog::read_line(const Json& line, const fs::path& path, const Json& settings) {
  if (line.contains("settings")) {
    if (line.at("settings") != settings)
      throw Error(fmt::format("[eval] {}: made with other settings, expected a new folder for --out", path.string()));
    return;
  }
  replies_[{line.at("question").get<size_t>(), line.at("blank").get<bool>() ? Pictures::kBlank : Pictures::kReal}] =
      line.at("reply").get<std::string>();
}

}  // namespace molmo::eval
