// SPDX-License-Identifier: Apache-2.0
#include "config/config_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "molmo/error.h"

namespace molmo::config {
namespace {

namespace fs = std::filesystem;

void merge(Json& target, const Json& source) {
  if (!target.is_object() || !source.is_object()) return void(target = source);
  for (const auto& [key, value] : source.items()) merge(target[key], value);
}

void collect_keys(const Json& json, const std::string& prefix, std::vector<std::string>& keys) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      collect_keys(value, prefix + key + ".", keys);
    } else {
      keys.push_back(prefix + key);
    }
  }
}

// Takes "base" out of a file's JSON: the path of the next file, or nothing.
fs::path take_base(Json& json, const fs::path& file) {
  const auto found = json.find("base");
  if (found == json.end()) return {};
  const std::string name = found->is_string() ? found->get<std::string>() : "";
  const fs::path base = file.parent_path() / name;
  if (name.empty() || !fs::is_regular_file(base)) {
    throw Error(fmt::format("[config] {}: 'base': got {}, expected the path of a file, relative to this one",
                            file.string(), brief(*found)));
  }
  json.erase("base");
  return base;
}

// "a.b=c" -> {"a": {"b": c}}
Json parse_override(const std::string& text) {
  const size_t equals = text.find('=');
  const std::vector<std::string> names = split_text(text.substr(0, equals), '.');
  if (equals == std::string::npos || std::find(names.begin(), names.end(), "") != names.end()) {
    throw Error(fmt::format("[config] --set {}: expected key=value with a key like optimizer.llm.learning_rate", text));
  }
  const std::string value = text.substr(equals + 1);
  Json json = Json::accept(value) ? parse_json(value, "--set " + text) : Json(value);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    Json object = Json::object();
    object[*name] = std::move(json);
    json = std::move(object);
  }
  return json;
}

}  // namespace

ConfigLayers read_layers(const fs::path& path, const std::vector<std::string>& overrides) {
  ConfigLayers layers;
  std::vector<fs::path> chain;
  for (fs::path file = path; !file.empty();) {
    chain.push_back(fs::weakly_canonical(file));
    Json json = read_json(file);
    if (!json.is_object()) {
      throw Error(fmt::format("[config] {}: got a JSON {}, expected an object", file.string(), json.type_name()));
    }
    const fs::path base = take_base(json, file);
    if (!base.empty() && std::find(chain.begin(), chain.end(), fs::weakly_canonical(base)) != chain.end()) {
      throw Error(fmt::format("[config] {}: 'base' leads in a circle, back to {}", file.string(), base.string()));
    }
    layers.emplace(layers.begin(), file.string(), std::move(json));
    file = base;
  }
  for (const std::string& text : overrides) layers.emplace_back("--set " + text, parse_override(text));
  return layers;
}

Json merge_layers(const ConfigLayers& layers) {
  Json merged = Json::object();
  for (const auto& [where, json] : layers) merge(merged, json);
  return merged;
}

std::vector<std::string> given_keys(const fs::path& path, const std::vector<std::string>& overrides) {
  std::vector<std::string> keys;
  collect_keys(merge_layers(read_layers(path, overrides)), "", keys);
  return keys;
}

Json read_config_file(const fs::path& path) { return merge_layers(read_layers(path, {})); }

}  // namespace molmo::config
