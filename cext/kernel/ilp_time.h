/* 17-digit ILP timestamps <-> milliseconds since 1970 (UTC). Never reads a clock. Source: IL-RFC 30 "Fixed-length Timestamps".
 *
 * Milliseconds, not nanoseconds: year 9999 does not fit u64 nanoseconds. Second 60, year 0000 and every date that does not exist are refused. */
#ifndef ILP_TIME_H
#define ILP_TIME_H

#include <stdint.h>

#define ILP_TIMESTAMP_LEN 17u
#define ILP_TIME_MS_MIN (-62135596800000LL) /* 0001-01-01T00:00:00.000Z */
#define ILP_TIME_MS_MAX 253402300799999LL   /* 9999-12-31T23:59:59.999Z */

#ifdef __cplusplus
extern "C" {
#endif

/* ILP_OK or ILP_INVALID_PACKET. */
int ilp_time_parse(const uint8_t digits[17], int64_t *ms);
/* ms must lie in [ILP_TIME_MS_MIN, ILP_TIME_MS_MAX]. */
void ilp_time_format(int64_t ms, uint8_t digits[17]);

#ifdef __cplusplus
}
#endif

#endif
