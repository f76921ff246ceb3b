// The form of time that RFC 9110 asks for, whatever the locale.
#include "gateway/http_date.h"

#include <gtest/gtest.h>

#include "tests/unit/gateway/gateway_process.h"
#include "tests/unit/gateway/http_request.h"

namespace charter::gateway {
namespace {

TEST(HttpDate, HasTheFormThatIsAskedFor) {
  EXPECT_EQ(http_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST(HttpDate, IsInEveryAnswer) {
  GatewayProcess gateway;
  for (const char* path : {"/healthz", "/api/runs", "/nowhere"}) {
    const auto answer = get(gateway.port(), path);
    EXPECT_NE(tests::http_header(answer.head, "Date").value_or("").find(" GMT"), std::string::npos)
        << path;
  }
}

}  // namespace
}  // namespace charter::gateway
