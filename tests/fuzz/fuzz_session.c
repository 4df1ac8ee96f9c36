/* libFuzzer's targets fuzz-gdb and fuzz-qmp: what comes from the other end of a protocol. A finding
 * is a crash, a sanitizer's report, a failed CHECK, or no end. */
#include "tests/fuzz/session.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    session_feed(PROTOCOL, data, size);
    return 0;
}
