// Damaged inputs and the sentence each gets, held to docs/bad_data.md (to make it again: TINYCNN_WRITE_BAD_DATA=1
// build/test/unit_tests -tc="*bad data*", which fails where it changes the page).
#include "bad_data.hpp"

#include <cstdlib>

#include "bad_files.hpp"
#include "bad_pictures.hpp"

TEST_CASE("the page of bad data says what the library says") {
  BadData data;
  bad_pictures::pictures(data);
  bad_pictures::folders(data);
  bad_pictures::orders(data);
  bad_pictures::caches(data);
  bad_files::networks(data);
  bad_files::tensors(data);
  bad_files::checkpoints(data);
  bad_files::tables(data);
  bad_files::targets(data);
  bad_files::batches(data);
  CHECK(data.inputs >= 45);

  const std::string text =
      "# Bad data\n\nWhat comes of " + std::to_string(data.inputs) +
      " inputs, most of them damaged: the sentence of the `tinycnn::Error`, or what is done "
      "instead.\n`tests/data/bad_data_test.cpp` makes them and holds this page to what it gets.\n" +
      data.page;
  const std::string path = TINYCNN_GOLDEN_DIR "/../../docs/bad_data.md";
  const bool is_as_written = tinycnn::path_exists(path) && tinycnn::read_file(path) == text;
  if (!is_as_written && std::getenv("TINYCNN_WRITE_BAD_DATA") != nullptr) put_file(path, text);
  INFO("docs/bad_data.md differs from:\n" << text);
  CHECK(is_as_written);
}
