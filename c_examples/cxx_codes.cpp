// cxx_codes.cpp: no exceptions. Every call that waits returns a result if std::nothrow comes first: the
// value, or the negative code of the C function. This program compiles with -fno-exceptions -fno-rtti.
#include <chrono>
#include <cstdio>
#include <greenhub.hpp>
#include <string>

using namespace std::chrono_literals;
using std::nothrow;

static int serve(greenhub::channel<std::string> &requests)
{
    for (;;) {
        auto request = requests.receive(nothrow, 10s);
        if (!request) {
            // A cancellation is a code as well; what owns something goes as it always does.
            std::printf("server: %s\n", gh_err_name(request.code()));
            return request.code();
        }
        std::printf("server: %s\n", request->c_str());
    }
}

int main()
{
    auto requests = greenhub::channel<std::string>::make(1, "requests");
    if (!requests) return 1;
    auto server = greenhub::spawn(nothrow, serve, std::ref(*requests));
    if (!server) return 1;
    for (const char *text : {"first", "second"}) {
        if (!requests->send(nothrow, text)) return 1;
    }
    std::printf("main: %s\n", server->join(nothrow, 10ms).error().message().c_str());
    if (!server->cancel(nothrow)) return 1;
    auto code = server->join(nothrow);
    std::printf("main: it returned %s\n", gh_err_name(*code));
}
