/* The calendar behind ilp_time.h: digits to numbers eight at a time, days by the Gregorian rule. Reads no clock, knows no packet. */
#include "ilp_time.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "ilp_status.h"

#define MS_PER_DAY 86400000LL
#define DAYS_TO_1970 719162  /* from 0001-01-01 to 1970-01-01 */
#define DAYS_MARCH_SHIFT 306 /* from 0000-03-01 to 0001-01-01: years that begin in March end with the leap day */

_Static_assert(ILP_TIMESTAMP_LEN == 17, "8 date digits, 8 digits of time, 1 digit");
_Static_assert(ILP_TIME_MS_MIN == -DAYS_TO_1970 * MS_PER_DAY, "the first day of year 1");

static const uint16_t days_before_month[13] = {0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
static const uint8_t days_in_month[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

/* Eight ASCII digits to four numbers 0..99, in the bytes 0, 2, 4, 6 of *pairs (byte 0 is the lowest). False unless all are digits. */
static inline bool eight_digits(const uint8_t *at, uint64_t *pairs) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    /* '0'..'9' are 0x30..0x39: the high nibble is 3, and still is after adding 6. Where every high nibble is 3 the sum carries
     * nothing into its neighbour; where one is not, the first comparison has failed already. */
    uint64_t high = word & 0xf0f0f0f0f0f0f0f0u;
    uint64_t shifted = (word + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u;
    if ((high ^ 0x3030303030303030u) | (shifted ^ 0x3030303030303030u)) return false;
    word -= 0x3030303030303030u;
    *pairs = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ffu; /* tens are the lower byte: 10 * 9 + 9 fits a byte */
    return true;
}

static inline bool leap_year(uint32_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int ilp_time_parse(const uint8_t digits[17], int64_t *ms) {
    uint64_t date;
    uint64_t time;
    uint32_t last = (uint32_t)digits[16] - '0';
    if (!eight_digits(digits, &date) || !eight_digits(digits + 8, &time) || last > 9) return ILP_INVALID_PACKET;

    uint32_t year = (uint32_t)(date & 0xff) * 100 + (uint32_t)(date >> 16 & 0xff);
    uint32_t month = (uint32_t)(date >> 32 & 0xff);
    uint32_t day = (uint32_t)(date >> 48);
    uint32_t hour = (uint32_t)(time & 0xff);
    uint32_t minute = (uint32_t)(time >> 16 & 0xff);
    uint32_t second = (uint32_t)(time >> 32 & 0xff);
    uint32_t thousandths = (uint32_t)(time >> 48) * 10 + last;
    if (year == 0 || month - 1 > 11 || hour > 23 || minute > 59 || second > 59) return ILP_INVALID_PACKET;
    uint32_t leap = leap_year(year);
    if (day - 1 >= days_in_month[month] + (month == 2 ? leap : 0)) return ILP_INVALID_PACKET;

    uint32_t before = year - 1;
    uint32_t days =
        before * 365 + before / 4 - before / 100 + before / 400 + days_before_month[month] + (month > 2 ? leap : 0) + day - 1;
    uint32_t seconds = (hour * 60 + minute) * 60 + second;
    *ms = ((int64_t)days - DAYS_TO_1970) * MS_PER_DAY + (int64_t)seconds * 1000 + thousandths;
    return ILP_OK;
}

static inline void put_two(uint8_t *at, uint32_t value) {
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051"
        "52535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
        "9899";
    _Static_assert(sizeof pairs == 201, "one hundred pairs and NUL");
    memcpy(at, pairs + 2 * value, 2);
}

void ilp_time_format(int64_t ms, uint8_t digits[17]) {
    assert(ms >= ILP_TIME_MS_MIN && ms <= ILP_TIME_MS_MAX);
    uint64_t since = (uint64_t)(ms - ILP_TIME_MS_MIN);
    uint32_t day = (uint32_t)(since / MS_PER_DAY) + DAYS_MARCH_SHIFT;
    uint32_t in_day = (uint32_t)(since % MS_PER_DAY);

    /* A century has 36524.25 days and a year 365.25: counting quarter days makes both divisions exact, because the extra day
     * is always the last of its period. */
    uint32_t quarters = 4 * day + 3;
    uint32_t century = quarters / 146097;
    uint32_t quarters_left = quarters % 146097 | 3;
    uint32_t year = 100 * century + quarters_left / 1461;
    uint32_t day_of_year = quarters_left % 1461 / 4;
    /* From March on the months are 31 30 31 30 31 days, over and over: 153 days in five months. */
    uint32_t month = (5 * day_of_year + 2) / 153;
    uint32_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    month += 3;
    if (month > 12) {
        month -= 12;
        year += 1;
    }

    uint32_t seconds = in_day / 1000;
    uint32_t thousandths = in_day % 1000;
    put_two(digits, year / 100);
    put_two(digits + 2, year % 100);
    put_two(digits + 4, month);
    put_two(digits + 6, day_of_month);
    put_two(digits + 8, seconds / 3600);
    put_two(digits + 10, seconds / 60 % 60);
    put_two(digits + 12, seconds % 60);
    put_two(digits + 14, thousandths / 10);
    digits[16] = (uint8_t)('0' + thousandths % 10);
}
