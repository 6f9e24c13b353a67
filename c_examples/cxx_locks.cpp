// cxx_locks.cpp: locks and meeting points, under the guards of the standard library.
//
// The mutexes here suspend a green thread where std::mutex would block all of its OS thread. The guards
// are the standard's own.
#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <greenhub.hpp>
#include <iostream>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

using namespace std::chrono_literals;

// A queue with room for so many, as with OS threads.
class Queue {
public:
    explicit Queue(std::size_t room) : room_(room) {}

    void put(int item)
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return items_.size() < room_; });
        items_.push_back(item);
        changed_.notify_all();
    }

    int take()
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !items_.empty(); });
        const int item = items_.front();
        items_.pop_front();
        changed_.notify_all();
        return item;
    }

private:
    greenhub::mutex mutex_;
    greenhub::condition_variable changed_;
    std::deque<int> items_;
    std::size_t room_;
};

static void a_queue()
{
    Queue queue(2);
    auto producer = greenhub::spawn([&] {
        for (int item = 1; item <= 10; item++) queue.put(item);
    });
    int total = 0;
    for (int i = 0; i < 10; i++) total += queue.take();
    producer.join();
    std::cout << "taken: " << total << "\n";
}

static void transfers()
{
    struct Account {
        greenhub::mutex mutex;
        int balance = 100;
    } one, other;
    const auto transfer = [](Account &from, Account &to, int amount) {
        for (int i = 0; i < amount; i++) {
            // Both at once, whatever order others take them in.
            const std::scoped_lock both(from.mutex, to.mutex);
            from.balance--;
            greenhub::this_thread::yield();
            to.balance++;
        }
    };
    auto there = greenhub::spawn(transfer, std::ref(one), std::ref(other), 30);
    auto back = greenhub::spawn(transfer, std::ref(other), std::ref(one), 20);
    there.join();
    back.join();
    std::cout << "balances: " << one.balance << " and " << other.balance << "\n";
}

static void readers_and_a_writer()
{
    greenhub::shared_mutex shared;
    std::string text = "old";
    const std::shared_lock reading(shared);
    auto writer = greenhub::spawn([&] {
        if (!shared.try_lock_for(5ms)) std::cout << "the writer gives up\n";
    });
    auto reader = greenhub::spawn([&] {
        greenhub::this_thread::sleep_for(20ms);
        const std::shared_lock lock(shared);
        std::cout << "another reader: " << text << "\n";
    });
    writer.join();
    reader.join();
}

static void meetings()
{
    greenhub::semaphore permits(2);
    greenhub::once connect;
    greenhub::wait_group done;
    greenhub::local<int> steps;
    int inside = 0;
    int most = 0;
    std::vector<greenhub::thread<>> threads;
    done.add(6);
    for (int i = 0; i < 6; i++) {
        threads.push_back(greenhub::spawn([&] {
            connect.call([] { std::cout << "connects once\n"; });
            permits.acquire();
            most = std::max(most, ++inside);
            for (int step = 0; step < 3; step++) {
                ++*steps; // its own: nobody else's steps are counted here
                greenhub::this_thread::yield();
            }
            inside--;
            permits.release();
            if (*steps == 3) done.done();
        }));
    }
    done.wait(10s);
    std::cout << "at most " << most << " at once\n";
}

int main()
{
    a_queue();
    transfers();
    readers_and_a_writer();
    meetings();
}
