// Sensitive texts in a stream: masked wherever the stream is cut, and nothing else is touched.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "worker/steps/output_mask.h"

namespace charter::worker {
namespace {

const std::string kMark = "<redacted: sensitive>";

using Texts = std::vector<std::string>;

// What is shown of a text that comes in chunks of these sizes, over and over.
std::string masked(const Texts& secrets, const std::string& text,
                   const std::vector<std::size_t>& chunks) {
  OutputMask mask;
  mask.know(secrets);
  std::string shown;
  std::size_t next = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = chunks[next++ % chunks.size()];
    shown += mask.take(std::string_view(text).substr(at, size));
    at += size;
  }
  return shown + mask.finish();
}

// The same the slow way: every byte of every occurrence, neighbours that overlap as one.
std::string expected(const Texts& secrets, const std::string& text) {
  std::vector<std::size_t> reach(text.size(), 0);  // how far one that begins here goes
  for (const std::string& secret : secrets) {
    for (std::size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + 1)) {
      reach[at] = std::max(reach[at], at + secret.size());
    }
  }
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    if (reach[at] == 0) {
      shown += text[at++];
      continue;
    }
    std::size_t end = reach[at];
    while (++at < end) end = std::max(end, reach[at]);
    shown += kMark;
  }
  return shown;
}

TEST(OutputMask, ShowsTheRestAtOnce) {
  OutputMask mask;
  mask.know({"hunter2"});
  EXPECT_EQ(mask.take("a prompt: "), "a prompt: ");
  EXPECT_EQ(mask.take("x hun"), "x ");
  EXPECT_EQ(mask.take("gry\n"), "hungry\n");
  EXPECT_EQ(mask.finish(), "");
}

TEST(OutputMask, WithoutSecretsItChangesNothing) {
  OutputMask mask;
  EXPECT_EQ(mask.take("hunter2"), "hunter2");
  mask.know({""});
  EXPECT_EQ(mask.take("hunter2"), "hunter2");
}

TEST(OutputMask, MasksAtEveryCut) {
  const std::string text = "user=me password=hunter2 again hunter2hunter2 end";
  const std::string shown = "user=me password=" + kMark + " again " + kMark + kMark + " end";
  for (std::size_t cut = 1; cut <= text.size(); ++cut) {
    EXPECT_EQ(masked({"hunter2"}, text, {cut, 1'000}), shown) << cut;
    EXPECT_EQ(masked({"hunter2"}, text, {cut}), shown) << cut;
  }
}

TEST(OutputMask, NothingIsLeftOfWhatOverlaps) {
  // The second one's end would be left if the first were replaced on sight.
  EXPECT_EQ(masked({"abcd", "cdefgh"}, "-abcdefgh-", {3}), "-" + kMark + "-");
  EXPECT_EQ(masked({"aaaa"}, std::string(100, 'a') + "b", {7}), kMark + "b");
  EXPECT_EQ(masked({"abcd", "xabcdx"}, "xabcdx abcd", {1}), kMark + " " + kMark);
}

// A step that dies in the middle of a secret has shown four bytes of it at most.
TEST(OutputMask, BeginningOfASecretAtTheEndIsMasked) {
  EXPECT_EQ(masked({"correct horse"}, "say corr", {100}), "say " + kMark);
  EXPECT_EQ(masked({"correct horse"}, "say cor", {100}), "say cor");
  EXPECT_EQ(masked({"correct horse"}, "say correct horse", {5}), "say " + kMark);
}

TEST(OutputMask, LearnsOfMoreSecretsOnTheWay) {
  OutputMask mask;
  mask.know({"first secret"});
  std::string shown = mask.take("a first se");
  mask.know({"first secret", "other secret"});
  shown += mask.take("cret, other secret");
  EXPECT_EQ(shown + mask.finish(), "a " + kMark + ", " + kMark);
}

TEST(OutputMask, AgreesWithTheSlowWayOnRandomTexts) {
  std::mt19937 random(7);
  const auto text_of = [&random](std::size_t size, int letters) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
      text += static_cast<char>('a' + static_cast<int>(random() % static_cast<unsigned>(letters)));
    }
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    const int letters = 2 + round % 3;
    Texts secrets;
    const unsigned count = 1 + static_cast<unsigned>(random() % (round % 5 == 0 ? 40 : 4));
    const std::size_t least = round % 7 == 0 ? 1 : 4;
    for (unsigned i = 0; i < count; ++i) secrets.push_back(text_of(least + random() % 8, letters));
    // The text ends with what begins no secret, so that nothing is masked for being one's
    // beginning.
    const std::string text = text_of(random() % 200, letters) + "|";
    const std::vector<std::size_t> chunks{1 + random() % 9, 1 + random() % 30, 1 + random() % 3};
    ASSERT_EQ(masked(secrets, text, chunks), expected(secrets, text)) << text;
  }
}

// Each of them looked for by itself would take minutes.
TEST(OutputMask, ManySecretsCostHardlyMoreThanFew) {
  constexpr std::chrono::seconds kSoon{10};
  Texts secrets;
  std::string text;
  for (int number = 0; number < 50'000; ++number) {
    secrets.push_back("customer-" + std::to_string(number) + "@example.org");
  }
  while (text.size() < 4'000'000) text += "customer-service@example.org has nothing to say\n";
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(masked(secrets, text + secrets[77] + "\n", {65'536}), text + kMark + "\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
}

// A text that is held back for long is not looked through at every chunk again.
TEST(OutputMask, LongSecretThatRepeatsItselfIsMaskedInOneGo) {
  constexpr std::chrono::seconds kSoon{10};
  const std::string secret(2'000'000, 'x');
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(masked({secret}, "say " + secret + "\n", {4'096}), "say " + kMark + "\n");
  EXPECT_EQ(masked({secret}, "say " + secret.substr(1), {4'096}), "say " + kMark);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kSoon);
}

}  // namespace
}  // namespace charter::worker
