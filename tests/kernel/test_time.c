/* ilp_time: every day of 9999 years against a calendar that counts one day at a time, and everything that is no time. */
#include "check.h"
#include "ilp_status.h"
#include "ilp_time.h"

#define DAY_MS 86400000LL

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static void expect(int64_t ms, const char *digits) {
    uint8_t out[17];
    int64_t read;
    ilp_time_format(ms, out);
    CHECK_BYTES(out, digits, 17);
    uint8_t *exact = check_copy(digits, 17);
    CHECK_EQ(ilp_time_parse(exact, &read), ILP_OK);
    free(exact);
    CHECK_EQ(read, ms);
}

static void every_day(void) {
    int64_t ms = ILP_TIME_MS_MIN;
    for (int year = 1; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= days_in(year, month); day++, ms += DAY_MS) {
                char digits[64];
                int64_t in_day = (int64_t)check_below(DAY_MS);
                /* Most days at a random moment; the first of each month at both ends of the day. */
                if (day == 1) in_day = month % 2 ? 0 : DAY_MS - 1;
                int seconds = (int)(in_day / 1000);
                snprintf(digits, sizeof digits, "%04d%02d%02d%02d%02d%02d%03d", year, month, day, seconds / 3600,
                         seconds / 60 % 60, seconds % 60, (int)(in_day % 1000));
                expect(ms + in_day, digits);
            }
        }
    }
    CHECK_EQ(ms, ILP_TIME_MS_MAX + 1);
}

static void known_moments(void) {
    expect(0, "19700101000000000");
    expect(-1, "19691231235959999");
    expect(ILP_TIME_MS_MIN, "00010101000000000");
    expect(ILP_TIME_MS_MAX, "99991231235959999");
    expect(1528404522483, "20180607204842483");
    expect(951782400000, "20000229000000000");
}

static void dates_that_do_not_exist(void) {
    int64_t ms;
    char digits[64];
    for (int month = 0; month < 100; month++) {
        for (int day = 0; day < 100; day++) {
            for (int year = 1999; year <= 2000; year++) {
                snprintf(digits, sizeof digits, "%04d%02d%02d120000000", year, month, day);
                int exists = month >= 1 && month <= 12 && day >= 1 && day <= days_in(year, month);
                CHECK_EQ(ilp_time_parse((uint8_t *)digits, &ms), exists ? ILP_OK : ILP_INVALID_PACKET);
            }
        }
    }
    for (int number = 0; number < 100; number++) {
        snprintf(digits, sizeof digits, "20180607%02d0000000", number);
        CHECK_EQ(ilp_time_parse((uint8_t *)digits, &ms) == ILP_OK, number < 24);
        snprintf(digits, sizeof digits, "2018060700%02d00000", number);
        CHECK_EQ(ilp_time_parse((uint8_t *)digits, &ms) == ILP_OK, number < 60);
        snprintf(digits, sizeof digits, "201806070000%02d000", number);
        CHECK_EQ(ilp_time_parse((uint8_t *)digits, &ms) == ILP_OK, number < 60);
    }
    CHECK_EQ(ilp_time_parse((const uint8_t *)"00000607000000000", &ms), ILP_INVALID_PACKET);
    for (int year = 1600; year <= 2400; year += 100) {
        snprintf(digits, sizeof digits, "%04d0229000000000", year);
        CHECK_EQ(ilp_time_parse((uint8_t *)digits, &ms) == ILP_OK, year % 400 == 0);
    }
}

static void only_digits(void) {
    for (int at = 0; at < 17; at++) {
        for (int byte = 0; byte < 256; byte++) {
            uint8_t digits[17];
            int64_t ms;
            memcpy(digits, "11111111111111111", 17);
            digits[at] = (uint8_t)byte;
            if (byte < '0' || byte > '9') CHECK_EQ(ilp_time_parse(digits, &ms), ILP_INVALID_PACKET);
            /* A bad byte must not be made good by its neighbours. */
            digits[at ? at - 1 : 1] = 0xff;
            CHECK_EQ(ilp_time_parse(digits, &ms), ILP_INVALID_PACKET);
        }
    }
}

int main(void) {
    known_moments();
    every_day();
    dates_that_do_not_exist();
    only_digits();
    return 0;
}
