// flags: -Wshadow -Wconversion
// expect-signal: SIGABRT
// expect-stderr: nobody will see this
// What leaves the function of a detached green thread ends the process, as with std::thread.
#include <greenhub.hpp>
#include <stdexcept>

int main() {
  greenhub::spawn([] { throw std::runtime_error("nobody will see this"); }).detach();
  greenhub::this_thread::yield();
  return 0;
}
