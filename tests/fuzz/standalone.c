/* A small mutating main() for fuzz targets where clang's libFuzzer is absent: same targets, same seeds, no coverage feedback.
 *
 * usage: fuzz_NAME SECONDS CRASH_FILE PATH...   where a PATH is a seed or a folder of seeds. The seeds run first as they are, so
 * SECONDS 0 replays. When a sanitizer or a REQUIRE stops the program, the input is in CRASH_FILE. */
#include <dirent.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "fuzz.h"

#define INPUT_MAX 65536u
#define SEEDS_MAX 4096u

typedef struct input {
    uint8_t *at;
    size_t len;
} input;

static input seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t state;

static uint64_t below(uint64_t bound) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1du % bound;
}

static void read_seed(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(INPUT_MAX);
    REQUIRE(file != NULL && bytes != NULL);
    seeds[seed_count].len = fread(bytes, 1, INPUT_MAX, file);
    seeds[seed_count++].at = bytes;
    fclose(file);
}

static void read_seeds(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) return;
    if (!S_ISDIR(info.st_mode)) {
        read_seed(path);
        return;
    }
    DIR *folder = opendir(path);
    REQUIRE(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) && seed_count < SEEDS_MAX;) {
        char name[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        read_seed(name);
    }
    closedir(folder);
}

/* One small change of the kind that breaks parsers. */
static size_t mutate(uint8_t *at, size_t len) {
    static const uint8_t interesting[] = {0, 1, 0x0c, 0x0d, 0x0e, '.', '0', '9', 0x7f, 0x80, 0x81, 0x82, 0x88, 0x89, 0xff};
    size_t where = len ? below(len) : 0;
    switch (below(8)) {
    case 0:
        if (len) at[where] ^= (uint8_t)(1u << below(8));
        return len;
    case 1:
        if (len) at[where] = (uint8_t)below(256);
        return len;
    case 2:
        if (len) at[where] = interesting[below(sizeof interesting)];
        return len;
    case 3:
        if (len) at[where] = (uint8_t)(at[where] + below(9) - 4);
        return len;
    case 4: return below(len + 1); /* cut */
    case 5: {                      /* remove a piece */
        size_t n = len ? below(len - where) % 9 : 0;
        memmove(at + where, at + where + n, len - where - n);
        return len - n;
    }
    case 6: { /* put in random bytes: the only way up from an empty input */
        size_t n = 1 + below(8);
        if (len + n > INPUT_MAX) return len;
        memmove(at + where + n, at + where, len - where);
        for (size_t i = 0; i < n; i++) at[where + i] = (uint8_t)below(256);
        return len + n;
    }
    default: { /* put in a piece of another seed */
        const input *other = &seeds[below(seed_count)];
        size_t from = other->len ? below(other->len) : 0;
        size_t n = other->len ? below(other->len - from) % 33 : 0;
        if (len + n > INPUT_MAX) return len;
        memmove(at + where + n, at + where, len - where);
        memcpy(at + where, other->at + from, n);
        return len + n;
    }
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static const char *crash_file;
static const uint8_t *running;
static size_t running_len;

static void save_input(void) {
    FILE *file = fopen(crash_file, "wb");
    if (!file) return;
    fwrite(running, 1, running_len, file);
    fclose(file);
    fprintf(stderr, "the input is in %s\n", crash_file);
}

static void on_abort(int number) {
    (void)number;
    save_input();
    _Exit(77);
}

int main(int argc, char **argv) {
    REQUIRE(argc >= 3);
    double limit = atof(argv[1]);
    crash_file = argv[2];
    for (int i = 3; i < argc; i++) read_seeds(argv[i]);
    if (seed_count == 0) seeds[seed_count++] = (input){(uint8_t *)"", 0};
    signal(SIGABRT, on_abort);
    __sanitizer_set_death_callback(save_input);

    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    state = (uint64_t)now.tv_nsec << 20 | 1;
    uint8_t *work = malloc(INPUT_MAX);
    REQUIRE(work != NULL);
    double start = seconds();
    uint64_t executions = 0;
    while (executions < seed_count || executions % 256 != 0 || seconds() - start < limit) {
        const input *seed = executions < seed_count ? &seeds[executions] : &seeds[below(seed_count)];
        size_t len = seed->len;
        memcpy(work, seed->at, len);
        if (executions >= seed_count)
            for (uint64_t n = 1 + below(6); n > 0; n--) len = mutate(work, len);
        uint8_t *exact = malloc(len ? len : 1); /* a heap block of the exact size: the sanitizer sees one byte too many */
        REQUIRE(exact != NULL);
        memcpy(exact, work, len);
        running = exact;
        running_len = len;
        LLVMFuzzerTestOneInput(exact, len);
        free(exact);
        executions++;
    }
    free(work);
    printf("stat::number_of_executed_units: %llu\n", (unsigned long long)executions); /* as libFuzzer reports it */
    return 0;
}
