/* Timestamps: what parses is written back to the same digits and lies in range; every number in range makes digits that parse. */
#include "fuzz.h"
#include "ilp_status.h"
#include "ilp_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t digits[ILP_TIMESTAMP_LEN];
    int64_t ms;
    if (size >= sizeof digits && ilp_time_parse(data, &ms) == ILP_OK) {
        REQUIRE(ms >= ILP_TIME_MS_MIN && ms <= ILP_TIME_MS_MAX);
        ilp_time_format(ms, digits);
        REQUIRE(memcmp(digits, data, sizeof digits) == 0);
    }
    if (size >= 8) {
        uint64_t number;
        int64_t again;
        memcpy(&number, data, 8);
        ms = ILP_TIME_MS_MIN + (int64_t)(number % (uint64_t)(ILP_TIME_MS_MAX - ILP_TIME_MS_MIN + 1));
        ilp_time_format(ms, digits);
        REQUIRE(ilp_time_parse(digits, &again) == ILP_OK && again == ms);
    }
    return 0;
}
