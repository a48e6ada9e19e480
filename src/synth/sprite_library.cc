// SPDX-License-Identifier: Apache-2.0
#include "synth/sprite_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "molmo/error.h"
#include "synth/shapes.h"
#include "synth/stamp_kinds.h"
#include "synth/wording.h"

namespace molmo::synth {
namespace {

namespace fs = std::filesystem;

constexpr int kMinStampSide = 40;
constexpr double kMinOpaqueShare = 0.6;
constexpr size_t kMinKinds = 12;

struct Stamp {
  fs::path file;
  StampKind kind;
  Sprite sprite;
};

using WantedNames = std::set<std::string, std::less<>>;  // empty: all

// The first line of the text beside a stamp: its caption in English, for people.
std::string read_caption(fs::path file) {
  file.replace_extension(".txt");
  if (!fs::is_regular_file(file)) return "";
  const std::string text = read_text_file(file);
  return std::string(trim_text(std::string_view(text).substr(0, text.find('\n'))));
}

bool may_be_mirrored(fs::path file) {
  file.replace_extension(".dat");
  return !fs::is_regular_file(file) || read_text_file(file).find("nomirror") == std::string::npos;
}

// Stamps by path, in a fixed order whatever the file system's; pictures are not read yet.
std::vector<Stamp> find_stamps(const fs::path& folder, const WantedNames& wanted) {
  std::vector<Stamp> stamps;
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".png") continue;
    const std::string caption = read_caption(entry.path());
    const std::string path = fs::relative(entry.path(), folder).replace_extension().generic_string();
    std::optional<StampKind> kind = find_stamp_kind(path, caption);
    if (!kind || (!wanted.empty() && !wanted.contains(kind->name)) || !has_png_alpha(entry.path())) continue;
    stamps.push_back({.file = entry.path(), .kind = std::move(*kind)});
    stamps.back().sprite.caption = caption.empty() ? capitalized(with_article(stamps.back().kind.name)) + "." : caption;
    stamps.back().sprite.may_flip = may_be_mirrored(entry.path());
  }
  std::sort(stamps.begin(), stamps.end(), [](const Stamp& a, const Stamp& b) { return a.file < b.file; });
  return stamps;
}

// A damaged stamp is left out rather than fatal: it is not the user's file.
void load_picture(Stamp& stamp) {
  try {
    if (!set_sprite_picture(read_png_rgba(stamp.file), stamp.sprite)) return;
  } catch (const Error& error) {
    log_warning(error.what());
    return;
  }
  const bool is_small = std::max(stamp.sprite.width(), stamp.sprite.height()) < kMinStampSide;
  if (is_small || opaque_share(stamp.sprite) < kMinOpaqueShare) stamp.sprite.sizes.clear();
}

std::map<std::string, Kind> load_kinds(const fs::path& folder, const WantedNames& wanted, ThreadPool& pool) {
  std::vector<Stamp> stamps = find_stamps(folder, wanted);
  pool.parallel_for(stamps.size(), [&](size_t i) { load_picture(stamps[i]); });
  std::map<std::string, Kind> kinds;
  for (Stamp& stamp : stamps) {
    if (stamp.sprite.sizes.empty()) continue;
    Kind& kind = kinds[stamp.kind.name];
    kind.name = stamp.kind.name;
    kind.family = stamp.kind.family;
    kind.sprites.push_back(std::move(stamp.sprite));
  }
  for (auto& [name, kind] : kinds) {
    if (kind.sprites.size() >= 2) kind.held_out = static_cast<int>(kind.sprites.size() / 2);
  }
  return kinds;
}

// Moves the named kinds out of `kinds`, in the given order; names that are absent are skipped.
std::vector<Kind> take_kinds(std::span<const std::string_view> names, std::map<std::string, Kind>& kinds) {
  std::vector<Kind> taken;
  for (const std::string_view name : names) {
    if (auto node = kinds.extract(std::string(name))) taken.push_back(std::move(node.mapped()));
  }
  return taken;
}

SpriteLibrary load_stamps(const fs::path& folder, const Level& level, ThreadPool& pool) {
  const auto unseen = unseen_stamp_kinds().first(static_cast<size_t>(level.num_unseen_kinds));
  const auto quickstart = quickstart_kinds().first(static_cast<size_t>(level.num_kinds));
  WantedNames wanted(quickstart.begin(), quickstart.end());
  if (level.num_kinds > 0) wanted.insert(unseen.begin(), unseen.end());
  std::map<std::string, Kind> found = load_kinds(folder, wanted, pool);
  SpriteLibrary library{.has_stamps = true};
  library.unseen_kinds = take_kinds(unseen, found);
  if (level.num_kinds > 0) {
    library.kinds = take_kinds(quickstart, found);
  } else {
    for (auto& [name, kind] : found) library.kinds.push_back(std::move(kind));
  }
  return library;
}

SpriteLibrary draw_shapes(const Level& level) {
  SpriteLibrary library{.kinds = draw_shape_kinds(), .unseen_kinds = draw_unseen_shape_kinds()};
  if (level.num_kinds > 0) library.kinds.erase(library.kinds.begin() + level.num_kinds, library.kinds.end());
  return library;
}

}  // namespace

SpriteLibrary load_sprite_library(const fs::path& stamps, const Level& level, ThreadPool& pool) {
  if (!fs::is_directory(stamps)) {
    log_warning(fmt::format("[synth] no stamps in {} (Debian package tuxpaint-stamps-default): drawing shapes instead",
                            stamps.string()));
    return draw_shapes(level);
  }
  SpriteLibrary library = load_stamps(stamps, level, pool);
  const size_t num_needed = level.num_kinds > 0 ? static_cast<size_t>(level.num_kinds) : kMinKinds;
  if (library.kinds.size() >= num_needed && !library.unseen_kinds.empty()) return library;
  log_warning(fmt::format("[synth] {} has stamps of {} of the {} kinds needed: drawing shapes instead", stamps.string(),
                          library.kinds.size(), num_needed));
  return draw_shapes(level);
}

}  // namespace molmo::synth
