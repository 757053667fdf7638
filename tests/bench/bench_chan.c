/* bench_chan.c - leat's channels: streams of 8-byte items, one at a time and 64
 * at a time, and a select over four.
 *
 * What threads read and write all the time stands on cache lines of its own;
 * otherwise the benchmark would measure itself.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "bench_leat.h"
#include <leat/select.h>
#include <pthread.h>

enum { ENDS = 4 };

struct end {
    _Alignas(64) leat_ctx *ctx;
    leat_chan *ch;
    uint64_t first, last; /* what a sender sends */
    uint64_t count, sum;  /* what a receiver got */
    bool broken;
};

static void *send_each(void *arg)
{
    struct end *end = arg;

    for (uint64_t v = end->first; v <= end->last; v++)
        if (leat_send(end->ctx, end->ch, &v) != LEAT_OK) {
            end->broken = true;
            break;
        }
    return NULL;
}

static void *receive_each(void *arg)
{
    struct end *end = arg;
    uint64_t value, count = 0, sum = 0, before = 0;
    bool in_order = true;

    while (leat_recv(end->ctx, end->ch, &value) == LEAT_OK) {
        count++;
        sum += value;
        in_order &= value > before;
        before = value;
    }
    end->count = count;
    end->sum = sum;
    end->broken = !in_order;
    return NULL;
}

static void *send_many(void *arg)
{
    struct end *end = arg;
    uint64_t buffer[MANY];
    size_t len = 0;

    for (uint64_t v = end->first; v <= end->last; v++) {
        buffer[len++] = v;
        if (len < MANY && v < end->last)
            continue;
        if (leat_send_many(end->ctx, end->ch, buffer, &len) != LEAT_OK) {
            end->broken = true;
            break;
        }
        len = 0;
    }
    return NULL;
}

static void *receive_many(void *arg)
{
    struct end *end = arg;
    uint64_t buffer[MANY], count = 0, sum = 0;
    size_t len = MANY;

    while (leat_recv_many(end->ctx, end->ch, buffer, &len) == LEAT_OK) {
        count += len;
        for (size_t i = 0; i < len; i++)
            sum += buffer[i];
        len = MANY;
    }
    end->count = count;
    end->sum = sum;
    return NULL;
}

/* So many senders and receivers on one channel. */
static int flow(const char *workload, uint64_t count, size_t capacity,
                unsigned ends, bool many)
{
    leat_ctx *ctx = leat_ctx_root(600 * LEAT_S);
    leat_chan *ch = leat_chan_new("bench", LEAT_TYPE(uint64_t), capacity);
    struct end senders[ENDS], receivers[ENDS];
    pthread_t sending[ENDS], receiving[ENDS];
    uint64_t share = count / ends, got = 0, sum = 0;
    bool broken = false;
    double began = seconds(), took;

    for (unsigned i = 0; i < ends; i++) {
        receivers[i] = (struct end){.ctx = ctx, .ch = ch};
        pthread_create(&receiving[i], NULL, many ? receive_many : receive_each,
                       &receivers[i]);
    }
    for (unsigned i = 0; i < ends; i++) {
        senders[i] = (struct end){.ctx = ctx, .ch = ch, .first = share * i + 1,
                                  .last = share * (i + 1)};
        pthread_create(&sending[i], NULL, many ? send_many : send_each,
                       &senders[i]);
    }
    for (unsigned i = 0; i < ends; i++) {
        pthread_join(sending[i], NULL);
        broken |= senders[i].broken;
    }
    leat_close(ch);
    for (unsigned i = 0; i < ends; i++) {
        pthread_join(receiving[i], NULL);
        got += receivers[i].count;
        sum += receivers[i].sum;
        broken |= ends == 1 && receivers[i].broken;
    }
    took = seconds() - began;
    leat_chan_free(ch);
    leat_ctx_free(ctx);
    count = share * ends;
    return result("leat", workload, count, took,
                  !broken && got == count && sum == triangle(count));
}

static int select_of_four(const char *workload, uint64_t count)
{
    leat_ctx *ctx = leat_ctx_root(600 * LEAT_S);
    struct end senders[ENDS];
    struct leat_case cases[ENDS];
    pthread_t sending[ENDS];
    uint64_t share = count / ENDS, value = 0, got = 0, sum = 0;
    size_t chosen;
    double began = seconds(), took;

    count = share * ENDS;
    for (unsigned i = 0; i < ENDS; i++) {
        leat_chan *ch = leat_chan_new("bench", LEAT_TYPE(uint64_t), 16);
        senders[i] = (struct end){.ctx = ctx, .ch = ch, .first = share * i + 1,
                                  .last = share * (i + 1)};
        cases[i] = (struct leat_case){.recv = ch, .item = &value};
        pthread_create(&sending[i], NULL, send_each, &senders[i]);
    }
    while (got < count && leat_select(ctx, cases, ENDS, &chosen) == LEAT_OK &&
           cases[chosen].status == LEAT_OK) {
        got++;
        sum += value;
    }
    took = seconds() - began;
    for (unsigned i = 0; i < ENDS; i++) {
        leat_close(senders[i].ch);
        pthread_join(sending[i], NULL);
        leat_chan_free(senders[i].ch);
    }
    leat_ctx_free(ctx);
    return result("leat", workload, count, took,
                  got == count && sum == triangle(count));
}

int bench_channels(const char *workload, uint64_t count)
{
    static const struct {
        const char *workload;
        size_t capacity;
        unsigned ends;
        bool many;
    } flows[] = {
        {"spsc-buf", CAPACITY, 1, false},   {"mpmc-buf", CAPACITY, 2, false},
        {"mpmc-4x4", CAPACITY, 4, false},   {"many-spsc", CAPACITY, 1, true},
        {"many-mpmc", CAPACITY, 2, true},   {"many-4x4", CAPACITY, 4, true},
        {"unbuf", 0, 1, false},
        /* every call of leat's can be canceled: the same stream */
        {"select-done", CAPACITY, 1, false},
    };

    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++)
        if (strcmp(workload, flows[i].workload) == 0)
            return flow(workload, count, flows[i].capacity, flows[i].ends,
                        flows[i].many);
    if (strcmp(workload, "select") == 0)
        return select_of_four(workload, count);
    return NOT_MINE;
}
