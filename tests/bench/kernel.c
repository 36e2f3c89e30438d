/* What one call of each packet function costs: kernel [MILLISECONDS per line], one line each, nanoseconds of CPU time, best of five.
 *
 * Build with the kernel's sources, optimised as the product is, and run on a quiet core:
 *   gcc -O2 -DNDEBUG -Icext/include -Icext/kernel tests/bench/kernel.c cext/kernel/ilp_*.c -o build/kernel && taskset -c 1 build/kernel */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "ilprouter.h"

#define QUESTIONS 65536u /* more destinations than caches hold for the large tables; a power of two */

static double budget_ns = 50e6;
static volatile uint64_t sink; /* keeps results alive */

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The empty assembly tells the compiler that memory may have changed: nothing is hoisted out of the loop. */
#define MEASURE(name, expression)                                 \
    do {                                                          \
        double best = 1e18;                                       \
        for (int repeat = 0; repeat < 5; repeat++) {              \
            uint64_t n = 0;                                       \
            double start = cpu_ns();                              \
            double took = 0;                                      \
            while (took < budget_ns) {                            \
                for (int batch = 0; batch < 4096; batch++, n++) { \
                    sink += (uint64_t)(expression);               \
                    __asm__ volatile("" ::: "memory");            \
                }                                                 \
                took = cpu_ns() - start;                          \
            }                                                     \
            if (took / (double)n < best) best = took / (double)n; \
        }                                                         \
        printf("%-34s %7.1f ns\n", name, best);                   \
    } while (0)

static void codec(void) {
    static const char destination_text[] = "g.us.bank-of-x.alice.~token.abcdefghijklm";
    uint8_t packet[256];
    uint8_t out[512];
    uint8_t hash[32] = {1};
    int64_t ms = 1700000000123;
    ilp_prepare_view prepare;
    ilp_fulfill_view fulfill;
    ilp_bytes_view destination = {(const uint8_t *)destination_text, sizeof destination_text - 1};
    ilp_bytes_view data = {out, 25};
    size_t len = ilp_prepare_encode(packet, sizeof packet, 107, ms, hash, destination, data);
    printf("a Prepare of %zu bytes, destination of %u\n", len, destination.len);
    MEASURE("prepare: parse and validate", ilp_prepare_parse(packet, len, &prepare) == ILP_OK);
    MEASURE("prepare: patch amount and expiry", (ilp_prepare_patch(packet, prepare.amount_offset, n, ms + (int64_t)n), 0));
    MEASURE("prepare: encode", ilp_prepare_encode(out, sizeof out, n, ms, hash, destination, prepare.data));
    MEASURE("address: validate", ilp_address_valid(destination.at, destination.len));
    MEASURE("timestamp: parse", ilp_time_parse(packet + prepare.amount_offset + 8, &ms));
    MEASURE("timestamp: format", (ilp_time_format((int64_t)n * 77777, out), 0));
    MEASURE("reject: make", ilp_reject_make(out, sizeof out, ILP_UNREACHABLE, destination, 0, 0));
    len = ilp_fulfill_encode(packet, sizeof packet, hash, data);
    MEASURE("fulfill: parse", ilp_fulfill_parse(packet, len, &fulfill) == ILP_OK);
    MEASURE("SHA-256 of 32 bytes", (ilp_sha256_32(hash, hash), hash[0]));
    MEASURE("SHA-256 of 32 bytes, portable", (ilp_sha256_32_portable(hash, hash), hash[0]));
}

static void routes(uint32_t count) {
    static char text[QUESTIONS][64];
    static ilp_bytes_view questions[QUESTIONS];
    char title[64];
    char *names = malloc((size_t)count * 40);
    ilp_route *list = malloc(count * sizeof *list);
    if (!names || !list) exit(1);
    for (uint32_t i = 0; i < count; i++) {
        int len = snprintf(names + (size_t)i * 40, 40, "g.region%u.node-%u", i % 321, i);
        list[i] = (ilp_route){{(const uint8_t *)names + (size_t)i * 40, (uint32_t)len}, i};
    }
    double start = cpu_ns();
    ilp_routes *table = ilp_routes_build(list, count);
    if (!table) exit(1);
    double built_ms = (cpu_ns() - start) / 1e6;
    uint32_t pick = 1;
    for (uint32_t i = 0; i < QUESTIONS; i++) {
        pick = pick * 1664525u + 1013904223u;
        uint32_t route = (pick >> 8) % count;
        int len = snprintf(text[i], sizeof text[i], "g.region%u.node-%u.alice.~%u", route % 321, route, i);
        questions[i] = (ilp_bytes_view){(const uint8_t *)text[i], (uint32_t)len};
    }
    printf("%u routes: built in %.2f ms, %.2f MiB\n", count, built_ms, (double)ilp_routes_memory(table) / 1048576);
    snprintf(title, sizeof title, "longest prefix of %u", count);
    MEASURE(title, ilp_routes_find(table, questions[n % QUESTIONS], NULL));
    ilp_routes_free(table);
    free(names);
    free(list);
}

int main(int argc, char **argv) {
    if (argc > 1) budget_ns = atof(argv[1]) * 1e6;
    printf("SHA instructions: %s\n", ilp_sha256_accelerated() ? "used" : "absent");
    codec();
    for (uint32_t count = 10; count <= 100000; count *= 10) routes(count);
    return 0;
}
