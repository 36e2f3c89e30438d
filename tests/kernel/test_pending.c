/* ilp_pending against a model that looks at every slot: timers fire once, never early, at most one tick late; stale handles find nothing. */
#include "check.h"
#include "ilp_pending.h"

#define SLOTS 64u
#define TICK_NS 4000000LL
#define WHEEL_NS (16384 * TICK_NS)

typedef struct model {
    ilp_context *ctx; /* NULL: not in use */
    uint64_t handle;
    bool armed;
    int64_t deadline_ns;
} model;

static int64_t some_delay(void) {
    switch (check_below(6)) {
    case 0: return -(int64_t)check_below(10000000000); /* already past */
    case 1: return (int64_t)check_below(3 * TICK_NS);
    case 2: return (int64_t)check_below(30) * TICK_NS;        /* exactly on a tick */
    case 3: return WHEEL_NS + (int64_t)check_below(WHEEL_NS); /* more than a turn of the wheel ahead */
    default: return (int64_t)check_below(31000000000);
    }
}

static int64_t some_pause(void) {
    switch (check_below(8)) {
    case 0: return 0;
    case 1: return (int64_t)check_below(TICK_NS);
    case 2: return TICK_NS;
    case 3: return (int64_t)check_below(3 * WHEEL_NS); /* the machine slept */
    default: return (int64_t)check_below(200000000);
    }
}

static void drain(ilp_pending *pending, model *models, int64_t now_ns) {
    ilp_context *ctx;
    while ((ctx = ilp_pending_expired(pending, now_ns))) {
        model *m = &models[ctx->index];
        CHECK(m->ctx == ctx && m->armed);
        CHECK(m->deadline_ns <= now_ns);
        m->armed = false;
    }
    for (uint32_t i = 0; i < SLOTS; i++)
        if (models[i].ctx && models[i].armed) CHECK(models[i].deadline_ns > now_ns - TICK_NS);
}

static void against_a_model(uint64_t seed) {
    model models[SLOTS] = {{0}};
    uint64_t stale[SLOTS] = {0};
    check_state = seed;
    int64_t now_ns = (int64_t)check_below(1000000000000);
    ilp_pending *pending = ilp_pending_new(SLOTS, now_ns);
    CHECK(pending != NULL && ilp_pending_max(pending) == SLOTS);
    uint32_t in_use = 0;
    for (int step = 0; step < 3000; step++) {
        model *m = &models[check_below(SLOTS)];
        switch (check_below(5)) {
        case 0:
        case 1: {
            ilp_context *ctx = ilp_pending_get(pending);
            CHECK_EQ(ctx == NULL, in_use == SLOTS);
            if (!ctx) break;
            in_use++;
            CHECK(ctx->state == ILP_STATE_HELD && ctx->index < SLOTS && models[ctx->index].ctx == NULL);
            m = &models[ctx->index];
            m->ctx = ctx;
            m->handle = ilp_context_handle(ctx);
            m->armed = check_below(4) != 0;
            m->deadline_ns = ctx->expires_outgoing_ns = now_ns + some_delay();
            if (m->armed) ilp_pending_arm(pending, ctx);
            break;
        }
        case 2:
            if (!m->ctx) break;
            ilp_pending_put(pending, m->ctx);
            stale[m->ctx->index] = m->handle;
            m->ctx = NULL;
            in_use--;
            break;
        case 3:
            if (!m->ctx) break;
            ilp_pending_disarm(pending, m->ctx);
            m->armed = false;
            if (check_below(2)) {
                m->armed = true;
                m->deadline_ns = m->ctx->expires_outgoing_ns = now_ns + some_delay();
                ilp_pending_arm(pending, m->ctx);
            }
            break;
        default: now_ns += some_pause(); drain(pending, models, now_ns);
        }
        CHECK_EQ(ilp_pending_in_use(pending), in_use);
        for (uint32_t i = 0; i < SLOTS; i++) {
            if (models[i].ctx) {
                CHECK(ilp_pending_find(pending, models[i].handle) == models[i].ctx &&
                      ilp_pending_at(pending, i) == models[i].ctx);
            }
            if (stale[i]) CHECK(ilp_pending_find(pending, stale[i]) == NULL);
        }
    }
    ilp_pending_free(pending);
}

static void handles_that_never_were(void) {
    ilp_pending *pending = ilp_pending_new(4, 0);
    CHECK(pending != NULL);
    CHECK(ilp_pending_find(pending, 0) == NULL && ilp_pending_find(pending, UINT64_MAX) == NULL);
    ilp_context *ctx = ilp_pending_get(pending);
    CHECK(ctx != NULL);
    uint64_t handle = ilp_context_handle(ctx);
    CHECK(ilp_pending_find(pending, handle) == ctx);
    CHECK(ilp_pending_find(pending, handle + (UINT64_C(1) << 32)) == NULL && ilp_pending_find(pending, handle + 1) == NULL);
    ilp_pending_free(pending);
}

int main(void) {
    handles_that_never_were();
    for (uint64_t seed = 1; seed <= 40; seed++) against_a_model(seed * 0x9e3779b97f4a7c15u);
    return 0;
}
