/* libFuzzer's target for journal files. A finding is a crash, a sanitizer's report or a failed
 * CHECK; `journal-files FILE` repeats it. */
#include "tests/fuzz/journalfuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    journalfuzz_run(data, size);
    return 0;
}
