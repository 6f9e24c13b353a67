// flags: -Wshadow -Wconversion -fno-exceptions -fno-rtti
// expect-signal: SIGABRT
// Built without exceptions, what would throw ends the process.
#include <greenhub.hpp>

#include "check.h"

int main() {
  greenhub::event event;
  CHECK_EQ(event.wait(std::nothrow, std::chrono::milliseconds(1)).code(), -ETIMEDOUT);
  event.wait(std::chrono::milliseconds(1));
  return 0;
}
