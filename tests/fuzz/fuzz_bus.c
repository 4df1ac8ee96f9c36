/* libFuzzer's target: bus scripts on a whole board. A finding is a crash, a sanitizer's report, a
 * failed CHECK, or a command that takes too long; it is a script, which `bus-script` runs. Now and
 * then an input is run once more on a new board, which must end in the same state: nothing may get
 * from one input to the next. */
#include "tests/fuzz/mutate.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define COMPARE_EVERY 4096 /* inputs */

static struct {
    struct places places;
    struct board *board;
    struct ops ops, other;
    u64 inputs;
} f;

static void leave(void)
{
    board_close(f.board);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const u8 *one, size_t one_size, const u8 *two, size_t two_size,
                                 u8 *out, size_t max, unsigned seed);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    media_make();
    f.board = board_open(true);
    places_find(&f.places, board_rig(f.board));
    atexit(leave);
    return 0;
}

static void run(struct board *b)
{
    char err[2 * OP_LINE];

    for (unsigned i = 0; i < f.ops.count; i++)
        board_run(b, &f.ops.op[i], err, sizeof(err));
}

static void compare(void)
{
    struct board *b = board_open(false);

    run(b);
    CHECK(board_hash(b) == board_hash(f.board), "something is left of an earlier input");
    board_close(b);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    ops_parse(&f.ops, data, size);
    board_renew(f.board);
    run(f.board);
    if (size % 64 == 0) /* drawing takes longer than most of them */
        board_draw(f.board);
    if (f.inputs++ % COMPARE_EVERY == 0)
        compare();
    return 0;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned seed)
{
    ops_parse(&f.ops, data, size);
    ops_mutate(&f.ops, &f.places, seed, LLVMFuzzerMutate);
    return ops_print(&f.ops, data, max);
}

size_t LLVMFuzzerCustomCrossOver(const u8 *one, size_t one_size, const u8 *two, size_t two_size,
                                 u8 *out, size_t max, unsigned seed)
{
    ops_parse(&f.ops, one, one_size);
    ops_parse(&f.other, two, two_size);
    ops_cross(&f.ops, &f.other, seed);
    return ops_print(&f.ops, out, max);
}
