/* ilp_window and ilp_idset against plain arrays: find, order of lists, growth, and every border of the sliding bitmap. */
#include "check.h"
#include "ilp_window.h"

#define IDS 3000u

static void slots_against_an_array(void) {
    ilp_pool *pool = ilp_pool_new(8, 0);
    ilp_window window;
    bool open[IDS + 1] = {false};
    uint8_t list[IDS + 1] = {0};
    uint32_t used = 0;
    CHECK_EQ(ilp_window_init(&window, 1000), 0);
    for (int step = 0; step < 200000; step++) {
        uint64_t id = 1 + check_below(IDS);
        ilp_slot *slot = ilp_window_find(&window, id);
        CHECK((slot != NULL) == open[id]);
        if (!slot) {
            slot = ilp_window_add(&window, id);
            CHECK((slot != NULL) == (used < 1000));
            if (slot) {
                open[id] = true;
                list[id] = 0;
                used++;
            }
        } else if (check_below(3) == 0) {
            ilp_window_remove(&window, slot);
            open[id] = false;
            list[id] = 0;
            used--;
        } else {
            list[id] = (uint8_t)check_below(ILP_WINDOW_LISTS);
            ilp_window_move(&window, slot, list[id]);
            CHECK_EQ(slot->list, list[id]);
        }
        CHECK_EQ(window.used, used);
    }
    uint32_t listed = 0, walked = 0;
    for (uint64_t id = 1; id <= IDS; id++) listed += list[id] != 0;
    for (uint32_t number = 1; number < ILP_WINDOW_LISTS; number++) {
        uint32_t before = 0;
        for (ilp_slot *slot = ilp_window_first(&window, number); slot; slot = slot->next ? &window.slots[slot->next] : NULL) {
            CHECK(open[slot->id]);
            CHECK_EQ(list[slot->id], number);
            CHECK_EQ(slot->prev, before);
            before = ilp_window_number(&window, slot);
            walked++;
        }
        CHECK_EQ(window.lists[number].last, before);
    }
    CHECK_EQ(walked, listed);
    ilp_window_clear(&window, pool);
    CHECK_EQ(window.used, 0);
    for (uint64_t id = 1; id <= IDS; id++) CHECK(!ilp_window_find(&window, id));
    ilp_window_free(&window, pool);
    ilp_pool_free(pool);
}

static void lists_keep_order(void) {
    ilp_pool *pool = ilp_pool_new(8, 0);
    ilp_window window;
    CHECK_EQ(ilp_window_init(&window, 100), 0);
    for (uint64_t id = 1; id <= 100; id++) ilp_window_move(&window, ilp_window_add(&window, id), ILP_WINDOW_READY);
    CHECK(ilp_window_add(&window, 101) == NULL);
    ilp_window_move(&window, ilp_window_find(&window, 1), ILP_WINDOW_READY); /* to the end */
    for (uint64_t id = 2; id <= 101; id++) {
        ilp_slot *slot = ilp_window_first(&window, ILP_WINDOW_READY);
        CHECK_EQ(slot->id, id == 101 ? 1 : id);
        ilp_window_remove(&window, slot);
    }
    CHECK(ilp_window_first(&window, ILP_WINDOW_READY) == NULL);
    ilp_window_free(&window, pool);
    ilp_pool_free(pool);
}

static void clearing_gives_buffers_back(void) {
    ilp_pool *pool = ilp_pool_new(8, 0);
    ilp_window window;
    CHECK_EQ(ilp_window_init(&window, 8), 0);
    for (uint64_t id = 1; id <= 5; id++) ilp_window_add(&window, id)->buffer = ilp_pool_get(pool, 100);
    ilp_window_clear(&window, pool);
    CHECK_EQ(ilp_pool_in_use(pool), 0);
    ilp_window_free(&window, pool);
    ilp_pool_free(pool);
}

static void idset_against_bytes(void) {
    enum { SPREAD = 5000 };
    static uint8_t model[400000];
    for (int run = 0; run < 30; run++) {
        ilp_idset set;
        uint64_t low = 1 + check_below(1000);
        memset(model, 0, sizeof model);
        CHECK_EQ(ilp_idset_init(&set, low), 0);
        for (int step = 0; step < 3000; step++) {
            uint64_t id = low + check_below(check_below(10) ? 600 : SPREAD);
            if (check_below(4) == 0) {
                uint64_t next = low + check_below(check_below(20) ? 100 : SPREAD);
                if (next + SPREAD >= sizeof model) break;
                memset(model + low, 0, next - low);
                low = next;
                ilp_idset_advance(&set, low);
                CHECK_EQ(set.low, low);
            } else if (check_below(2)) {
                CHECK(ilp_idset_add(&set, id));
                model[id] = 1;
            }
            CHECK_EQ(ilp_idset_has(&set, id), model[id] && id >= low);
            CHECK(!ilp_idset_has(&set, low - 1));
        }
        for (uint64_t id = low; id < low + SPREAD; id++) CHECK_EQ(ilp_idset_has(&set, id), model[id]);
        ilp_idset_free(&set);
    }
}

static void idset_has_a_bound(void) {
    ilp_idset set;
    CHECK_EQ(ilp_idset_init(&set, 10), 0);
    CHECK(!ilp_idset_add(&set, 9));
    CHECK(!ilp_idset_add(&set, 10 + ILP_WINDOW_SPAN));
    CHECK(ilp_idset_add(&set, 10 + ILP_WINDOW_SPAN - 1));
    CHECK(set.bits == ILP_WINDOW_SPAN);
    CHECK(ilp_idset_has(&set, 10 + ILP_WINDOW_SPAN - 1));
    ilp_idset_advance(&set, 1ull << 47);
    CHECK(!ilp_idset_has(&set, 1ull << 47));
    CHECK(ilp_idset_add(&set, 1ull << 47));
    ilp_idset_free(&set);
}

int main(void) {
    slots_against_an_array();
    lists_keep_order();
    clearing_gives_buffers_back();
    idset_against_bytes();
    idset_has_a_bound();
    return 0;
}
