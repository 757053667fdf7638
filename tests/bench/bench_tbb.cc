// bench_tbb.cc - TBB: concurrent_bounded_queue, and parallel_pipeline with 128
// tokens. The queue has no close: a 0 for each receiver ends it. TBB allocates
// its items' holders itself; the items come from new, as Go's and crossbeam's.
// SPDX-License-Identifier: MIT
#include <thread>
#include <vector>
#include <tbb/concurrent_queue.h>
#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include "work.h"

using queue = tbb::concurrent_bounded_queue<uint64_t>;

struct alignas(64) tally {
    uint64_t count = 0, sum = 0;
};

static void receive(queue &from, tally &mine)
{
    uint64_t value, count = 0, sum = 0;

    for (from.pop(value); value != 0; from.pop(value)) {
        count++;
        sum += value;
    }
    mine.count = count;
    mine.sum = sum;
}

static int flow(const char *workload, uint64_t count, unsigned ends)
{
    queue channel;
    std::vector<std::thread> senders, receivers;
    std::vector<tally> tallies(ends);
    tally total;
    double began = seconds();

    channel.set_capacity(CAPACITY);
    count = count / ends * ends;
    for (unsigned i = 0; i < ends; i++)
        receivers.emplace_back([&, i] { receive(channel, tallies[i]); });
    for (unsigned i = 0; i < ends; i++)
        senders.emplace_back([&, i] {
            uint64_t share = count / ends;
            for (uint64_t v = share * i + 1; v <= share * (i + 1); v++)
                channel.push(v);
        });
    for (auto &sender : senders)
        sender.join();
    for (unsigned i = 0; i < ends; i++)
        channel.push(0);
    for (unsigned i = 0; i < ends; i++) {
        receivers[i].join();
        total.count += tallies[i].count;
        total.sum += tallies[i].sum;
    }
    return result("tbb", workload, count, seconds() - began,
                  total.count == count && total.sum == triangle(count));
}

static int ping_pong(uint64_t count)
{
    queue there, back;
    uint64_t sum = 0, value;

    there.set_capacity(1);
    back.set_capacity(1);
    std::thread pong([&] {
        uint64_t got;
        for (there.pop(got); got != 0; there.pop(got))
            back.push(got + 1);
    });
    double began = seconds();
    for (uint64_t i = 1; i <= count; i++) {
        there.push(i);
        back.pop(value);
        sum += value;
    }
    double took = seconds() - began;
    there.push(0);
    pong.join();
    return result("tbb", "pingpong", count, took, sum == triangle(count) + count);
}

static int pipeline(const char *workload, uint64_t count)
{
    using tbb::filter_mode;
    int rounds = rounds_of(workload);
    struct sum sum = {0, 0, 0, 0};
    uint64_t next = 0;
    double began = seconds();

    tbb::parallel_pipeline(
        CAPACITY,
        tbb::make_filter<void, item *>(
            filter_mode::serial_in_order,
            [&](tbb::flow_control &control) -> item * {
                if (next == count) {
                    control.stop();
                    return nullptr;
                }
                item *made = new item;
                item_init(made, next++);
                return made;
            }) &
        tbb::make_filter<item *, item *>(
            filter_mode::parallel, [=](item *it) {
                item_first(it, rounds);
                return it;
            }) &
        tbb::make_filter<item *, item *>(
            filter_mode::parallel, [=](item *it) {
                item_second(it, rounds);
                return it;
            }) &
        tbb::make_filter<item *, void>(
            filter_mode::serial_in_order, [&](item *it) {
                sum_item(&sum, it);
                delete it;
            }));
    return result("tbb", workload, count, seconds() - began,
                  sum_is_right(&sum, count));
}

int main(int argc, char **argv)
{
    const char *workload = argc > 2 ? argv[1] : "";
    uint64_t count = argc > 2 ? strtoull(argv[2], nullptr, 10) : 0;

    if (strcmp(workload, "spsc-buf") == 0)
        return flow(workload, count, 1);
    if (strcmp(workload, "mpmc-buf") == 0)
        return flow(workload, count, 2);
    if (strcmp(workload, "mpmc-4x4") == 0)
        return flow(workload, count, 4);
    if (strcmp(workload, "pingpong") == 0)
        return ping_pong(count);
    if (strncmp(workload, "pipeline", 8) == 0)
        return pipeline(workload, count);
    return 2;
}
