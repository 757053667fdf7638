/* test_stress_chan.c - senders, receivers, selects, closes, cancels and
 * deadlines on two channels, at random from one seed. Nothing may be lost,
 * doubled or invented, and nobody may sleep for ever.
 *
 * SEED=n begins with that seed, as a failure prints it; ROUNDS=n plays so many.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/blocked.h"
#include "support/scale.h"
#include <criterion/criterion.h>
#include <leat/select.h>
#include <stdatomic.h>
#include <string.h>

TestSuite(stress_chan, .timeout = 60);

enum { SENDERS = 2, RECEIVERS = 2, PER_SENDER = 40, MANY = 3 };

/* How a round ends; always in the end, everything is closed and canceled. */
enum end {
    LAST_SENDER_CLOSES,
    SOMEBODY_CLOSES,
    A_CANCEL,
    A_DEADLINE,
    A_RECEIVER_LEAVES,
    ENDS
};

struct item {
    uint32_t id; /* from 1 */
    uint32_t noise[3];
};

/* What became of each item, in the order sender * PER_SENDER + n + 1. */
enum { IDS = SENDERS * PER_SENDER + 1 };
static atomic_uint received[IDS], drops[IDS];
static atomic_uint invented;

static void count(atomic_uint *counts, const struct item *item)
{
    uint32_t id = item->id;
    if (id == 0 || id >= IDS || item->noise[0] != ~id ||
        item->noise[2] != id * 7)
        atomic_fetch_add(&invented, 1);
    else
        atomic_fetch_add(&counts[id], 1);
}

static void drop(void *item)
{
    count(drops, item);
}

static const struct leat_type item_type = {
    .name = "item", .size = sizeof(struct item), .drop = drop};

static uint32_t roll(uint64_t *rng, uint32_t sides)
{
    *rng = *rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*rng >> 33) * sides >> 31);
}

struct player {
    leat_ctx *ctx;
    leat_chan **chans;
    atomic_uint *senders_left; /* NULL: they leave the channels open */
    uint64_t rng;
    uint32_t first;  /* id of the first item */
    uint32_t sent;   /* how many of them belong to a channel */
    int status;      /* which ended it */
    bool wrong;
    pthread_t thread;
};

static int send_one(struct player *player, struct item *items, size_t *moved)
{
    int status = leat_send(player->ctx, player->chans[roll(&player->rng, 2)],
                           items);
    *moved = status == LEAT_OK;
    return status;
}

static int send_tried(struct player *player, struct item *items, size_t *moved)
{
    int status = leat_try_send(player->chans[roll(&player->rng, 2)], items);
    *moved = status == LEAT_OK;
    return status == LEAT_AGAIN ? send_one(player, items, moved) : status;
}

/* Two cases may offer the same item: one takes it. */
static int send_selected(struct player *player, struct item *items,
                         size_t *moved)
{
    size_t chosen = 0;
    struct leat_case cases[] = {{.send = player->chans[0], .item = items},
                                {.send = player->chans[1], .item = items}};
    int status = leat_select(player->ctx, cases, 2, &chosen);
    status = status ? status : cases[chosen].status;
    *moved = status == LEAT_OK;
    return status;
}

static void *send_all(void *arg)
{
    struct player *player = arg;
    int status = LEAT_OK;
    while (status == LEAT_OK && player->sent < PER_SENDER) {
        struct item items[MANY];
        size_t left = PER_SENDER - player->sent, moved = 0;
        size_t some = 1 + roll(&player->rng, MANY);
        some = some < left ? some : left;
        for (size_t i = 0; i < some; i++) {
            uint32_t id = player->first + player->sent + (uint32_t)i;
            items[i] = (struct item){id, {~id, 0, id * 7}};
        }
        switch (roll(&player->rng, 4)) {
        case 0:
            status = send_one(player, items, &moved);
            break;
        case 1:
            status = send_tried(player, items, &moved);
            break;
        case 2:
            moved = some;
            status = leat_send_many(player->ctx,
                                    player->chans[roll(&player->rng, 2)],
                                    items, &moved);
            player->wrong |= status == LEAT_OK && moved != some;
            break;
        default:
            status = send_selected(player, items, &moved);
        }
        player->sent += (uint32_t)moved;
    }
    player->status = status;
    if (player->senders_left &&
        atomic_fetch_sub(player->senders_left, 1) == 1) {
        leat_close(player->chans[0]);
        leat_close(player->chans[1]);
    }
    return NULL;
}

/* From whichever has something; a plain receive could wait at one while the
 * other is full. */
static int receive_selected(struct player *player, const bool *closed,
                            int *from)
{
    struct item items[2];
    size_t chosen = 0;
    struct leat_case cases[2] = {{.item = &items[0]}, {.item = &items[1]}};
    for (int i = 0; i < 2; i++)
        if (!closed[i])
            cases[i].recv = player->chans[i];
    int status = leat_select(player->ctx, cases, 2, &chosen);
    *from = (int)chosen;
    status = status ? status : cases[chosen].status;
    if (status == LEAT_OK)
        count(received, &items[chosen]);
    return status;
}

static int receive_many(struct player *player, int from)
{
    struct item items[MANY];
    size_t some = MANY;
    int status =
        leat_recv_many(player->ctx, player->chans[from], items, &some);
    player->wrong |= (status == LEAT_OK) != (some > 0) || some > MANY;
    for (size_t i = 0; i < some && i < MANY; i++)
        count(received, &items[i]);
    return status;
}

static void *receive_all(void *arg)
{
    struct player *player = arg;
    bool closed[2] = {false, false};
    int status = LEAT_OK;
    while (!closed[0] || !closed[1]) {
        struct item item;
        int from = closed[0] ? 1 : closed[1] ? 0 : (int)roll(&player->rng, 2);
        switch (roll(&player->rng, 6)) {
        case 0:
            status = leat_try_recv(player->chans[from], &item);
            if (status == LEAT_OK)
                count(received, &item);
            break;
        case 1:
            if (closed[0] || closed[1]) {
                status = receive_many(player, from);
                break;
            } /* else: */
            /* fall through */
        default:
            status = receive_selected(player, closed, &from);
        }
        if (status == LEAT_CLOSED)
            closed[from] = true;
        else if (status != LEAT_OK && status != LEAT_AGAIN)
            break;
    }
    player->status = status;
    return NULL;
}

struct round {
    uint64_t rng;
    enum end end;
    size_t capacity;
    leat_ctx *root, *ctx, *brief;
    leat_chan *chans[2];
    struct player players[SENDERS + RECEIVERS];
    atomic_uint senders_left;
};

static void pass_time(struct round *round)
{
    for (uint32_t i = roll(&round->rng, 60); i > 0; i--)
        look_again();
}

static void make(struct round *round, uint64_t seed)
{
    memset(received, 0, sizeof received);
    memset(drops, 0, sizeof drops);
    round->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    round->end = (enum end)roll(&round->rng, ENDS);
    round->capacity = roll(&round->rng, 3);
    round->root = leat_ctx_root(PATIENCE);
    round->ctx = leat_ctx_new(round->root, 0);
    round->brief = leat_ctx_new(round->ctx, (roll(&round->rng, 300) + 1) *
                                                LEAT_US);
    for (int i = 0; i < 2; i++)
        round->chans[i] = leat_chan_new("stress", &item_type, round->capacity);
    atomic_init(&round->senders_left, SENDERS);
    for (int i = 0; i < SENDERS + RECEIVERS; i++)
        round->players[i] = (struct player){
            .ctx = round->end == A_DEADLINE ||
                           (round->end == A_RECEIVER_LEAVES && i == SENDERS)
                       ? round->brief : round->ctx,
            .chans = round->chans,
            .senders_left = round->end == LAST_SENDER_CLOSES
                                ? &round->senders_left : NULL,
            .rng = round->rng + (uint64_t)i * 77,
            .first = (uint32_t)(i * PER_SENDER + 1)};
    for (int i = 0; i < SENDERS + RECEIVERS; i++)
        thread_start(&round->players[i].thread,
                     i < SENDERS ? send_all : receive_all, &round->players[i]);
}

static void play(struct round *round)
{
    pass_time(round);
    if (round->end == SOMEBODY_CLOSES) {
        leat_close(round->chans[roll(&round->rng, 2)]);
        pass_time(round);
        leat_close(round->chans[0]);
        leat_close(round->chans[1]);
    }
    if (round->end == A_CANCEL)
        leat_ctx_cancel(round->ctx, 1);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(round->players[i].thread, NULL);
    leat_close(round->chans[1]);
    leat_close(round->chans[0]);
    for (int i = SENDERS; i < SENDERS + RECEIVERS; i++)
        pthread_join(round->players[i].thread, NULL);
}

/* Takes out a part of what is left by hand; the rest is dropped by the free. */
static void take_apart(struct round *round)
{
    struct item item;
    for (int i = 0; i < 2; i++) {
        for (uint32_t n = roll(&round->rng, 3); n > 0; n--)
            if (leat_try_recv(round->chans[i], &item) == LEAT_OK)
                count(received, &item);
        leat_chan_free(round->chans[i]);
    }
    leat_ctx_free(round->ctx);
    leat_ctx_free(round->brief);
    leat_ctx_free(round->root);
}

/* The first that is not where it should be; 0: all are. */
static uint32_t misplaced(const struct round *round)
{
    for (uint32_t id = 1; id < IDS; id++) {
        const struct player *sender = &round->players[(id - 1) / PER_SENDER];
        unsigned expected = id - sender->first < sender->sent;
        if (received[id] + drops[id] != expected)
            return id;
    }
    return 0;
}

static void check(const struct round *round, uint64_t seed)
{
    unsigned long long s = seed;
    for (int i = 0; i < SENDERS + RECEIVERS; i++) {
        const struct player *player = &round->players[i];
        bool may_time_out = player->ctx == round->brief;
        cr_assert(!player->wrong, "SEED=%llu: a count is wrong", s);
        cr_assert(player->status != LEAT_INVALID, "SEED=%llu: refused", s);
        cr_assert(player->status != LEAT_TIMEOUT || may_time_out,
                  "SEED=%llu: a lost wake-up: player %d of capacity %zu, "
                  "end %d", s, i, round->capacity, (int)round->end);
    }
    cr_assert_eq(atomic_load(&invented), 0, "SEED=%llu: an item is not whole",
                 s);
    uint32_t id = misplaced(round);
    cr_assert_eq(id, 0, "SEED=%llu: item %u was received %u times and dropped "
                        "%u times (capacity %zu, end %d)",
                 s, (unsigned)id, received[id], drops[id], round->capacity,
                 (int)round->end);
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

Test(stress_chan, nothing_is_lost_whatever_happens_when)
{
    uint64_t first = number_from("SEED", 1);
    uint64_t rounds = number_from("ROUNDS", scaled(300));
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        struct round round;
        make(&round, seed);
        play(&round);
        take_apart(&round);
        check(&round, seed);
    }
}
