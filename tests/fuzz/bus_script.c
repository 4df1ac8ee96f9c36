/* Runs bus scripts on the whole board, each on one at power-on, and reports which expectation
 * failed. A script runs twice, on a new board and on one that has been used and renewed, and must
 * end in the same state.
 *
 *     bus-script FILE...            runs scripts
 *     bus-script --trace FILE       the same once, and prints each line before it is run
 *     bus-script --random N COUNT   runs COUNT random scripts, the first with seed N
 *     bus-script --print N          prints that with seed N */
#include "tests/fuzz/mutate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/core/dev.h"

#define ACTIONS 120 /* in a random script */

/* Returns the number of failures: 0 or 1. */
static int run_lines(struct board *b, FILE *f, const char *path, bool print)
{
    char line[OP_LINE + 1], err[2 * OP_LINE];

    for (int number = 1; fgets(line, sizeof(line), f); number++) {
        struct op op;
        line[strcspn(line, "\n")] = 0;
        if (!op_parse(line, &op)) {
            fprintf(stderr, "%s:%d: '%s' is no command of bus scripts\n", path, number, line);
            return 1;
        }
        if (print)
            fprintf(stderr, "%s\n", line);
        if (op.kind != OP_NONE && !board_run(b, &op, err, sizeof(err))) {
            fprintf(stderr, "%s:%d: %s\n", path, number, err);
            return 1;
        }
    }
    return 0;
}

static int run_on(struct board *b, const char *path, bool print)
{
    FILE *f = fopen(path, "r");
    int failed;

    if (!f) {
        perror(path);
        return 1;
    }
    failed = run_lines(b, f, path, print);
    fclose(f);
    board_draw(b);
    return failed;
}

static int run_file(struct board *used, const char *path)
{
    struct board *b = board_open(false);
    int failed = run_on(b, path, false);
    u64 hash = board_hash(b);

    board_close(b);
    if (failed)
        return 1;
    board_renew(used);
    failed = run_on(used, path, false);
    if (!failed && board_hash(used) != hash)
        fprintf(stderr, "%s: two runs differ\n", path);
    return failed || board_hash(used) != hash;
}

static void random_script(const struct places *places, u64 seed, struct ops *ops)
{
    ops->count = 0;
    for (unsigned i = 0; i < ACTIONS; i++)
        drivers_act(places, seed * ACTIONS + i, ops);
}

static u64 run_ops(struct board *b, const struct ops *ops)
{
    char err[2 * OP_LINE];

    for (unsigned i = 0; i < ops->count; i++)
        board_run(b, &ops->op[i], err, sizeof(err));
    board_draw(b);
    return board_hash(b);
}

static int random_scripts(struct board *used, const struct places *places, u64 seed, u64 count)
{
    static struct ops ops;
    int failures = 0;

    for (u64 n = seed; n < seed + count; n++) {
        struct board *b = board_open(false);
        u64 hash;
        random_script(places, n, &ops);
        hash = run_ops(b, &ops);
        board_close(b);
        board_renew(used);
        if (run_ops(used, &ops) == hash)
            continue;
        fprintf(stderr, "seed %llu: two runs differ\n", (unsigned long long)n);
        failures = 1;
    }
    return failures;
}

static int print_random(const struct places *places, u64 seed)
{
    static struct ops ops;
    char line[OP_LINE];

    random_script(places, seed, &ops);
    for (unsigned i = 0; i < ops.count; i++) {
        op_print(&ops.op[i], line);
        puts(line);
    }
    return 0;
}

/* All devices that the emulator has are on the board. */
static int check_complete(struct board *b)
{
    int missing = 0;

    for (const struct dev_type *const *type = dev_types; *type; type++) {
        const struct dev *dev = board_rig(b)->bus->devs;
        while (dev && dev->type != *type)
            dev = dev->next;
        if (!dev)
            fprintf(stderr, "the board has no %s\n", (*type)->name);
        missing |= !dev;
    }
    return missing;
}

static int run(struct board *used, int argc, char **argv)
{
    struct places places;
    int failures = check_complete(used);

    places_find(&places, board_rig(used));
    board_renew(used);
    if (argc == 3 && !strcmp(argv[1], "--trace"))
        return run_on(used, argv[2], true);
    if (argc == 3 && !strcmp(argv[1], "--print"))
        return print_random(&places, strtoull(argv[2], NULL, 0));
    if (argc == 4 && !strcmp(argv[1], "--random"))
        return failures | random_scripts(used, &places, strtoull(argv[2], NULL, 0),
                                         strtoull(argv[3], NULL, 0));
    for (int i = 1; i < argc; i++)
        failures |= run_file(used, argv[i]);
    return failures;
}

int main(int argc, char **argv)
{
    struct board *used;
    int status;

    if (argc < 2) {
        fprintf(stderr, "usage: bus-script FILE... | --trace FILE | --random SEED COUNT | --print "
                        "SEED\n");
        return 2;
    }
    media_make();
    used = board_open(true);
    status = run(used, argc, argv);
    board_close(used);
    return status;
}
