/* Runs bus scripts on the whole board, each on one of its own, and reports which expectation
 * failed. A script runs twice and must end in the same state.
 *
 *     bus-script FILE...            runs scripts
 *     bus-script --decode FILE      prints a fuzzer's input as a script, line by line as it runs
 *     bus-script --random N COUNT   runs COUNT inputs of pseudo-random bytes, the first with seed N
 */
#include "tests/fuzz/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 4096

static void print_op(void *opaque, const struct op *op)
{
    char line[256];

    (void)opaque;
    op_print(op, line, sizeof(line));
    puts(line);
    fflush(stdout);
}

static int decode(const struct media *m, const char *path)
{
    static u8 data[1 << 20];
    FILE *f = fopen(path, "rb");
    struct board *b;
    size_t size;

    if (!f) {
        perror(path);
        return 2;
    }
    size = fread(data, 1, sizeof(data), f);
    fclose(f);
    b = board_open(m, size % 2);
    decode_run(b, data, size, print_op, NULL);
    board_draw(b);
    board_close(b);
    return 0;
}

/* Returns the number of failures: 0 or 1. */
static int run_lines(struct board *b, FILE *f, const char *path)
{
    char line[256], err[400];

    for (int number = 1; fgets(line, sizeof(line), f); number++) {
        struct op op;
        line[strcspn(line, "\n")] = 0;
        if (!op_parse(line, &op)) {
            fprintf(stderr, "%s:%d: '%s' is no command of bus scripts\n", path, number, line);
            return 1;
        }
        if (op.kind != OP_NONE && !board_run(b, &op, err, sizeof(err))) {
            fprintf(stderr, "%s:%d: %s\n", path, number, err);
            return 1;
        }
    }
    return 0;
}

static int run_file(const struct media *m, const char *path)
{
    u64 hash[2];

    for (int i = 0; i < 2; i++) {
        struct board *b = board_open(m, i);
        FILE *f = fopen(path, "r");
        int failed;
        if (!f) {
            perror(path);
            return 1;
        }
        failed = run_lines(b, f, path);
        fclose(f);
        board_draw(b);
        hash[i] = board_hash(b);
        board_close(b);
        if (failed)
            return 1;
    }
    if (hash[0] != hash[1])
        fprintf(stderr, "%s: two runs differ\n", path);
    return hash[0] != hash[1];
}

static u64 run_random(const struct media *m, u64 seed, bool heard)
{
    u8 data[INPUT_MAX];
    struct board *b = board_open(m, heard);
    u64 hash;

    for (size_t i = 0; i < sizeof(data); i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = (u8)(seed >> 56);
    }
    decode_run(b, data, sizeof(data), NULL, NULL);
    board_draw(b);
    hash = board_hash(b);
    board_close(b);
    return hash;
}

static int random_inputs(const struct media *m, u64 seed, u64 count)
{
    int failures = 0;

    for (u64 n = seed; n < seed + count; n++) {
        u64 first = run_random(m, n, false), second = run_random(m, n, true);
        if (first == second)
            continue;
        fprintf(stderr, "seed %llu: two runs differ\n", (unsigned long long)n);
        failures = 1;
    }
    return failures;
}

static int run(const struct media *m, int argc, char **argv)
{
    int failures = 0;

    if (argc == 3 && !strcmp(argv[1], "--decode"))
        return decode(m, argv[2]);
    if (argc == 4 && !strcmp(argv[1], "--random"))
        return random_inputs(m, strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
    for (int i = 1; i < argc; i++)
        failures |= run_file(m, argv[i]);
    return failures;
}

int main(int argc, char **argv)
{
    struct media m;
    int status;

    if (argc < 2) {
        fprintf(stderr, "usage: bus-script FILE... | --decode FILE | --random SEED COUNT\n");
        return 2;
    }
    media_make(&m);
    status = run(&m, argc, argv);
    media_remove(&m);
    return status;
}
