/* A budget that refills with time: `burst` units at once, `rate` units per second after that.
 *
 * Owns the arithmetic, integers only; never reads a clock and knows nothing of what is charged. */
#ifndef ILP_BUDGET_H
#define ILP_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ilp_budget {
    int64_t level;  /* billionths of a unit: burst * 1e9 is full */
    int64_t at_ns;  /* when level was last brought up to date */
    uint32_t burst; /* <= 1e9, so that nothing overflows */
    uint32_t rate;  /* units per second */
} ilp_budget;

static inline void ilp_budget_init(ilp_budget *budget, uint32_t burst, uint32_t rate, int64_t now_ns) {
    budget->burst = burst;
    budget->rate = rate;
    budget->level = (int64_t)burst * 1000000000;
    budget->at_ns = now_ns;
}

/* Give back units that turned out to be earned; never above the burst. */
static inline void ilp_budget_credit(ilp_budget *budget, uint32_t units) {
    const int64_t full = (int64_t)budget->burst * 1000000000;
    budget->level += (int64_t)units * 1000000000;
    if (budget->level > full) budget->level = full;
}

/* Take `units` if there are that many; false and nothing taken otherwise. */
static inline bool ilp_budget_take(ilp_budget *budget, uint32_t units, int64_t now_ns) {
    const int64_t full = (int64_t)budget->burst * 1000000000;
    const int64_t elapsed = now_ns - budget->at_ns;
    if (elapsed > 0) {
        budget->at_ns = now_ns;
        /* A bound on elapsed keeps the product in 64 bits: after burst seconds a rate of at least 1/s has filled it anyway. */
        if (budget->rate && elapsed >= (full - budget->level) / budget->rate)
            budget->level = full;
        else
            budget->level += elapsed * budget->rate;
    }
    if (budget->level < (int64_t)units * 1000000000) return false;
    budget->level -= (int64_t)units * 1000000000;
    return true;
}

#endif
