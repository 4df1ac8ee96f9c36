/* Snapshot files that a fuzzer might make: those named, or with --random SEED COUNT pseudo-random
 * ones. It ends well if none of them brings it down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/snapfuzz.h"

#define MAX_SIZE 4096

static u32 next_random(u32 *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Mostly in the first bytes of parts of the state: CPU and devices have their registers there. */
static void random_input(u32 seed)
{
    u8 data[64] = {1};
    size_t size = 1 + 5 * (1 + next_random(&seed) % 6);

    for (size_t i = 1; i < size; i += 5) {
        data[i] = next_random(&seed) % 8 ? 0x80 : (u8)next_random(&seed);
        data[i + 1] = (u8)next_random(&seed);
        data[i + 2] = (u8)next_random(&seed);
        data[i + 3] = next_random(&seed) % 4 ? 0 : (u8)next_random(&seed);
        data[i + 4] = (u8)next_random(&seed);
    }
    snapfuzz_run(data, size);
}

static bool run_file(const char *path)
{
    static u8 data[MAX_SIZE];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (!file) {
        perror(path);
        return false;
    }
    size = fread(data, 1, sizeof(data), file);
    fclose(file);
    snapfuzz_run(data, size);
    return true;
}

int main(int argc, char **argv)
{
    bool ok = true;

    snapfuzz_open();
    if (argc == 4 && !strcmp(argv[1], "--random")) {
        u32 seed = (u32)strtoul(argv[2], NULL, 0), count = (u32)strtoul(argv[3], NULL, 0);
        for (u32 i = 0; i < count; i++) {
            if (getenv("SNAPSHOT_FILES_VERBOSE"))
                fprintf(stderr, "seed %u\n", seed + i);
            random_input(seed + i);
        }
    } else {
        for (int i = 1; i < argc; i++)
            ok &= run_file(argv[i]);
    }
    snapfuzz_close();
    return !ok;
}
