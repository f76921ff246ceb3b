#include "worker/plan/capabilities.h"

namespace charter::worker {
namespace {

bool is_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\r' || letter == '\n';
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::optional<Array> run(std::string& why) {
    while (at_ < text_.size() && why.empty()) step(why);
    if (!why.empty()) return std::nullopt;
    finish();
    return std::move(words_);
  }

 private:
  void finish() {
    if (started_) words_.emplace_back(std::move(word_));
    word_.clear();
    started_ = false;
  }

  void step(std::string& why) {
    const char letter = text_[at_++];
    if (is_blank(letter)) {
      finish();
      return;
    }
    started_ = true;
    if (letter == '\\') {
      if (at_ == text_.size()) {
        why = "No escaped character";
      } else {
        word_ += text_[at_++];
      }
    } else if (letter == '\'' || letter == '"') {
      quoted(letter, why);
    } else {
      word_ += letter;
    }
  }

  // Inside double quotes a backslash takes the meaning of quote and backslash only.
  void quoted(char quote, std::string& why) {
    while (at_ < text_.size() && text_[at_] != quote) {
      if (quote == '"' && text_[at_] == '\\') {
        if (at_ + 1 == text_.size()) {
          why = "No escaped character";
          return;
        }
        if (text_[at_ + 1] != '"' && text_[at_ + 1] != '\\') word_ += '\\';
        ++at_;
      }
      word_ += text_[at_++];
    }
    if (at_ == text_.size()) why = "No closing quotation";
    ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string word_;
  bool started_ = false;
  Array words_;
};

}  // namespace

std::optional<Array> split_command(std::string_view command, std::string& why) {
  return Splitter(command).run(why);
}

}  // namespace charter::worker
