/* Journals that a fuzzer might make: those named, or with --random SEED COUNT pseudo-random ones.
 * It ends well if none of them brings it down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/journalfuzz.h"

#define MAX_SIZE 65536

static u32 next_random(u32 *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void random_input(u32 seed)
{
    u8 data[400] = {1};
    size_t size = 1;

    while (size + 20 < sizeof(data)) {
        u8 len = (u8)(next_random(&seed) % 16);
        data[size] = (u8)(next_random(&seed) % 0xf0);
        data[size + 1] = (u8)next_random(&seed);
        data[size + 2] = (u8)(next_random(&seed) % 4);
        data[size + 3] = len;
        for (unsigned i = 0; i < len; i++)
            data[size + 4 + i] = (u8)next_random(&seed);
        if (len) /* something that a channel may know */
            data[size + 4] = (u8) "rniogmefi"[next_random(&seed) % 9];
        size += 4u + len;
    }
    journalfuzz_run(data, size);
}

static bool run_file(const char *path)
{
    static u8 data[MAX_SIZE];
    FILE *file = fopen(path, "rb");

    if (!file) {
        perror(path);
        return false;
    }
    journalfuzz_run(data, fread(data, 1, sizeof(data), file));
    fclose(file);
    return true;
}

int main(int argc, char **argv)
{
    bool ok = true;

    if (argc == 4 && !strcmp(argv[1], "--random")) {
        u32 seed = (u32)strtoul(argv[2], NULL, 0), count = (u32)strtoul(argv[3], NULL, 0);
        for (u32 i = 0; i < count; i++)
            random_input(seed + i);
    } else {
        for (int i = 1; i < argc; i++)
            ok &= run_file(argv[i]);
    }
    return !ok;
}
