// Batches: what a row answers is what it answers alone, whatever picture, length or end the other rows have.
// SPDX-License-Identifier: Apache-2.0
#include "generate/generator.h"

#include <gtest/gtest.h>

#include "generate/tiny_loaded_model.h"

namespace molmo::generate {
namespace {

using molmo::testing::striped_picture;
using molmo::testing::tiny_loaded_model;

Request ask(const std::string& text, std::vector<image::Picture> images) {
  return {.images = std::move(images), .messages = {" User: " + text + " Assistant:"}};
}

std::vector<std::string> texts_of(const std::vector<Answer>& answers) {
  std::vector<std::string> texts;
  for (const Answer& answer : answers) texts.push_back(answer.text);
  return texts;
}

std::vector<std::string> alone(const Generator& generator, std::span<const Request> requests,
                               const DecodeOptions& options) {
  std::vector<std::string> texts;
  for (const Request& request : requests) texts.push_back(generator({&request, 1}, options).front().text);
  return texts;
}

TEST(Generator, RowsSeeTheirOwnPictures) {
  for (const bool byte_patches : {false, true}) {
    const LoadedModel model = tiny_loaded_model(byte_patches);
    const Generator generator(model, {});
    const std::vector<Request> requests = {ask("what?", {striped_picture(0)}), ask("what?", {striped_picture(1)}),
                                           ask("what?", {striped_picture(2)})};
    const DecodeOptions options{.max_new_tokens = 12};
    const std::vector<std::string> texts = texts_of(generator(requests, options));
    EXPECT_EQ(texts, alone(generator, requests, options));
    EXPECT_NE(texts[0], texts[1]);  // else this test could not fail
    EXPECT_NE(texts[1], texts[2]);
    DecodeOptions beams = options;
    beams.beams.size = 3;
    EXPECT_EQ(texts_of(generator(requests, beams)), alone(generator, requests, beams));
  }
}

// The last of several pictures, or a mask, is as good a difference as the first.
TEST(Generator, OnlyEqualPicturesAreShared) {
  const LoadedModel model = tiny_loaded_model();
  const Generator generator(model, {});
  const DecodeOptions options{.max_new_tokens = 12};
  const std::vector<Request> last_differs = {ask("these?", {striped_picture(0), striped_picture(1)}),
                                             ask("these?", {striped_picture(0), striped_picture(2)})};
  EXPECT_EQ(texts_of(generator(last_differs, options)), alone(generator, last_differs, options));
  const std::vector<Request> shared = {ask("what?", {striped_picture(1)}), ask("where is it?", {striped_picture(1)}),
                                       ask("why?", {striped_picture(1)})};
  const std::vector<std::string> texts = texts_of(generator(shared, options));
  EXPECT_EQ(texts, alone(generator, shared, options));
  EXPECT_NE(texts[0], texts[1]);
  const std::vector<Request> sizes = {ask("what?", {striped_picture(0, 24, 16)}),
                                      ask("what?", {striped_picture(0, 16, 24)}), ask("what?", {})};
  EXPECT_EQ(texts_of(generator(sizes, options)), alone(generator, sizes, options));
}

TEST(Generator, AStopTextEndsItsRowAlone) {
  const LoadedModel model = tiny_loaded_model();
  const Generator generator(model, {});
  const std::vector<Request> requests = {ask("what?", {striped_picture(0)}), ask("tell me more", {striped_picture(1)}),
                                         ask("no picture", {})};
  const DecodeOptions free{.max_new_tokens = 14};
  const std::vector<std::string> whole = texts_of(generator(requests, free));
  for (size_t stopped = 0; stopped < requests.size(); ++stopped) {
    DecodeOptions options = free;
    options.stop = {whole[stopped].substr(3, 2), "never that"};
    std::vector<std::string> streamed(requests.size());
    const std::vector<Answer> answers =
        generator(requests, options, [&](size_t row, const std::string& text) { streamed[row] += text; });
    for (size_t row = 0; row < requests.size(); ++row) {
      const std::string expected = whole[row].substr(0, whole[row].find(options.stop[0]));
      EXPECT_EQ(answers[row].text, expected) << stopped << " " << row;
      EXPECT_EQ(streamed[row], expected) << stopped << " " << row;
    }
    EXPECT_LT(answers[stopped].text.size(), whole[stopped].size());
  }
}

TEST(Generator, EveryRowHasTheWholeBudget) {
  const LoadedModel model = tiny_loaded_model();
  const Generator generator(model, {});
  const std::vector<Request> requests = {ask("a", {striped_picture(0)}), ask("a much longer question", {})};
  for (const Answer& answer : generator(requests, {.max_new_tokens = 7, .min_new_tokens = 7}))
    EXPECT_EQ(answer.tokens.size(), 7u);
  for (const Answer& answer : generator(requests, {.max_new_tokens = 1})) EXPECT_EQ(answer.tokens.size(), 1u);
}

TEST(Generator, OneByOneGivesTheSameRowsAndDraws) {
  const LoadedModel model = tiny_loaded_model();
  const Generator generator(model, {});
  const std::vector<Request> requests = {ask("what?", {striped_picture(0)}), ask("what?", {striped_picture(1)}),
                                         ask("what?", {striped_picture(1)})};
  DecodeOptions options{.max_new_tokens = 10, .sampling = {.temperature = 1.5, .seed = 8}};
  const std::vector<std::string> together = texts_of(generator(requests, options));
  EXPECT_NE(together[1], together[2]);  // rows draw their own numbers
  options.batch_invariant = true;
  std::vector<std::string> streamed(requests.size());
  const std::vector<Answer> answers =
      generator(requests, options, [&](size_t row, const std::string& text) { streamed[row] += text; });
  EXPECT_EQ(texts_of(answers), together);
  EXPECT_EQ(streamed, together);
}

}  // namespace
}  // namespace molmo::generate
