/* libFuzzer's target for snapshot files. A finding is a crash, a sanitizer's report or a failed
 * CHECK; `snapshot-files FILE` repeats it. */
#include "tests/fuzz/snapfuzz.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    snapfuzz_open();
    atexit(snapfuzz_close);
    return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    snapfuzz_run(data, size);
    return 0;
}
