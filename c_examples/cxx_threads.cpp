// cxx_threads.cpp: green threads that return values, and end by exceptions.
//
// A greenhub::thread owns its green thread. join() gives what the function returned, or throws what it
// threw. A cancellation is an exception too: it destroys what is in the green thread's frames, as any
// other. An owner that goes cancels its green thread and waits for it, so that nothing in this program
// can outlive what it refers to.
#include <chrono>
#include <greenhub.hpp>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

using namespace std::chrono_literals;

static int sum(int from, int to)
{
    int total = 0;
    for (int number = from; number <= to; number++) {
        total += number;
        greenhub::this_thread::yield();
    }
    return total;
}

static void values()
{
    auto low = greenhub::spawn(sum, 1, 50);
    auto high = greenhub::spawn(sum, 51, 100);
    std::cout << "1 + ... + 100 = " << low.join() + high.join() << "\n";

    // Whatever can be moved, moves in and out.
    auto text = std::make_unique<std::string>("moved in");
    auto longer = greenhub::spawn([text = std::move(text)]() mutable {
        *text += ", moved out";
        return std::move(text);
    });
    std::cout << *longer.join() << "\n";
}

static void exceptions()
{
    auto fails = greenhub::spawn([]() -> int { throw std::runtime_error("no such file"); });
    try {
        std::cout << fails.join() << "\n";
    } catch (const std::runtime_error &error) {
        std::cout << "join rethrows: " << error.what() << "\n";
    }

    greenhub::event never_set;
    try {
        never_set.wait(10ms);
    } catch (const greenhub::error &error) {
        if (error.code() == std::errc::timed_out) std::cout << "the deadline came\n";
    }
}

// Says when it goes. What must wait on the way out is shielded.
struct Connection {
    const char *name;

    ~Connection()
    {
        const greenhub::cancel_mask shield;
        greenhub::this_thread::sleep_for(5ms);
        std::cout << name << ": closed\n";
    }
};

static void serve(const char *name)
{
    const Connection connection{name};
    std::cout << name << ": waits\n";
    greenhub::this_thread::sleep_for(1h);
}

static void cancellation()
{
    auto served = greenhub::spawn(serve, "first");
    greenhub::this_thread::yield();
    served.cancel();
    try {
        served.join();
    } catch (const greenhub::cancelled &) {
        std::cout << "first: cancelled\n";
    }

    try {
        const auto owned = greenhub::spawn(serve, "second");
        greenhub::this_thread::yield();
        throw std::runtime_error("something else");
    } catch (const std::runtime_error &error) {
        // The owner has gone by now, and with it what it owned.
        std::cout << error.what() << " went wrong\n";
    }
}

int main()
{
    values();
    exceptions();
    cancellation();
}
