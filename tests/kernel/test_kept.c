/* ilp_kept: names found again, bounds per sender and in all, the oldest going first, and senders that leave. */
#include "check.h"
#include "ilp_kept.h"

static ilp_hash128 hash(uint64_t number) { return (ilp_hash128){number * 64, number}; } /* long chains: few buckets */

static const ilp_hash128 DIGEST = {1, 2};

static ilp_kept_entry *ask(ilp_kept *kept, ilp_kept_share *share, uint64_t number, int64_t now) {
    CHECK(ilp_kept_find(kept, share, hash(number), now) == NULL);
    return ilp_kept_begin(kept, share, hash(number), DIGEST, now);
}

static void pay(ilp_kept *kept, ilp_kept_share *share, uint64_t number, uint32_t len, int64_t now) {
    uint8_t answer[64];
    memset(answer, (int)number, sizeof answer);
    ilp_kept_entry *entry = ask(kept, share, number, now);
    CHECK(entry != NULL && entry->answer == NULL);
    ilp_kept_answer(kept, entry, answer, len, now);
}

static bool knows(ilp_kept *kept, ilp_kept_share *share, uint64_t number, int64_t now) {
    ilp_kept_entry *entry = ilp_kept_find(kept, share, hash(number), now);
    if (!entry) return false;
    CHECK(entry->share == share && entry->digest.high == DIGEST.high);
    for (uint32_t i = 0; i < entry->answer_len; i++) CHECK_EQ(entry->answer[i], (uint8_t)number);
    return true;
}

static void answers_are_found_until_their_time(void) {
    const ilp_kept_limits limits = {8, 4, 64, 100};
    ilp_kept *kept = ilp_kept_new(&limits);
    ilp_kept_share one = {0}, two = {0};
    CHECK(kept != NULL);
    pay(kept, &one, 1, 8, 10);
    pay(kept, &two, 1, 0, 20); /* the same name, of somebody else, with an empty answer */
    CHECK(knows(kept, &one, 1, 109) && knows(kept, &two, 1, 109));
    CHECK(!knows(kept, &one, 1, 110) && knows(kept, &two, 1, 119));
    CHECK(!knows(kept, &two, 1, 120));
    CHECK_EQ(ilp_kept_count(kept), 0);
    CHECK_EQ(one.count + two.count + one.bytes + two.bytes, 0);
    ilp_kept_free(kept);
}

static void one_sender_loses_its_own_oldest(void) {
    const ilp_kept_limits limits = {8, 4, 64, 100};
    ilp_kept *kept = ilp_kept_new(&limits);
    ilp_kept_share one = {0}, two = {0};
    pay(kept, &two, 9, 60, 0);
    for (uint64_t number = 1; number <= 5; number++) pay(kept, &one, number, 1, 0);
    CHECK(!knows(kept, &one, 1, 1) && knows(kept, &one, 2, 1) && knows(kept, &one, 5, 1));
    pay(kept, &one, 6, 62, 0); /* by bytes: only two of one byte each fit beside it */
    CHECK(!knows(kept, &one, 3, 1) && knows(kept, &one, 4, 1) && knows(kept, &one, 5, 1) && knows(kept, &one, 6, 1));
    pay(kept, &one, 7, 64, 0);
    CHECK(!knows(kept, &one, 6, 1) && knows(kept, &one, 7, 1));
    CHECK_EQ(one.bytes, 64);
    uint8_t large[65] = {0};
    ilp_kept_answer(kept, ask(kept, &one, 8, 0), large, sizeof large, 0); /* larger than everything: not kept */
    CHECK(!knows(kept, &one, 8, 1) && knows(kept, &one, 7, 1) && knows(kept, &two, 9, 1));
    ilp_kept_free(kept);
}

static void running_requests_are_never_evicted(void) {
    const ilp_kept_limits limits = {6, 4, 64, 100};
    ilp_kept *kept = ilp_kept_new(&limits);
    ilp_kept_share one = {0}, two = {0};
    ilp_kept_entry *running[4];
    for (uint64_t number = 0; number < 4; number++) CHECK((running[number] = ask(kept, &one, number, 0)) != NULL);
    CHECK(ask(kept, &one, 5, 0) == NULL); /* its own share is full */
    pay(kept, &two, 1, 1, 0);
    pay(kept, &two, 2, 1, 0);
    pay(kept, &two, 3, 1, 0); /* the table is full: the oldest answer of all goes */
    CHECK(!knows(kept, &two, 1, 1) && knows(kept, &two, 2, 1) && knows(kept, &two, 3, 1));
    CHECK(knows(kept, &one, 3, 10000)); /* time does not end what runs */
    ilp_kept_answer(kept, running[0], (const uint8_t *)"", 0, 0);
    CHECK(ask(kept, &one, 5, 0) != NULL && !knows(kept, &one, 0, 0));
    ilp_kept_free(kept);
}

static void a_sender_that_leaves_takes_everything_along(void) {
    const ilp_kept_limits limits = {8, 4, 64, 100};
    ilp_kept *kept = ilp_kept_new(&limits);
    ilp_kept_share one = {0}, two = {0};
    pay(kept, &one, 1, 4, 0);
    pay(kept, &two, 2, 4, 0);
    ilp_kept_entry *running = ask(kept, &one, 3, 0);
    ilp_kept_drop(kept, &one);
    CHECK(!knows(kept, &one, 1, 0) && knows(kept, &one, 3, 0));
    ilp_kept_answer(kept, running, (const uint8_t *)"late", 4, 0);
    CHECK(!knows(kept, &one, 3, 0) && knows(kept, &two, 2, 0));
    CHECK_EQ(one.count, 0);
    CHECK_EQ(ilp_kept_count(kept), 1);
    ilp_kept_free(kept);
}

int main(void) {
    answers_are_found_until_their_time();
    one_sender_loses_its_own_oldest();
    running_requests_are_never_evicted();
    a_sender_that_leaves_takes_everything_along();
    return 0;
}
