// Collects the library's messages for bad inputs, one table row each, as the page docs/bad_data.md.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "../support/scratch_folder.hpp"

struct BadData {
  ScratchFolder folder;
  std::string page;
  int inputs = 0;

  void section(const std::string& title, const std::string& text) {
    page += "\n## " + title + "\n\n" + text + "\n\n| the input | what comes of it |\n|---|---|\n";
  }

  /// Adds the outcome of an input: what `action` returns, or the message of the Error that it throws. The folder is
  /// removed from its paths, so that the page is the same on every machine.
  template <class Action>
  void row(const std::string& input, Action action) {
    std::string outcome;
    try {
      outcome = action();
    } catch (const tinycnn::Error& error) {
      outcome = '`' + without_folder(error.what()) + '`';
    }
    CAPTURE(input);
    CAPTURE(outcome);
    CHECK(!outcome.empty());
    CHECK(outcome.find_first_of("\n|") == std::string::npos);
    page += "| " + input + " | " + outcome + " |\n";
    ++inputs;
  }

  [[nodiscard]] std::string without_folder(std::string text) const {
    const std::string prefix = folder.path + '/';
    for (std::size_t at; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
    return text;
  }
};
