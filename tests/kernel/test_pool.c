/* ilp_pool: sizes, exhaustion, reuse order, and buffers that never overlap. */
#include "check.h"
#include "ilp_pool.h"

static void sizes_and_exhaustion(void) {
    ilp_pool *pool = ilp_pool_new(2, 1);
    CHECK(pool != NULL);
    CHECK(ilp_pool_get(pool, ILP_BUFFER_LARGE + 1) == NULL);
    ilp_buffer *tiny = ilp_pool_get(pool, 0);
    ilp_buffer *usual = ilp_pool_get(pool, ILP_BUFFER_TINY);
    CHECK(tiny && usual && tiny->cap == ILP_BUFFER_TINY && usual->cap == ILP_BUFFER_TINY);
    ilp_buffer *first = ilp_pool_get(pool, 0); /* no tiny one left: a small one serves */
    ilp_buffer *second = ilp_pool_get(pool, ILP_BUFFER_SMALL);
    CHECK(first && second);
    CHECK(first->cap == ILP_BUFFER_SMALL && first->len == 0 && first->offset == 0 && first->in_use == 1);
    ilp_buffer *third = ilp_pool_get(pool, 1); /* no small one left: a large one serves */
    CHECK(third && third->cap == ILP_BUFFER_LARGE);
    CHECK(ilp_pool_get(pool, 1) == NULL && ilp_pool_get(pool, ILP_BUFFER_LARGE) == NULL);
    CHECK_EQ(ilp_pool_in_use(pool), 5);
    ilp_pool_put(pool, third);
    ilp_buffer *large = ilp_pool_get(pool, ILP_BUFFER_SMALL + 1);
    CHECK(large == third);
    ilp_pool_put(pool, first);
    first->len = 99; /* what a former owner might have left */
    ilp_buffer *again = ilp_pool_get(pool, 10);
    CHECK(again == first && again->len == 0); /* last in, first out */
    ilp_pool_put(pool, NULL);
    ilp_pool_put(pool, again);
    ilp_pool_put(pool, tiny);
    ilp_pool_put(pool, usual);
    ilp_pool_put(pool, second);
    ilp_pool_put(pool, large);
    CHECK_EQ(ilp_pool_in_use(pool), 0);
    ilp_pool_free(pool);
}

/* Fill every byte of every buffer with its number; if two overlapped, one would read the other's. */
static void buffers_do_not_overlap(void) {
    enum { SMALL = 37, LARGE = 5 };
    ilp_buffer *held[SMALL + LARGE];
    ilp_pool *pool = ilp_pool_new(SMALL, LARGE);
    CHECK(pool != NULL);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < SMALL + LARGE; i++) {
            uint32_t size = i < SMALL ? (i % 2 ? 1 : ILP_BUFFER_TINY + 1) : ILP_BUFFER_LARGE;
            held[i] = ilp_pool_get(pool, size);
            CHECK(held[i] != NULL);
            memset(held[i]->data, i + turn, held[i]->cap);
        }
        for (int i = 0; i < SMALL + LARGE; i++)
            for (uint32_t at = 0; at < held[i]->cap; at++) CHECK_EQ(held[i]->data[at], i + turn);
        for (int i = 0; i < SMALL + LARGE; i++) ilp_pool_put(pool, held[(i * 5 + turn) % (SMALL + LARGE)]);
        CHECK_EQ(ilp_pool_in_use(pool), 0);
    }
    ilp_pool_free(pool);
}

static void a_pool_without_buffers(void) {
    ilp_pool *pool = ilp_pool_new(0, 0);
    CHECK(pool != NULL && ilp_pool_get(pool, 0) == NULL);
    ilp_pool_free(pool);
}

int main(void) {
    sizes_and_exhaustion();
    buffers_do_not_overlap();
    a_pool_without_buffers();
    return 0;
}
