/* libFuzzer's target: bytes become accesses to a whole board (decode.c). A finding is a crash, a
 * sanitizer's report, a failed CHECK, or an op that takes too long; `bus-script --decode FILE`
 * prints it as a bus script. */
#include "tests/fuzz/decode.h"

#include <stdlib.h>

static struct media media;

static void remove_media(void)
{
    media_remove(&media);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    media_make(&media);
    atexit(remove_media);
    return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct board *b = board_open(&media, size % 2);

    decode_run(b, data, size, NULL, NULL);
    if (size % 8 == 0) /* drawing takes longer than most of them */
        board_draw(b);
    board_close(b);
    return 0;
}
