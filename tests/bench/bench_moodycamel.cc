// bench_moodycamel.cc - moodycamel::BlockingConcurrentQueue, 64 at a time with
// tokens. It is not bounded and keeps no order between senders: it may take
// more than it should, so it is the mark for this row only. A 0 for each
// receiver ends it; what a 0 has overtaken is counted afterwards.
// SPDX-License-Identifier: MIT
#include <thread>
#include <vector>
#include <concurrentqueue/blockingconcurrentqueue.h>
#include "work.h"

using queue = moodycamel::BlockingConcurrentQueue<uint64_t>;

struct alignas(64) tally {
    uint64_t count = 0, sum = 0;
};

static void send(queue &to, uint64_t first, uint64_t last)
{
    moodycamel::ProducerToken token(to);
    uint64_t buffer[MANY];
    size_t len = 0;

    for (uint64_t v = first; v <= last; v++) {
        buffer[len++] = v;
        if (len == MANY || v == last) {
            to.enqueue_bulk(token, buffer, len);
            len = 0;
        }
    }
}

static void receive(queue &from, tally &mine)
{
    moodycamel::ConsumerToken token(from);
    uint64_t buffer[MANY], count = 0, sum = 0;
    size_t ends = 0;

    while (ends == 0) {
        size_t len = from.wait_dequeue_bulk(token, buffer, MANY);
        for (size_t i = 0; i < len; i++) {
            count += buffer[i] != 0;
            ends += buffer[i] == 0;
            sum += buffer[i];
        }
    }
    while (--ends > 0) /* others' */
        from.enqueue(0);
    mine.count = count;
    mine.sum = sum;
}

static int many(const char *workload, uint64_t count, unsigned ends)
{
    queue channel;
    std::vector<std::thread> senders, receivers;
    std::vector<tally> tallies(ends);
    tally total;
    uint64_t late, share = count / ends;
    double began = seconds();

    count = share * ends;
    for (unsigned i = 0; i < ends; i++)
        receivers.emplace_back([&, i] { receive(channel, tallies[i]); });
    for (unsigned i = 0; i < ends; i++)
        senders.emplace_back(
            [&, i] { send(channel, share * i + 1, share * (i + 1)); });
    for (auto &sender : senders)
        sender.join();
    for (unsigned i = 0; i < ends; i++)
        channel.enqueue(0);
    for (unsigned i = 0; i < ends; i++) {
        receivers[i].join();
        total.count += tallies[i].count;
        total.sum += tallies[i].sum;
    }
    while (channel.try_dequeue(late)) {
        total.count += late != 0;
        total.sum += late;
    }
    return result("moodycamel", workload, count, seconds() - began,
                  total.count == count && total.sum == triangle(count));
}

int main(int argc, char **argv)
{
    const char *workload = argc > 2 ? argv[1] : "";
    uint64_t count = argc > 2 ? strtoull(argv[2], nullptr, 10) : 0;

    if (strcmp(workload, "many-spsc") == 0)
        return many(workload, count, 1);
    if (strcmp(workload, "many-mpmc") == 0)
        return many(workload, count, 2);
    if (strcmp(workload, "many-4x4") == 0)
        return many(workload, count, 4);
    return 2;
}
