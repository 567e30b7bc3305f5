#include <gmock/gmock.h>

#include "e2e/guest_lab.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  testing::AddGlobalTestEnvironment(meros::test::lab_environment().release());  // gtest owns it
  return RUN_ALL_TESTS();
}
