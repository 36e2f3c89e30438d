/* What the fuzz targets share: a check that stays on in every build. A target is one file fuzz_<name>.c that defines
 * LLVMFuzzerTestOneInput; run.sh finds it by its name. Knows nothing of what is fuzzed. */
#ifndef ILP_FUZZ_H
#define ILP_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                  \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            fprintf(stderr, "%s:%d: REQUIRE(%s) failed\n", __FILE__, __LINE__, #condition); \
            abort();                                                                        \
        }                                                                                   \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
