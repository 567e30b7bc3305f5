#include "image/http.h"

#include <gtest/gtest.h>

namespace meros::image {
namespace {

HttpHead head_of(std::initializer_list<std::string_view> lines) {
  HttpHead head;
  for (const auto line : lines) read_header_line(head, line);
  return head;
}

TEST(HttpHead, IsReadFromItsLines) {
  const HttpHead head =
      head_of({"HTTP/1.1 206 Partial Content\r\n", "content-LENGTH: 12\r\n", "ETag:  \"a:b\"\r\n",
               "Content-Range: bytes 100-111/4096\r\n", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "\r\n"});
  EXPECT_EQ(head.status, 206);
  EXPECT_EQ(head.reason, "Partial Content");
  EXPECT_EQ(head.length, 12U);
  EXPECT_EQ(head.first, 100U);
  EXPECT_EQ(head.total, 4096U);
  EXPECT_EQ(head.etag, "\"a:b\"");
  EXPECT_EQ(head.last_modified, "Wed, 21 Oct 2015 07:28:00 GMT");
  EXPECT_EQ(head.validator(), "\"a:b\"");
}

TEST(HttpHead, ANewStatusLineForgetsTheResponseBefore) {
  const HttpHead head = head_of({"HTTP/1.1 302 Found", "ETag: \"old\"", "Content-Length: 5", "", "HTTP/2 200 "});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.reason, "");
  EXPECT_EQ(head.etag, "");
  EXPECT_EQ(head.length, std::nullopt);
}

TEST(HttpHead, TheTotalOfAnUnsatisfiedRangeIsRead) {
  const HttpHead head = head_of({"HTTP/1.1 416 Range Not Satisfiable", "Content-Range: bytes */512"});
  EXPECT_EQ(head.total, 512U);
  EXPECT_EQ(head.first, std::nullopt);
}

TEST(HttpHead, NonsenseIsNoValue) {
  const HttpHead head = head_of({"HTTP/1.1 ", "Content-Length: -1", "Content-Range: bytes a-b/c", "Content-Range: x",
                                 "no colon", ":", "Content-Length: 99999999999999999999999"});
  EXPECT_EQ(head.status, 0);
  EXPECT_EQ(head.length, std::nullopt);
  EXPECT_EQ(head.first, std::nullopt);
  EXPECT_EQ(head.total, std::nullopt);
}

TEST(HttpHead, AWeakEtagIsNoValidator) {
  EXPECT_EQ(head_of({"HTTP/1.1 200 OK", "ETag: W/\"1\""}).validator(), "");
  EXPECT_EQ(head_of({"HTTP/1.1 200 OK", "ETag: W/\"1\"", "Last-Modified: then"}).validator(), "then");
}

}  // namespace
}  // namespace meros::image
