/* ilp_bucket.h: exact refills, no take beyond the credit, no refund beyond the burst, at the ends of every range. */
#include "check.h"
#include "ilp_bucket.h"

static const int64_t SECOND = 1000000000;

static void test_starts_full_and_refills_exactly(void) {
    ilp_bucket bucket;
    ilp_bucket_init(&bucket, 3, 3);
    CHECK(ilp_bucket_take(&bucket, 3, SECOND));
    CHECK(!ilp_bucket_take(&bucket, 1, SECOND));
    CHECK(!ilp_bucket_take(&bucket, 1, SECOND + 333333333));
    CHECK(ilp_bucket_take(&bucket, 1, SECOND + 333333334));
    CHECK(!ilp_bucket_take(&bucket, 1, SECOND + 666666666));
    CHECK(ilp_bucket_take(&bucket, 1, SECOND + 666666667));
    CHECK(ilp_bucket_take(&bucket, 1, 2 * SECOND)); /* three in the second, nothing lost to rounding */
    CHECK(!ilp_bucket_take(&bucket, 1, 2 * SECOND));
}

static void test_refused_take_costs_nothing(void) {
    ilp_bucket bucket;
    ilp_bucket_init(&bucket, 1, 10);
    CHECK(!ilp_bucket_take(&bucket, 11, SECOND));
    CHECK(ilp_bucket_take(&bucket, 10, SECOND));
}

static void test_clock_back_adds_nothing(void) {
    ilp_bucket bucket;
    ilp_bucket_init(&bucket, 1, 1);
    CHECK(ilp_bucket_take(&bucket, 1, 5 * SECOND));
    CHECK(!ilp_bucket_take(&bucket, 1, 4 * SECOND));
    CHECK(!ilp_bucket_take(&bucket, 1, 5 * SECOND)); /* the way back up is not counted twice */
    CHECK(ilp_bucket_take(&bucket, 1, 6 * SECOND));
}

static void test_refund_stops_at_the_burst(void) {
    ilp_bucket bucket;
    ilp_bucket_init(&bucket, 1, 5);
    CHECK(ilp_bucket_take(&bucket, 2, SECOND));
    ilp_bucket_give(&bucket, 2);
    ilp_bucket_give(&bucket, UINT64_MAX);
    CHECK(ilp_bucket_take(&bucket, 5, SECOND));
    CHECK(!ilp_bucket_take(&bucket, 1, SECOND));
}

static void test_ends_of_the_ranges(void) {
    ilp_bucket bucket;
    ilp_bucket_init(&bucket, UINT64_MAX, UINT64_MAX);
    CHECK(ilp_bucket_take(&bucket, UINT64_MAX, INT64_MAX - SECOND));
    CHECK(!ilp_bucket_take(&bucket, UINT64_MAX, INT64_MAX - 1));
    CHECK(ilp_bucket_take(&bucket, UINT64_MAX, INT64_MAX));
    ilp_bucket_init(&bucket, UINT64_MAX, 1);
    CHECK(ilp_bucket_take(&bucket, 1, 1));
    CHECK(ilp_bucket_take(&bucket, 1, INT64_MAX)); /* 2^63 ns at 2^64 a second is no overflow */
    CHECK(!ilp_bucket_take(&bucket, 2, INT64_MAX));
    ilp_bucket_init(&bucket, 1, 0);
    CHECK(ilp_bucket_take(&bucket, 0, SECOND));
    CHECK(!ilp_bucket_take(&bucket, 1, 9 * SECOND));
}

int main(void) {
    test_starts_full_and_refills_exactly();
    test_refused_take_costs_nothing();
    test_clock_back_adds_nothing();
    test_refund_stops_at_the_burst();
    test_ends_of_the_ranges();
    return 0;
}
