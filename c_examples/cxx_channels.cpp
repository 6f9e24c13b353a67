// cxx_channels.cpp: a pool of workers around two channels, and a select.
//
// A channel takes anything that can be moved; what is left in it when it goes is destroyed. A loop over a
// channel ends when it is closed and empty. select() performs one of several cases and calls its handler.
#include <array>
#include <chrono>
#include <greenhub.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

struct Job {
    std::string word;
    std::unique_ptr<int> number;
};

static void a_pool_of_workers()
{
    greenhub::channel<Job> jobs(4);
    greenhub::channel<std::string> answers;

    std::vector<greenhub::thread<>> workers;
    for (int i = 0; i < 3; i++) {
        workers.push_back(greenhub::spawn([&] {
            for (Job &job : jobs) {
                std::string answer;
                for (int times = 0; times < *job.number; times++) answer += job.word;
                answers.send(std::move(answer));
            }
        }));
    }
    auto closer = greenhub::spawn([&] {
        for (int number = 1; number <= 5; number++)
            jobs.send(Job{"x", std::make_unique<int>(number)});
        jobs.close();
        for (auto &worker : workers) worker.join();
        answers.close();
    });

    // Who answers first depends on nothing that we say: they are put in order here.
    std::map<std::size_t, std::string> sorted;
    for (std::string &answer : answers) sorted[answer.size()] = std::move(answer);
    closer.join();
    for (const auto &[size, answer] : sorted) std::cout << size << ": " << answer << "\n";
}

static void whichever_comes_first()
{
    greenhub::channel<std::string> words;
    std::array<int, 2> ends;
    if (pipe(ends.data()) != 0) greenhub::check(-errno);
    const greenhub::descriptor reading(ends[0]);
    const greenhub::descriptor writing(ends[1]);

    auto speaker = greenhub::spawn([&] {
        words.send("hello");
        greenhub::check(gh_write(writing.get(), "!", 1, GH_NEVER));
        greenhub::this_thread::sleep_for(20ms);
        words.close();
    });

    for (bool open = true; open;) {
        const auto chosen = greenhub::select(
            std::nothrow, 10s,
            greenhub::on_receive(words,
                                 [&](greenhub::result<std::string> word) {
                                     open = static_cast<bool>(word);
                                     std::cout << (word ? *word : "closed") << "\n";
                                 }),
            greenhub::on_readable(reading.get(), [&] {
                char byte;
                greenhub::check(gh_read(reading.get(), &byte, 1, GH_NEVER));
                std::cout << "from the pipe: " << byte << "\n";
            }));
        if (!chosen) std::cout << chosen.error().message() << "\n";
    }
    speaker.join();
}

static void what_is_not_sent()
{
    greenhub::channel<std::unique_ptr<int>> nobody_receives;
    auto mine = std::make_unique<int>(42);
    const auto sent = nobody_receives.send(std::nothrow, std::move(mine), 10ms);
    std::cout << sent.error().message() << ", still mine: " << *mine << "\n";
}

int main()
{
    a_pool_of_workers();
    whichever_comes_first();
    what_is_not_sent();
}
