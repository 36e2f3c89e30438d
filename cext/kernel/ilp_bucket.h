/* A token bucket in integers: no division, no float, no drift. Counts any unit; knows neither packets nor what is limited.
 *
 * The level is kept in billionths of a unit, so that `per_second` units a second is exactly `per_second` billionths a nanosecond
 * and every refill is one exact multiplication. All ranges: per_second and burst are any u64; 2^63 ns * 2^64 < 2^127. */
#ifndef ILP_BUCKET_H
#define ILP_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define ILP_BUCKET_UNIT 1000000000u /* billionths in one unit; also nanoseconds in one second */

typedef struct ilp_bucket {
    unsigned __int128 level;     /* billionths of a unit, <= level_max */
    unsigned __int128 level_max; /* burst, in billionths */
    uint64_t per_second;         /* units that flow in each second */
    int64_t updated_ns;          /* when level was last brought up to date, CLOCK_BOOTTIME */
} ilp_bucket;

/* A full bucket. It stays full until the first take, whatever the clock says then. */
static inline void ilp_bucket_init(ilp_bucket *bucket, uint64_t per_second, uint64_t burst) {
    bucket->level_max = (unsigned __int128)burst * ILP_BUCKET_UNIT;
    bucket->level = bucket->level_max;
    bucket->per_second = per_second;
    bucket->updated_ns = 0;
}

/* Take `units` if they are there; otherwise take nothing. A clock that stands still or steps back adds nothing. */
static inline bool ilp_bucket_take(ilp_bucket *bucket, uint64_t units, int64_t now_ns) {
    unsigned __int128 cost = (unsigned __int128)units * ILP_BUCKET_UNIT;
    if (now_ns > bucket->updated_ns) {
        uint64_t elapsed_ns = (uint64_t)now_ns - (uint64_t)bucket->updated_ns;
        unsigned __int128 inflow = (unsigned __int128)elapsed_ns * bucket->per_second;
        unsigned __int128 room = bucket->level_max - bucket->level;
        bucket->level += inflow < room ? inflow : room;
        bucket->updated_ns = now_ns;
    }
    if (bucket->level < cost) return false;
    bucket->level -= cost;
    return true;
}

/* Put back units that were taken and not used. Never more than the bucket holds. */
static inline void ilp_bucket_give(ilp_bucket *bucket, uint64_t units) {
    unsigned __int128 refund = (unsigned __int128)units * ILP_BUCKET_UNIT;
    unsigned __int128 room = bucket->level_max - bucket->level;
    bucket->level += refund < room ? refund : room;
}

#endif
