#include "gateway/access.h"

#include <gtest/gtest.h>

namespace charter::gateway {
namespace {

namespace http = boost::beast::http;

http::fields headers(std::string_view host, std::string_view origin = {},
                     std::string_view authorization = {}) {
  http::fields fields;
  fields.set(http::field::host, host);
  if (!origin.empty()) fields.set(http::field::origin, origin);
  if (!authorization.empty()) fields.set(http::field::authorization, authorization);
  return fields;
}

std::string code(const std::optional<ApiError>& refusal) { return refusal ? refusal->code : "ok"; }

TEST(Access, LocalHostsAreNamesAndAddressesOfThisMachine) {
  for (const auto* host : {"localhost", "LOCALHOST:8765", "127.0.0.1", "127.0.0.1:1", "127.1.2.3",
                           "[::1]", "[::1]:8765"}) {
    EXPECT_TRUE(local_host(host)) << host;
  }
  for (const auto* host : {"", "example.org", "localhost.example.org", "127.0.0.1.example.org",
                           "127.0.0.1:x", "10.0.0.1", "[::2]", "[::1", "::1", "127.0.0.1:80:80"}) {
    EXPECT_FALSE(local_host(host)) << host;
  }
}

TEST(Access, AnOriginIsTheSameWhenHostAndPortAre) {
  EXPECT_TRUE(same_origin("http://127.0.0.1:8765", "127.0.0.1:8765"));
  EXPECT_TRUE(same_origin("https://Gate.example", "gate.example"));
  EXPECT_FALSE(same_origin("http://127.0.0.1:8766", "127.0.0.1:8765"));
  EXPECT_FALSE(same_origin("http://127.0.0.1", "127.0.0.1:8765"));
  EXPECT_FALSE(same_origin("null", "127.0.0.1:8765"));
  EXPECT_FALSE(same_origin("file://127.0.0.1:8765", "127.0.0.1:8765"));
}

TEST(Access, WithoutATokenOnlyLocalNamesAreServed) {
  const Access access("");
  EXPECT_EQ(code(access.refuse(headers("127.0.0.1:8765"), false, false)), "ok");
  EXPECT_EQ(code(access.refuse(headers("rebound.example"), false, false)), "forbidden_host");
  EXPECT_EQ(code(access.refuse(http::fields(), false, false)), "bad_request");
}

TEST(Access, OtherSitesChangeNothing) {
  const Access access("");
  const auto foreign = headers("127.0.0.1:8765", "http://evil.example");
  EXPECT_EQ(code(access.refuse(foreign, true, false)), "forbidden_origin");
  EXPECT_EQ(code(access.refuse(foreign, false, false)), "ok");
  const auto own = headers("127.0.0.1:8765", "http://127.0.0.1:8765");
  EXPECT_EQ(code(access.refuse(own, true, false)), "ok");
  auto two = own;
  two.insert(http::field::origin, "http://evil.example");
  EXPECT_EQ(code(access.refuse(two, true, false)), "forbidden_origin");
}

TEST(Access, ATokenIsAskedForExactly) {
  const Access access("open-sesame");
  const auto with = [&](std::string_view authorization) {
    return code(access.refuse(headers("gate.example", {}, authorization), false, false));
  };
  EXPECT_EQ(with("Bearer open-sesame"), "ok");
  EXPECT_EQ(with("bearer open-sesame"), "ok");
  for (const auto* wrong : {"", "Bearer", "Bearer ", "Bearer open-sesam", "Bearer open-sesame2",
                            "Bearer open-sesameopen-sesame", "Basic open-sesame", "open-sesame"}) {
    EXPECT_EQ(with(wrong), "unauthorized") << wrong;
  }
  EXPECT_EQ(code(access.refuse(headers("gate.example"), false, true)), "ok");
}

}  // namespace
}  // namespace charter::gateway
