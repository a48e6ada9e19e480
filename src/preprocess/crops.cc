// SPDX-License-Identifier: Apache-2.0
#include "preprocess/crops.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "image/resize.h"
#include "preprocess/patch_writer.h"

namespace molmo::preprocess {
namespace {

constexpr int kChannels = 3;
constexpr int64_t kDiscarded = -100;

// Share of every patch of a crop that lies on the picture.
void write_masks(const config::PreprocessConfig& config, const image::Content& content, int top, int left, float* out) {
  const int side = config.patch_size;
  const auto overlap = [](int begin, int length, int content_begin, int content_length) {
    return std::max(0, std::min(begin + length, content_begin + content_length) - std::max(begin, content_begin));
  };
  for (int v = 0; v < config.patches_high(); ++v) {
    const int rows = overlap(top + v * side, side, content.top, content.height);
    for (int u = 0; u < config.patches_wide(); ++u) {
      const int columns = overlap(left + u * side, side, content.left, content.width);
      *out++ = static_cast<float>(rows * columns) / static_cast<float>(side * side);
    }
  }
}

// One block of image tokens: start, rows of patches each ended by a column token, end.
void append_block(std::vector<int64_t>& tokens, int rows, int columns, const config::PreprocessConfig& config,
                  const text::SpecialTokens& special) {
  tokens.push_back(special.im_start);
  for (int row = 0; row < rows; ++row) {
    tokens.insert(tokens.end(), static_cast<size_t>(columns), special.im_patch);
    if (config.use_col_tokens) tokens.push_back(special.im_col);
  }
  tokens.push_back(special.im_end);
}

// Positions of the overview's cells inside the block.
void append_overview_positions(std::vector<int64_t>& positions, const config::PreprocessConfig& config) {
  const int stride = config.cells_wide() + (config.use_col_tokens ? 1 : 0);
  for (int u = 0; u < config.cells_high(); ++u) {
    for (int v = 0; v < config.cells_wide(); ++v) positions.push_back(1 + u * stride + v);
  }
}

// Positions of one tile's cells: the high-resolution tokens read in raster order over the whole picture.
void append_tile_positions(std::vector<int64_t>& positions, const config::PreprocessConfig& config,
                           const KeptCells& row, const KeptCells& column, int grid_columns) {
  const int separator = config.use_col_tokens ? 1 : 0;
  const int64_t overview = 2 + int64_t{config.cells_high()} * (config.cells_wide() + separator);
  for (int u = 0; u < config.cells_high(); ++u) {
    for (int v = 0; v < config.cells_wide(); ++v) {
      const bool is_kept =
          u >= row.first && u < row.first + row.count && v >= column.first && v < column.first + column.count;
      const int64_t grid_row = row.start + u - row.first, grid_column = column.start + v - column.first;
      positions.push_back(is_kept ? overview + 1 + grid_row * (grid_columns + separator) + grid_column : kDiscarded);
    }
  }
}

ImageInputs empty_inputs(const config::PreprocessConfig& config, int num_crops) {
  ImageInputs inputs;
  inputs.num_crops = num_crops;
  inputs.num_patches = config.patches_high() * config.patches_wide();
  inputs.patch_values = kChannels * config.patch_size * config.patch_size;
  inputs.num_cells = config.cells_high() * config.cells_wide();
  inputs.normalization = image::normalization_of(config.normalize);
  const size_t num_values = size_t(num_crops) * inputs.num_patches * inputs.patch_values;
  if (config.byte_patches) {
    inputs.byte_patches.resize(num_values);
  } else {
    inputs.patches.resize(num_values);
  }
  return inputs;
}

// Crops of a canvas, which are those from number `first` on.
PatchTarget crops_of(image::Resizer& resizer, const TileGrid& grid, int first, ImageInputs& inputs) {
  const size_t size = size_t(inputs.num_patches) * inputs.patch_values;
  const size_t begin = size * first, count = size * grid.rows * grid.columns;
  if (inputs.byte_patches.empty()) return {&resizer, grid, std::span(inputs.patches).subspan(begin, count), {}};
  return {&resizer, grid, {}, std::span(inputs.byte_patches).subspan(begin, count)};
}

// Tokens, positions and masks of the tiles on a canvas.
void add_tiles(const image::Content& content, const Tiling& tiling, const config::PreprocessConfig& config,
               const text::SpecialTokens& special, ImageInputs& inputs) {
  const CropGeometry geometry(config);
  const auto rows = kept_cells(tiling.rows, config.patches_high(), config.overlap_margins, config.pool_height);
  const auto columns = kept_cells(tiling.columns, config.patches_wide(), config.overlap_margins, config.pool_width);
  const int grid_rows = rows.back().start + rows.back().count,
            grid_columns = columns.back().start + columns.back().count;
  append_block(inputs.tokens, grid_rows, grid_columns, config, special);
  float* masks = inputs.masks.data();
  for (int i = 0; i < tiling.rows; ++i) {
    for (int j = 0; j < tiling.columns; ++j) {
      const int top = i * geometry.window_pixels, left = j * geometry.window_pixels;
      append_tile_positions(inputs.token_positions, config, rows[i], columns[j], grid_columns);
      if (inputs.masks.empty()) continue;
      write_masks(config, content, top, left, masks);
      masks += inputs.num_patches;
    }
  }
}

}  // namespace

ImageInputs make_image_inputs(const image::Picture& picture, const config::PreprocessConfig& config,
                              const text::SpecialTokens& special) {
  expect_croppable(config);
  const bool has_tiles = config.crop_mode == config::CropMode::kOverlapAndResize;
  const Tiling tiling = has_tiles ? tiling_of(picture.width, picture.height, config) : Tiling{0, 0};
  ImageInputs inputs = empty_inputs(config, 1 + tiling.num_tiles());
  // PARITY: mask rows are those of the tiles followed by a row of -1, so they lag by one crop (trap T1). Mode
  // "resize" has no usable mask in the reference (trap T2) and gets none.
  if (config.use_image_masks && has_tiles) inputs.masks.assign(size_t(inputs.num_crops) * inputs.num_patches, -1.0f);
  append_block(inputs.tokens, config.cells_high(), config.cells_wide(), config, special);
  append_overview_positions(inputs.token_positions, config);
  const auto blocks = image::Resizer::blocks_for(picture, config.resize);
  const auto resize_to = [&](int width, int height) {
    return image::Resizer(blocks, width, height, config.resize, static_cast<float>(config.pad_value),
                          config.patch_size);
  };
  image::Resizer overview = resize_to(config.image_width, config.image_height);
  if (!has_tiles) {
    const PatchTarget whole = crops_of(overview, {}, 0, inputs);
    write_patches(std::span(&whole, 1), picture.height, config);
    return inputs;
  }
  const CropGeometry geometry(config);
  image::Resizer tiles = resize_to(geometry.canvas_side(tiling.columns), geometry.canvas_side(tiling.rows));
  const TileGrid grid{.rows = tiling.rows, .columns = tiling.columns, .step = geometry.window_pixels};
  const PatchTarget targets[] = {crops_of(tiles, grid, 1, inputs), crops_of(overview, {}, 0, inputs)};
  write_patches(targets, picture.height, config);
  add_tiles(tiles.content(), tiling, config, special, inputs);
  return inputs;
}

namespace {

// Maps canvas pixels back to the picture.
struct CanvasMap {
  image::Content content;
  int picture_width, picture_height;

  float scale_x() const { return static_cast<float>(picture_width) / static_cast<float>(content.width); }
  float scale_y() const { return static_cast<float>(picture_height) / static_cast<float>(content.height); }
  float x_of(float x) const { return (x - static_cast<float>(content.left)) * scale_x(); }
  float y_of(float y) const { return (y - static_cast<float>(content.top)) * scale_y(); }
  bool is_content(float x, float y) const {
    const float in_x = x - static_cast<float>(content.left), in_y = y - static_cast<float>(content.top);
    return in_x >= 0 && in_y >= 0 && in_x < static_cast<float>(content.width) &&
           in_y < static_cast<float>(content.height);
  }
};

image::Content content_on(int width, int height, int canvas_width, int canvas_height,
                          const config::PreprocessConfig& config) {
  if (config.resize == config::ResizeKind::kFitAndPad)
    return image::fit_content(width, height, canvas_width, canvas_height);
  return {0, 0, canvas_height, canvas_width};
}

// The cells of the crop whose upper left corner is (left, top) on the canvas.
void append_places(std::vector<CellPlace>& places, const CanvasMap& map, int top, int left,
                   const config::PreprocessConfig& config) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const float cell_height = static_cast<float>(config.patch_size * config.pool_height),
              cell_width = static_cast<float>(config.patch_size * config.pool_width);
  CellPlace place{.x = kNan,
                  .y = kNan,
                  .width = cell_width * map.scale_x(),
                  .height = cell_height * map.scale_y(),
                  .left = map.x_of(static_cast<float>(left)),
                  .top = map.y_of(static_cast<float>(top)),
                  .crop_width = static_cast<float>(config.image_width) * map.scale_x(),
                  .crop_height = static_cast<float>(config.image_height) * map.scale_y()};
  for (int u = 0; u < config.cells_high(); ++u) {
    for (int v = 0; v < config.cells_wide(); ++v) {
      const float x = static_cast<float>(left) + (static_cast<float>(v) + 0.5f) * cell_width,
                  y = static_cast<float>(top) + (static_cast<float>(u) + 0.5f) * cell_height;
      const bool is_content = map.is_content(x, y);
      place.x = is_content ? map.x_of(x) : kNan;
      place.y = is_content ? map.y_of(y) : kNan;
      places.push_back(place);
    }
  }
}

}  // namespace

std::vector<CellPlace> cell_places(int width, int height, const config::PreprocessConfig& config) {
  expect_croppable(config);
  std::vector<CellPlace> places;
  append_places(places, {content_on(width, height, config.image_width, config.image_height, config), width, height}, 0,
                0, config);
  if (config.crop_mode != config::CropMode::kOverlapAndResize) return places;
  const CropGeometry geometry(config);
  const Tiling tiling = tiling_of(width, height, config);
  const CanvasMap map{
      content_on(width, height, geometry.canvas_side(tiling.columns), geometry.canvas_side(tiling.rows), config), width,
      height};
  for (int i = 0; i < tiling.rows; ++i) {
    for (int j = 0; j < tiling.columns; ++j)
      append_places(places, map, i * geometry.window_pixels, j * geometry.window_pixels, config);
  }
  return places;
}

}  // namespace molmo::preprocess
